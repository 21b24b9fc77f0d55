//! The engine in its environment, and the door that lets only so many calls in at once.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method};
use device_pool::store::{Key, Store, Table};
use device_pool::{Config, Engine, Invocation, Message, Outcome, ServiceError};
use device_wire::{ErrorCode, Operation};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::dev;
use crate::environment::Environment;
use crate::outbound_queue::OutboundQueue;
use crate::sigv4::AccessKey;
use crate::transport::Transports;
use crate::trusted_proxies::TrustedProxies;
use crate::web_page;

/// Who may call the administrators' operations.
#[derive(Debug)]
#[non_exhaustive]
pub enum Administrators {
    /// Whoever signs with this key (AWS Signature Version 4).
    Signing(AccessKey),
    /// Anyone, signed or not, but no web page from elsewhere: for development on one's own machine
    /// alone.
    Anyone,
}

/// Which web pages may read the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Those of any origin; no answer depends on a cookie. Where [`Administrators::Anyone`] may
    /// administrate, pages that are not on this machine still may not.
    Any,
    /// Those of these origins, such as `https://app.example.com`.
    Only(Vec<HeaderValue>),
}

/// What a service is made of.
pub struct Setup {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What the engine says in its ids and tokens.
    pub pool: Config,
    /// Who may administrate.
    pub administrators: Administrators,
    /// Which web pages may read the answers.
    pub origins: Origins,
    /// Whose word is taken for where a request comes from.
    pub trusted_proxies: TrustedProxies,
    /// Who takes messages to users where.
    pub transports: Transports,
    /// Clock, randomness, key source, hooks and arithmetic.
    pub environment: Environment,
    /// How many calls may be decided at a time, each on a thread of its own; one more is refused
    /// with `TooManyRequestsException`, so that a flood is told at once instead of waiting without
    /// end.
    pub max_in_flight: usize,
}

/// What [`Setup::max_in_flight`] should be unless there is a reason: half of tokio's blocking
/// threads.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 256;

/// How long a key signs tokens before another takes its place: 90 days. Verifiers learn of the new
/// one from the pool's JWK set, which has the old one for as long as its tokens count.
const SIGNING_KEY_LIFE_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// A user-pool service, ready to be called.
pub struct Service {
    engine: Engine,
    store: Arc<dyn Store>,
    environment: Environment,
    admission: Arc<Semaphore>,
    region: String,
    public_url: String,
    outbound_queue: OutboundQueue,
    pub(crate) messages: dev::Messages,
    pub(crate) administrators: Administrators,
    pub(crate) origins: Origins,
    pub(crate) trusted_proxies: TrustedProxies,
}

impl Service {
    /// A service of these parts.
    #[must_use]
    pub fn new(setup: Setup) -> Arc<Self> {
        Arc::new(Self {
            region: setup.pool.region.clone(),
            public_url: setup.pool.public_base_url.clone(),
            engine: setup.environment.engine(Arc::clone(&setup.store), setup.pool),
            store: setup.store,
            environment: setup.environment,
            admission: Arc::new(Semaphore::new(setup.max_in_flight.min(Semaphore::MAX_PERMITS))),
            outbound_queue: OutboundQueue::new(setup.transports),
            messages: dev::Messages::default(),
            administrators: setup.administrators,
            origins: setup.origins,
            trusted_proxies: setup.trusted_proxies,
        })
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Whether a request that nobody signs comes from a web page that must not make it.
    pub(crate) fn is_foreign_page(&self, method: &Method, headers: &HeaderMap) -> bool {
        web_page::is_foreign(method, headers, &self.origins, &self.public_url)
    }

    pub(crate) fn now(&self) -> i64 {
        self.environment.clock.now_millis()
    }

    /// A new version 4 UUID.
    pub(crate) fn request_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.environment.entropy.generator().fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Runs one operation whose body was checked and whose caller was authenticated.
    pub(crate) async fn execute(
        self: &Arc<Self>,
        operation: Operation,
        body: Value,
        source_ip: Option<IpAddr>,
    ) -> Result<Option<Value>, ServiceError> {
        let Outcome { body, messages } = self
            .admit(move |service| {
                let mut rng = service.environment.entropy.generator();
                let mut invocation = Invocation { now: service.now(), rng: &mut *rng, source_ip };
                service.engine.execute(operation, body, &mut invocation)
            })
            .await?;
        self.send(messages);
        Ok(body)
    }

    fn send(&self, mut messages: Vec<Message>) {
        if messages.is_empty() {
            return;
        }
        if let Administrators::Anyone = self.administrators {
            self.messages.keep(&messages);
            // One that a developer reads here need not go anywhere else.
            messages.retain(|message| self.outbound_queue.has_way_for(message));
        }
        self.outbound_queue.send(messages);
    }

    /// Waits up to ten seconds for messages that are on their way to users; the log tells which did
    /// not arrive. For the end, when no more calls come: [`Server`](crate::Server) does it, and
    /// whoever mounts [`app`](crate::app) alone should do it too.
    pub async fn finish_messages(&self) {
        self.outbound_queue.finish().await;
    }

    pub(crate) async fn jwks(
        self: &Arc<Self>,
        pool_id: String,
    ) -> Result<Option<Value>, ServiceError> {
        self.admit(move |service| service.engine.jwks(&pool_id, service.now())).await
    }

    pub(crate) async fn openid_configuration(
        self: &Arc<Self>,
        pool_id: String,
    ) -> Result<Option<Value>, ServiceError> {
        self.admit(move |service| service.engine.openid_configuration(&pool_id)).await
    }

    /// Whether the store answers. Not counted against the calls in flight: a busy server is not a
    /// broken one.
    pub(crate) async fn probe(self: &Arc<Self>) -> Result<(), ServiceError> {
        self.off_the_workers(|service| {
            let key = Key { table: Table::Pool, id: "health".to_owned() };
            service.store.get(&key).map(drop).map_err(ServiceError::from)
        })
        .await
    }

    /// Removes what has expired, and replaces signing keys that have done their time.
    /// [`Server`](crate::Server) does it every minute; whoever mounts [`app`](crate::app) alone
    /// should do it too. What fails is logged and done next time.
    pub async fn maintain(self: &Arc<Self>) {
        match self.off_the_workers(|service| service.engine.purge(service.now())).await {
            Ok(0) => {}
            Ok(records) => tracing::debug!(records, "purged"),
            Err(error) => tracing::error!(cause = error.detail(), "purge failed"),
        }
        match self.off_the_workers(Self::rotate_signing_keys).await {
            Ok(0) => {}
            Ok(pools) => tracing::info!(pools, "signing keys replaced"),
            Err(error) => tracing::error!(cause = error.detail(), "replacing signing keys failed"),
        }
    }

    fn rotate_signing_keys(&self) -> Result<usize, ServiceError> {
        let mut rng = self.environment.entropy.generator();
        let mut invocation = Invocation { now: self.now(), rng: &mut *rng, source_ip: None };
        self.engine.rotate_signing_keys(SIGNING_KEY_LIFE_MILLIS, &mut invocation)
    }

    async fn admit<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let Ok(permit) = Arc::clone(&self.admission).try_acquire_owned() else {
            return Err(ServiceError::new(ErrorCode::TooManyRequests, "Too many requests"));
        };
        // The permit goes with the work: should the caller hang up, the work still occupies its
        // thread.
        self.off_the_workers(move |service| {
            let _permit = permit;
            work(service)
        })
        .await
    }

    /// The engine blocks on storage and does big-number arithmetic, neither of which belongs on an
    /// async worker.
    async fn off_the_workers<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let service = Arc::clone(self);
        spawn_blocking(move || work(&service)).await.unwrap_or_else(|_| {
            Err(ServiceError::internal("the engine panicked; the panic hook has the place"))
        })
    }
}
