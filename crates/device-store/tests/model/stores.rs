//! The engine on several stores, which must give the same answers.

use std::fmt::Debug;
use std::sync::Arc;

use device_pool::store::Store;
use device_pool::{Config, Engine, Invocation, Moment, Retention, ServiceError};
use device_test::TestSigningKeys;
use device_wire::Operation;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::rules::Address;

/// An engine on each store.
pub(crate) struct Stores {
    engines: Vec<(&'static str, Engine)>,
    /// The seed of the next call's randomness, which is the same for all engines.
    seed: u64,
    /// The operation of the last call.
    pub(crate) last: Operation,
}

impl Stores {
    pub(crate) fn new(stores: &[(&'static str, Arc<dyn Store>)], seed: u64) -> Self {
        let engine = |(name, store): &(&'static str, Arc<dyn Store>)| {
            let config = Config {
                region: "eu-test-1".into(),
                account_id: "000000000000".into(),
                public_base_url: "http://localhost:9229".into(),
                retention: Retention::default(),
            };
            let keys = Arc::new(TestSigningKeys::default());
            (*name, Engine::builder(Arc::clone(store), config, keys).build())
        };
        Self { engines: stores.iter().map(engine).collect(), seed, last: Operation::GetUser }
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
        let mut answers = self.engines.iter().map(|(name, engine)| (*name, run(engine)));
        let (first, answer) = answers.next().unwrap();
        for (name, other) in answers {
            assert_eq!(other, answer, "{what}: {name} answers otherwise than {first}");
        }
        answer
    }
}
