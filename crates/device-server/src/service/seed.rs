//! Planting a seed, and going back to it.

use std::sync::Arc;

use device_pool::{Invocation, SeedError, ServiceError};

use super::Service;
use crate::dev::Planted;
use crate::seed::{Seed, SeedFileError};

impl Service {
    /// Adds what a seed has and the store has not; what exists stays as it is. In dev mode, a reset
    /// goes back to this seed.
    ///
    /// What is left out because something else has its name or id by now is told as a warning in
    /// the log.
    ///
    /// If the store is `in_memory`, passwords are held in memory until their users are first read,
    /// and their verifiers are computed then: a thousand would delay the start.
    ///
    /// # Errors
    /// The first thing that the rules refuse, with its place in the seed; then nothing is added.
    pub async fn plant(
        self: &Arc<Self>,
        seed: &Seed,
        in_memory: bool,
    ) -> Result<(), SeedFileError> {
        let planted = Planted { items: seed.items().into(), in_memory };
        let remembered = planted.clone();
        let planting = self.off_the_workers(move |service| {
            Ok(service.with_invocation(|invocation| {
                service.engine.plant(&planted.items, planted.in_memory, invocation)
            }))
        });
        let left_out = match planting.await {
            Ok(planted) => planted.map_err(|error| seed.error(&error))?,
            Err(error) => {
                return Err(seed.error(&SeedError { item: 0, field: String::new(), error }));
            }
        };
        for left_out in left_out {
            tracing::warn!("left out: {}", seed.error(&left_out));
        }
        // A seed that was refused is nothing to go back to.
        if let Some(dev) = self.administrators.dev() {
            dev.remember(remembered);
        }
        Ok(())
    }

    /// Removes all records, and goes back to the seed and to how dev mode began.
    pub(crate) async fn reset(self: &Arc<Self>) -> Result<(), ServiceError> {
        let Some(dev) = self.administrators.dev() else { return Ok(()) };
        let Planted { items, in_memory } = dev.planted();
        dev.reset();
        self.guess_budget.forget();
        self.off_the_workers(move |service| {
            service
                .with_invocation(|invocation| service.engine.reset(&items, in_memory, invocation))
                .map_err(|error| error.error)
        })
        .await
    }

    fn with_invocation<T>(&self, work: impl FnOnce(&mut Invocation<'_>) -> T) -> T {
        let mut rng = self.entropy.generator();
        work(&mut Invocation::new(self.moment(), &mut *rng))
    }
}
