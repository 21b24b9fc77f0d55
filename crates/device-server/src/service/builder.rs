//! The builder of a service.

use std::path::PathBuf;
use std::sync::Arc;

use device_pool::store::Store;
use device_pool::{Config, DeviceMessages, Engine, Hooks, NoHooks, SigningKeySource};
use device_store::SealedStore;
use tokio::sync::{Mutex, Semaphore};

use super::{MAX_DOCUMENTS, MessageObserver, Service};
use crate::administrators::{AdminCheck, Administrators};
use crate::admission::Admission;
use crate::body::BodyMemory;
use crate::dev::DevClock;
use crate::environment::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::guess_budget::GuessBudget;
use crate::health::Health;
use crate::hook_gate::HookGate;
use crate::limits::{Limits, PoolRates};
use crate::metrics::{MeasuredStore, Metrics};
use crate::origins::Origins;
use crate::outbound_queue::OutboundQueue;
use crate::pool_budget::PoolBudget;
use crate::signing_keys::PregeneratedKeys;
use crate::transport::Transports;
use crate::trusted_proxies::TrustedProxies;
use crate::unrun_triggers::{NoHookSet, Unrun};
use crate::without_effect::NamedOnce;

/// Builds a [`Service`]; see [`Service::builder`].
pub struct ServiceBuilder {
    store: Arc<dyn Store>,
    sealed: Option<Arc<SealedStore>>,
    config: Config,
    administrators: Administrators,
    origins: Origins,
    trusted_proxies: TrustedProxies,
    transports: Transports,
    limits: Limits,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    hooks: Option<Arc<dyn Hooks>>,
    allow_unrun_triggers: bool,
    message_observer: Arc<MessageObserver>,
    data_directory: Option<PathBuf>,
    device_messages: DeviceMessages,
    // Expensive to create, so the default is created only if needed.
    signing_keys: Option<Arc<dyn SigningKeySource>>,
}

impl ServiceBuilder {
    pub(super) fn new(store: Arc<dyn Store>, config: Config) -> Self {
        Self {
            store,
            sealed: None,
            config,
            administrators: Administrators::default(),
            origins: Origins::default(),
            trusted_proxies: TrustedProxies::default(),
            transports: Transports::default(),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            hooks: None,
            allow_unrun_triggers: false,
            message_observer: Arc::new(|_| {}),
            data_directory: None,
            device_messages: DeviceMessages::default(),
            signing_keys: None,
        }
    }

    /// Names the store that seals the records, whose keys the service then renews and rotates.
    #[must_use]
    pub fn sealed(mut self, store: Arc<SealedStore>) -> Self {
        self.sealed = Some(store);
        self
    }

    /// Sets who may administrate.
    #[must_use]
    pub fn administrators(mut self, administrators: Administrators) -> Self {
        self.administrators = administrators;
        self
    }

    /// Sets the origins whose pages may read answers.
    #[must_use]
    pub fn origins(mut self, origins: Origins) -> Self {
        self.origins = origins;
        self
    }

    /// Sets the proxies whose statements about callers are trusted.
    #[must_use]
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.trusted_proxies = proxies;
        self
    }

    /// Sets how messages to users are delivered.
    #[must_use]
    pub fn transports(mut self, transports: Transports) -> Self {
        self.transports = transports;
        self
    }

    /// Sets the limits.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets the source of the time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the source of randomness.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Sets the operator's hooks.
    #[must_use]
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.hooks = Some(hooks);
        self
    }

    /// Accepts pools with triggers that nothing here would run; the log names them. Without it they
    /// are refused, unless anyone may administrate.
    #[must_use]
    pub fn allow_unrun_triggers(mut self) -> Self {
        self.allow_unrun_triggers = true;
        self
    }

    /// Shows `observer` the messages to users that a call caused, before the call is answered. They
    /// are delivered all the same. For tests, which read codes there.
    #[must_use]
    pub fn message_observer(mut self, observer: Arc<MessageObserver>) -> Self {
        self.message_observer = observer;
        self
    }

    /// Sets the directory of the store, whose sizes are among the figures.
    #[must_use]
    pub fn data_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data_directory = Some(directory.into());
        self
    }

    /// Sets the texts of messages about devices.
    #[must_use]
    pub fn device_messages(mut self, texts: DeviceMessages) -> Self {
        self.device_messages = texts;
        self
    }

    /// Sets the source of token-signing keys. Default: [`PregeneratedKeys`].
    #[must_use]
    pub fn signing_keys(mut self, source: Arc<dyn SigningKeySource>) -> Self {
        self.signing_keys = Some(source);
        self
    }

    /// Builds the service.
    #[must_use]
    pub fn build(mut self) -> Arc<Service> {
        let metrics = Metrics::new();
        self.store = Arc::new(MeasuredStore::new(self.store, Arc::clone(&metrics)));
        let has_hooks = self.hooks.is_some();
        let mode = match &self.administrators {
            Administrators::Anyone(mode) => Some(mode),
            Administrators::Nobody | Administrators::Signing(_) => None,
        };
        let is_dev = mode.is_some();
        let fixed_code = mode.and_then(|mode| mode.fixed_code().cloned());
        let dev_clock = Arc::new(DevClock::new(Arc::clone(&self.clock)));
        let clock = if is_dev { Arc::clone(&dev_clock) as Arc<dyn Clock> } else { self.clock };
        let unrun_triggers =
            if is_dev || self.allow_unrun_triggers { Unrun::Logged } else { Unrun::Refused };
        let hooks = self.hooks.unwrap_or_else(|| match unrun_triggers {
            Unrun::Logged => Arc::new(NoHooks),
            Unrun::Refused => Arc::new(NoHookSet),
        });
        let outbound_queue = OutboundQueue::new(
            self.transports,
            Arc::clone(&hooks),
            Arc::clone(&self.store),
            Arc::clone(&metrics),
        );
        let hooks = HookGate::new(hooks, self.limits.max_hooks);
        let signing_keys = self.signing_keys.unwrap_or_else(|| Arc::new(PregeneratedKeys::start()));
        let Config { region, public_base_url, .. } = self.config.clone();
        let administrators = AdminCheck::new(
            self.administrators,
            &self.store,
            &self.origins,
            &public_base_url,
            &dev_clock,
        );
        let mut engine = Engine::builder(Arc::clone(&self.store), self.config, signing_keys)
            .hooks(Arc::new(hooks))
            .device_messages(self.device_messages);
        if is_dev {
            engine = engine.chosen_ids();
        }
        if let Some(code) = fixed_code {
            engine = engine.fixed_code(code);
        }
        let none = PoolRates { sign_ups: 0, code_requests: 0, failures: 0 };
        let pool_rates = if is_dev { none } else { self.limits.pool_rates };
        Arc::new(Service {
            administrators,
            region,
            public_base_url,
            health: Health::new(Arc::clone(&self.store)),
            engine: engine.build(),
            guess_budget: GuessBudget::new(self.limits.max_guesses_per_address),
            pool_budget: PoolBudget::new(pool_rates),
            message_observer: self.message_observer,
            store: self.store,
            sealed: self.sealed,
            clock,
            entropy: self.entropy,
            admission: Admission::new(&self.limits),
            metrics,
            data_directory: self.data_directory,
            documents: Semaphore::new(MAX_DOCUMENTS),
            outbound_queue,
            without_effect: NamedOnce::default(),
            imports: Mutex::default(),
            trials: Mutex::default(),
            has_hooks,
            unrun_triggers,
            origins: self.origins,
            trusted_proxies: self.trusted_proxies,
            body_memory: BodyMemory::new(self.limits.max_body_bytes),
            limits: self.limits,
        })
    }
}
