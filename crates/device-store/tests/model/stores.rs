//! The engine on several stores, which must give the same answers.

use std::fmt::Debug;
use std::sync::Arc;

use device_pool::store::Store;
use device_pool::{Config, Engine, Invocation, Moment, Retention, ServiceError};
use device_test::TestSigningKeys;
use device_wire::Operation;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::rules::Address;

/// Two engines on each store, like two servers. What one of them has decoded and keeps, the other
/// changes.
pub(crate) struct Stores {
    engines: Vec<(&'static str, [Engine; 2])>,
    /// The seed of the next call's randomness and engine, which are the same for all stores.
    seed: u64,
    /// The operation of the last call.
    pub(crate) last: Operation,
}

impl Stores {
    pub(crate) fn new(stores: &[(&'static str, Arc<dyn Store>)], seed: u64) -> Self {
        let both = |(name, store): &(&'static str, Arc<dyn Store>)| {
            let config = Config {
                region: "eu-test-1".into(),
                account_id: "000000000000".into(),
                public_base_url: "http://localhost:9229".into(),
                retention: Retention::default(),
            };
            let keys = Arc::new(TestSigningKeys::default());
            let engine =
                || Engine::builder(Arc::clone(store), config.clone(), keys.clone()).build();
            (*name, [engine(), engine()])
        };
        Self { engines: stores.iter().map(both).collect(), seed, last: Operation::GetUser }
    }

    /// Runs one operation on each store; returns the answer that all of them give.
    pub(crate) fn call(
        &mut self,
        operation: Operation,
        body: &Value,
        now: i64,
        from: Address,
    ) -> Result<Value, ServiceError> {
        self.seed = self.seed.wrapping_add(1);
        self.last = operation;
        let source_ip = match from {
            Address::Home => [203, 0, 113, 9],
            Address::Elsewhere => [198, 51, 100, 7],
        };
        let run = |engine: &Engine| {
            let mut rng = StdRng::seed_from_u64(self.seed);
            let mut invocation = Invocation {
                source_ip: Some(source_ip.into()),
                ..Invocation::new(Moment::from_millis(now), &mut rng)
            };
            let outcome = engine.execute(operation, body.clone(), &mut invocation)?;
            Ok(outcome.body.unwrap_or_default())
        };
        self.same(operation.name(), run)
    }

    /// Removes what is no longer kept.
    pub(crate) fn purge(&self, now: i64) {
        self.same("purge", |engine| engine.purge(Moment::from_millis(now))).unwrap();
    }

    fn same<T: Debug + PartialEq>(&self, what: &str, run: impl Fn(&Engine) -> T) -> T {
        let second = StdRng::seed_from_u64(self.seed).random_bool(0.5);
        let mut answers =
            self.engines.iter().map(|(name, engines)| (*name, run(&engines[usize::from(second)])));
        let (first, answer) = answers.next().unwrap();
        for (name, other) in answers {
            assert_eq!(other, answer, "{what}: {name} answers otherwise than {first}");
        }
        answer
    }
}
