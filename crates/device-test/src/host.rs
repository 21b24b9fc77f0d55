//! The service in the test's process: an engine over memory, with the test's time and randomness.

use std::sync::{Arc, Mutex, PoisonError};

use device_pool::store::{Change, Store, Table, Write};
use device_pool::{Engine, Invocation, Message, Moment, ServiceError, SigningKeySource};
use device_server::{PoolConfig, ServiceBuilder};
use device_store::MemoryStore;
use device_wire::{Operation, Request};
use serde_json::Value;

use crate::clock::FakeClock;
use crate::entropy::SharedRng;
use crate::keys::TestSigningKeys;
use crate::service::service_in;

/// The number of records that are read at a time while all are removed.
const PAGE: usize = 100;

/// An engine, and what calling it requires.
pub(crate) struct Host {
    pub(crate) clock: FakeClock,
    pub(crate) rng: SharedRng,
    pub(crate) messages: Messages,
    config: PoolConfig,
    store: Arc<dyn Store>,
    keys: Arc<dyn SigningKeySource>,
    engine: Engine,
}

impl Host {
    pub(crate) fn new(config: PoolConfig, clock: FakeClock, seed: u64) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys: Arc<dyn SigningKeySource> = Arc::new(TestSigningKeys::default());
        let engine = Engine::builder(Arc::clone(&store), config.clone(), Arc::clone(&keys)).build();
        let (rng, messages) = (SharedRng::new(seed), Messages::default());
        Self { clock, rng, messages, config, store, keys, engine }
    }

    /// The same service for HTTP. An engine has no state except the store, so both see the same.
    pub(crate) fn service(&self) -> ServiceBuilder {
        let (store, keys) = (Arc::clone(&self.store), Arc::clone(&self.keys));
        let messages = self.messages.clone();
        service_in(store, self.config.clone(), keys, &self.clock)
            .entropy(Arc::new(self.rng.clone()))
            .message_observer(Arc::new(move |sent| messages.keep(sent)))
    }

    pub(crate) fn execute(
        &self,
        operation: Operation,
        body: Value,
    ) -> Result<Option<Value>, ServiceError> {
        self.run(|invocation| self.engine.execute(operation, body, invocation))
    }

    pub(crate) fn call<R: Request>(&self, request: &R) -> Result<R::Output, ServiceError> {
        self.run(|invocation| self.engine.call(request, invocation))
    }

    fn run<T>(
        &self,
        call: impl FnOnce(&mut Invocation<'_>) -> Result<device_pool::Outcome<T>, ServiceError>,
    ) -> Result<T, ServiceError> {
        let mut rng = self.rng.fork();
        let now = Moment::from_millis(self.clock.now());
        let mut invocation = Invocation::new(now, &mut rng);
        let outcome = call(&mut invocation);
        self.messages.keep(&invocation.warnings);
        let outcome = outcome?;
        self.messages.keep(&outcome.messages);
        Ok(outcome.body)
    }

    /// Removes every record and message, and starts the randomness again.
    pub(crate) fn clear(&self) {
        for table in Table::ALL {
            loop {
                let page = self.store.scan(table, "", None, PAGE).unwrap();
                if page.is_empty() {
                    break;
                }
                let writes = page.into_iter().map(|(key, _)| (key, Write::Delete)).collect();
                self.store.apply(Change { expect: Vec::new(), writes }).unwrap();
            }
        }
        self.messages.clear();
        self.rng.restart();
    }
}

/// Messages to users, the oldest first.
#[derive(Clone, Default)]
pub(crate) struct Messages(Arc<Mutex<Vec<Message>>>);

impl Messages {
    fn keep(&self, sent: &[Message]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(sent);
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn all(&self) -> Vec<Message> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
