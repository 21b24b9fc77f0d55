//! Planting a seed, and going back to it.

use std::sync::Arc;

use device_pool::{Invocation, SeedError, SeedVerifiers, ServiceError};

use super::Service;
use crate::dev::{Dev, Planted};
use crate::seed::{Seed, SeedFileError};

impl Service {
    /// Adds what a seed has and the store has not; what exists stays as it is. A reset goes back to
    /// this seed.
    ///
    /// What is left out because something else has its name or id by now is told as a warning in
    /// the log.
    ///
    /// # Errors
    /// A service without dev mode, and the first thing that the rules refuse, with its place in the
    /// seed; then nothing is added.
    pub async fn plant(
        self: &Arc<Self>,
        seed: &Seed,
        verifiers: SeedVerifiers,
    ) -> Result<(), SeedFileError> {
        let whole = |error| seed.error(&SeedError { item: 0, field: String::new(), error });
        let Some(dev) = self.administrators.dev() else {
            return Err(whole(ServiceError::internal("seeds are for dev mode")));
        };
        let planted = Planted { items: seed.items().into(), verifiers };
        let remembered = planted.clone();
        let planting = self.off_the_workers(move |service| {
            Ok(service.with_invocation(|invocation| {
                service.engine.plant(&planted.items, planted.verifiers, invocation)
            }))
        });
        let left_out = planting.await.map_err(whole)?.map_err(|error| seed.error(&error))?;
        for left_out in left_out {
            tracing::warn!("left out: {}", seed.error(&left_out));
        }
        // A seed that was refused is nothing to go back to.
        dev.remember(remembered);
        Ok(())
    }

    /// Removes all records, and goes back to the seed and to how dev mode began.
    pub(crate) async fn reset(self: &Arc<Self>, dev: &Dev) -> Result<(), ServiceError> {
        let Planted { items, verifiers } = dev.planted();
        dev.reset();
        self.guess_budget.forget();
        self.pool_budget.forget();
        self.off_the_workers(move |service| {
            service
                .with_invocation(|invocation| service.engine.reset(&items, verifiers, invocation))
                .map_err(|error| error.error)
        })
        .await
    }

    fn with_invocation<T>(&self, work: impl FnOnce(&mut Invocation<'_>) -> T) -> T {
        let mut rng = self.entropy.generator();
        work(&mut Invocation::new(self.moment(), &mut *rng))
    }
}
