//! The service in the test's process: an engine over memory, with the test's time and randomness.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use device_pool::store::{Change, Store, Table, Write};
use device_pool::{
    Engine, Invocation, Message, Moment, SeedError, SeedItem, SeedVerifiers, ServiceError,
    SigningKeySource,
};
use device_server::{Administrators, DevMode, PoolConfig, ServiceBuilder};
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
    mode: DevMode,
}

impl Host {
    pub(crate) fn new(config: PoolConfig, clock: FakeClock, seed: u64) -> Self {
        Self::with_code(config, clock, seed, None)
    }

    /// A service that sends users `code`, if there is one, instead of random ones.
    pub(crate) fn with_code(
        config: PoolConfig,
        clock: FakeClock,
        seed: u64,
        code: Option<&str>,
    ) -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys: Arc<dyn SigningKeySource> = Arc::new(TestSigningKeys::default());
        let mut engine = Engine::builder(Arc::clone(&store), config.clone(), Arc::clone(&keys));
        let mut mode = DevMode::default();
        if let Some(code) = code {
            engine = engine.fixed_code(code.into());
            mode = mode.code(code).unwrap();
        }
        let (rng, messages) = (SharedRng::new(seed), Messages::default());
        Self { clock, rng, messages, config, store, keys, engine: engine.build(), mode }
    }

    /// The same service for HTTP. An engine has no state except the store, so both see the same.
    pub(crate) fn service(&self) -> ServiceBuilder {
        let (store, keys) = (Arc::clone(&self.store), Arc::clone(&self.keys));
        let (messages, clock) = (self.messages.clone(), self.clock.clone());
        service_in(store, self.config.clone(), keys, &self.clock)
            .administrators(Administrators::Anyone(self.mode.clone()))
            .entropy(Arc::new(self.rng.clone()))
            .message_observer(Arc::new(move |sent| messages.keep(sent, &clock)))
    }

    /// Adds what a seed has and the store has not.
    pub(crate) fn plant(&self, items: &[SeedItem]) -> Result<(), SeedError> {
        let mut rng = self.rng.fork();
        let now = Moment::from_millis(self.clock.now());
        // Every engine of the store has to find the verifiers there.
        let mut invocation = Invocation::new(now, &mut rng);
        self.engine.plant(items, SeedVerifiers::AtOnce, &mut invocation).map(drop)
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
        self.messages.keep(&invocation.warnings, &self.clock);
        let outcome = outcome?;
        self.messages.keep(&outcome.messages, &self.clock);
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

/// A message to a user, and when it was sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SentMessage {
    /// Its number; numbers only grow.
    pub id: u64,
    /// When it was sent, by the pool's clock.
    pub time: SystemTime,
    /// What was sent, and to whom.
    pub message: Message,
}

/// Messages to users, the oldest first.
#[derive(Clone, Default)]
pub(crate) struct Messages(Arc<Mutex<Sent>>);

#[derive(Default)]
struct Sent {
    messages: Vec<SentMessage>,
    last_id: u64,
}

impl Messages {
    fn keep(&self, sent: &[Message], clock: &FakeClock) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for message in sent {
            kept.last_id += 1;
            let (id, time) = (kept.last_id, clock.system_time());
            kept.messages.push(SentMessage { id, time, message: message.clone() });
        }
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).messages.clear();
    }

    pub(crate) fn since(&self, id: u64) -> Vec<SentMessage> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.messages.iter().filter(|message| message.id > id).cloned().collect()
    }
}
