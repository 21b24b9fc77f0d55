//! The service: the engine with its environment and limits.

mod access_keys;
mod administration;
mod builder;
mod console;
mod imports;
mod keys;
mod seed;

use std::mem;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use device_pool::store::Store;
use device_pool::{
    AuditHead, Config, Engine, Invocation, Message, Moment, Outcome, SealedLogs, ServiceError,
};
use device_store::SealedStore;
use device_wire::{Auth, Operation};
use rand_core::CryptoRng;
use serde_json::Value;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use uuid::Uuid;

use crate::administrator::Administrator;
use crate::administrators::AdminCheck;
use crate::admission::{Admission, Precedence};
use crate::body::{Body, BodyMemory};
use crate::constraint;
use crate::environment::{Clock, Entropy};
use crate::guess_budget::GuessBudget;
use crate::health::{Health, Unhealthy};
use crate::json;
use crate::limits::Limits;
use crate::metrics::{Metrics, Present};
use crate::origins::Origins;
use crate::outbound_queue::OutboundQueue;
use crate::pool_budget::{Category, PoolBudget, is_refresh};
use crate::sigv4::AccessKey;
use crate::subject::Subject;
use crate::trusted_proxies::TrustedProxies;
use crate::unrun_triggers::{self, Unrun};
use crate::without_effect::NamedOnce;

pub use administration::AdministrationCall;
pub(crate) use administration::named;
pub use builder::ServiceBuilder;

/// How long a key of a pool signs or seals before it is replaced: 90 days. Verifiers learn of a new
/// signing key from the pool's JWK set, which has the old one while its tokens are valid.
const POOL_KEY_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Documents (JWK sets, discovery) read at a time. Separate from the calls, because other services
/// need them to verify tokens; short, so that more may wait.
const MAX_DOCUMENTS: usize = 32;

/// How long a document waits before the answer is 503.
const DOCUMENT_WAIT: Duration = Duration::from_secs(5);

/// What is shown the messages to users; see [`ServiceBuilder::message_observer`].
pub type MessageObserver = dyn Fn(&[Message]) + Send + Sync;

/// A user-pool service.
///
/// ```no_run
/// use std::sync::Arc;
///
/// use device_server::{AccessKey, Administrators, PoolConfig, Server, Service, Storage};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let server = Server::bind(([127, 0, 0, 1], 9229).into()).await?;
/// let config = PoolConfig {
///     region: "us-east-1".to_owned(),
///     account_id: "000000000000".to_owned(),
///     public_base_url: server.endpoint(),
///     retention: Default::default(),
/// };
/// let store = Storage::Directory("device-data".into()).open()?;
/// let key = AccessKey::new("ADMIN", std::env::var("ADMIN_SECRET")?)?;
/// let service = Service::builder(store, config)
///     .administrators(Administrators::Signing(key))
///     .build();
/// server.serve(service, std::future::pending()).await;
/// # Ok(())
/// # }
/// ```
pub struct Service {
    engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    sealed: Option<Arc<SealedStore>>,
    health: Health,
    guess_budget: GuessBudget,
    pool_budget: PoolBudget,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    admission: Arc<Admission>,
    documents: Semaphore,
    region: String,
    message_observer: Arc<MessageObserver>,
    public_base_url: String,
    outbound_queue: OutboundQueue,
    without_effect: NamedOnce,
    /// Held while import jobs run.
    imports: Mutex<()>,
    /// Held while a policy trial runs, since each holds many sign-ins in memory.
    trials: Mutex<()>,
    has_hooks: bool,
    unrun_triggers: Unrun,
    pub(crate) administrators: AdminCheck,
    pub(crate) origins: Origins,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) metrics: Arc<Metrics>,
    /// Where the store's files are, if it has any.
    data_directory: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) body_memory: Arc<BodyMemory>,
}

/// A call as it arrived, body included.
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) head: Parts,
    pub(crate) body: Body,
    pub(crate) source_ip: Option<IpAddr>,
}

impl Service {
    /// Creates a builder for a service whose records are in `store`. `config` has what ids and
    /// tokens contain.
    ///
    /// Defaults: no one may administrate, pages of any origin may read answers, no proxy is
    /// trusted, messages to users are dropped, there are no hooks, clock and randomness are the
    /// system's, and the limits are [`Limits::default`].
    #[must_use]
    pub fn builder(store: Arc<dyn Store>, config: Config) -> ServiceBuilder {
        ServiceBuilder::new(store, config)
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now_millis()
    }

    fn moment(&self) -> Moment {
        Moment::from_millis(self.now())
    }

    /// A new version 4 UUID.
    pub(crate) fn request_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.entropy.generator().fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Runs a call: checks the caller, parses the body and asks the engine, in this order. Returns
    /// the answer, and the subject of the call.
    ///
    /// All of it runs off the async workers, because a body can be made expensive to check.
    pub(crate) async fn run(
        self: &Arc<Self>,
        call: Call,
    ) -> (Result<Option<Value>, ServiceError>, Subject) {
        let (operation, source) = (call.operation, call.source_ip);
        if let Err(refusal) = self.guess_budget.permit(operation, source, self.now()) {
            return (Err(refusal), Subject::default());
        }
        // All that follows from the decision is part of the work, which goes on if the caller
        // disconnects.
        let this = Arc::clone(self);
        let precedence = Precedence::of(operation, call.body.bytes());
        let answered = self.as_call(precedence, move |_| {
            let mut subject = Subject::default();
            Ok((this.decide_and_follow_up(&call, &mut subject), subject))
        });
        let (answer, subject) =
            answered.await.unwrap_or_else(|error| (Err(error), Subject::default()));
        if answer.is_ok() {
            self.without_effect.name(operation);
        }
        (answer, subject)
    }

    /// Decides a call, counts it if it was a guess, and does what its answer does not wait for.
    fn decide_and_follow_up(
        self: &Arc<Self>,
        call: &Call,
        subject: &mut Subject,
    ) -> Result<Option<Value>, ServiceError> {
        let operation = call.operation;
        let outcome = self.decide(call, subject);
        let refusal = outcome.as_ref().err().map(ServiceError::code);
        self.guess_budget.count(operation, call.source_ip, self.now(), refusal);
        if let Some(category) = subject.category {
            let (about, source) = (&subject.about, call.source_ip);
            self.pool_budget.count(category, about, source, self.now(), refusal);
        }
        let Outcome { body, messages } = outcome?;
        self.send(messages);
        if let (Some(dev), Some(body)) = (self.administrators.dev(), &body) {
            dev.expired.note(body);
        }
        self.follow_up(operation, body.as_ref());
        Ok(body)
    }

    fn decide(&self, call: &Call, subject: &mut Subject) -> Result<Outcome, ServiceError> {
        let Call { operation, head, body, source_ip } = call;
        let mut administrator = None;
        if operation.auth() == Auth::SigV4 {
            subject.administrator = self.administrators.claimed_key(head);
            let now = self.now();
            let signer = self.administrators.admit(head, body.bytes(), &self.region, now)?;
            subject.administrator = self.title_of(&signer);
            signer.check_role(*operation)?;
            administrator = Some(signer);
        }
        let body = json::object(body.bytes())?;
        subject.category = Category::of(*operation, &body);
        if let Some(category) = subject.category {
            self.pool_budget.permit(category, &body, *source_ip, self.now())?;
        }
        let input = match self.administrators.dev() {
            None => constraint::check(*operation, body)?,
            Some(dev) => dev.check(*operation, body)?,
        };
        let mut rng = self.entropy.generator();
        let mut invocation = Invocation {
            source_ip: *source_ip,
            administrator: subject.administrator.clone(),
            ..Invocation::new(self.moment(), &mut *rng)
        };
        let outcome = self.execute(*operation, input, administrator.as_ref(), &mut invocation);
        subject.about = invocation.about;
        outcome
    }

    /// Runs an operation that was checked against the model, as far as the key of `administrator`
    /// reaches.
    fn execute(
        &self,
        operation: Operation,
        input: Value,
        administrator: Option<&Administrator>,
        invocation: &mut Invocation<'_>,
    ) -> Result<Outcome, ServiceError> {
        if let Some(administrator) = administrator {
            administrator.check_pool(operation, &input)?;
            self.check_functions(administrator, operation, &input)?;
            invocation.pools.clone_from(&administrator.pools);
        }
        self.check_triggers(operation, &input)?;
        if is_refresh(operation, &input) {
            self.health.require_room(invocation.now.millis())?;
        }
        let outcome = self.engine.execute(operation, input, invocation);
        if outcome.as_ref().is_err_and(|error| error.detail().is_some()) {
            self.health.doubt();
        }
        // Due even if the operation was refused.
        self.send(mem::take(&mut invocation.warnings));
        outcome
    }

    /// What an act of this administrator brings.
    fn invocation_of<'a>(
        &self,
        administrator: &Administrator,
        source_ip: Option<IpAddr>,
        rng: &'a mut dyn CryptoRng,
    ) -> Invocation<'a> {
        Invocation {
            source_ip,
            administrator: self.title_of(administrator),
            ..Invocation::new(self.moment(), rng)
        }
    }

    /// Reads or follows a link in a message to a user, as `work` does.
    pub(crate) async fn follow_link<T: Send + 'static>(
        self: &Arc<Self>,
        source_ip: Option<IpAddr>,
        work: impl FnOnce(&Engine, &mut Invocation<'_>) -> Result<T, ServiceError> + Send + 'static,
    ) -> (Result<T, ServiceError>, Subject) {
        let work = self.as_call(Precedence::Second, move |service| {
            let mut rng = service.entropy.generator();
            let now = service.moment();
            let mut invocation = Invocation { source_ip, ..Invocation::new(now, &mut *rng) };
            let link = work(&service.engine, &mut invocation);
            let about = invocation.about;
            if link.as_ref().is_err_and(|error| error.detail().is_some()) {
                service.health.doubt();
            }
            Ok((link, Subject { about, ..Subject::default() }))
        });
        work.await.unwrap_or_else(|error| (Err(error), Subject::default()))
    }

    /// Refuses functions that the pool does not name yet, if the key is for some pools only.
    fn check_functions(
        &self,
        administrator: &Administrator,
        operation: Operation,
        input: &Value,
    ) -> Result<(), ServiceError> {
        let Some(config) = input.get("LambdaConfig") else { return Ok(()) };
        if administrator.pools.is_none() || operation != Operation::UpdateUserPool {
            return Ok(());
        }
        let mut rng = self.entropy.generator();
        let mut invocation = Invocation::new(self.moment(), &mut *rng);
        let request = serde_json::json!({ "UserPoolId": input.get("UserPoolId") });
        let pool = self.engine.execute(Operation::DescribeUserPool, request, &mut invocation)?;
        let pool = pool.body.unwrap_or_default();
        let known = pool.pointer("/UserPool/LambdaConfig").unwrap_or(&Value::Null);
        administrator.check_functions(config, known)
    }

    fn check_triggers(&self, operation: Operation, input: &Value) -> Result<(), ServiceError> {
        unrun_triggers::check(operation, input, self.has_hooks, self.unrun_triggers)
    }

    fn send(&self, mut messages: Vec<Message>) {
        if messages.is_empty() {
            return;
        }
        (self.message_observer)(&messages);
        if let Some(dev) = self.administrators.dev() {
            dev.messages.keep(&messages, self.moment());
            // In dev mode messages can be read back, so one without a transport is not lost.
            messages.retain(|message| self.outbound_queue.has_way_for(message));
        }
        self.outbound_queue.send(messages);
    }

    /// Writes the numbers of sign-ins that were not written yet. A failure is logged.
    ///
    /// Call it after the last request, if you serve [`app`](crate::app) without
    /// [`Server`](crate::Server).
    pub async fn write_counts(self: &Arc<Self>) {
        if let Err(error) = self.off_the_workers(|service| service.engine.write_counts()).await {
            tracing::error!(cause = error.detail(), "writing the numbers of sign-ins failed");
        }
    }

    /// Waits up to ten seconds for queued messages to users; logs those that did not arrive.
    ///
    /// Call it after the last request, if you serve [`app`](crate::app) without
    /// [`Server`](crate::Server).
    pub async fn finish_messages(&self) {
        self.outbound_queue.finish().await;
    }

    pub(crate) async fn jwks(
        self: &Arc<Self>,
        pool_id: String,
    ) -> Result<Option<Value>, ServiceError> {
        self.read(move |service| {
            if service.administrators.dev().is_some() {
                // A pool of a seed may have none yet.
                service.rotate_aged_keys()?;
            }
            service.engine.jwks(&pool_id, service.moment())
        })
        .await
    }

    pub(crate) async fn openid_configuration(
        self: &Arc<Self>,
        pool_id: String,
    ) -> Result<Option<Value>, ServiceError> {
        self.read(move |service| service.engine.openid_configuration(&pool_id)).await
    }

    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        match timeout(DOCUMENT_WAIT, self.documents.acquire()).await {
            Ok(Ok(_permit)) => self.off_the_workers(work).await,
            Ok(Err(_)) | Err(_) => Err(ServiceError::internal("too many documents are read")),
        }
    }

    /// Whether the store reads and writes. Not limited as calls are: a busy server is not broken.
    pub(crate) async fn probe(self: &Arc<Self>) -> Result<(), Unhealthy> {
        let now = self.now();
        let probe = async || {
            let probed = self.off_the_workers(move |service| Ok(service.health.probe(now))).await;
            probed.unwrap_or_else(|cause| Err(Unhealthy { reads: false, cause }))
        };
        self.health.check(probe).await
    }

    /// Replaces the server's own access key; `false` if it is the same, or nobody signs.
    ///
    /// It holds from the next call on. Keys that were added under the former one are void until the
    /// server gets that back, and sessions of its holder end.
    pub fn replace_access_key(&self, key: AccessKey) -> bool {
        self.administrators.replace_own(key, &self.store)
    }

    /// All figures, as Prometheus reads them.
    pub(crate) async fn figures(self: &Arc<Self>) -> String {
        let figures = self.off_the_workers(|service| {
            service.metrics.measure(Present {
                calls_in_flight: service.admission.in_flight(),
                messages_waiting: service.outbound_queue.waiting(),
                data_directory: service.data_directory.as_deref(),
            });
            Ok(service.metrics.text())
        });
        figures.await.unwrap_or_default()
    }

    /// Removes expired records, seals the audit trail, and replaces old keys. Failures are
    /// logged, and the next call retries.
    ///
    /// Call it every minute, if you serve [`app`](crate::app) without [`Server`](crate::Server).
    pub async fn maintain(self: &Arc<Self>) {
        let mut succeeded = true;
        let mut failed = |error: &ServiceError, what| {
            succeeded = false;
            tracing::error!(cause = error.detail(), "{what} failed");
        };
        match self.off_the_workers(|service| service.engine.purge(service.moment())).await {
            Ok(0) => {}
            Ok(records) => {
                self.metrics.purged(records);
                tracing::debug!(records, "purged");
            }
            Err(error) => failed(&error, "purge"),
        }
        match self.off_the_workers(|service| service.engine.totals()).await {
            Ok(totals) => self.metrics.counted(totals),
            Err(error) => failed(&error, "counting users and devices"),
        }
        let sealing = |service: &Self| Ok(service.seal_audit_logs());
        let sealed = self.off_the_workers(sealing).await;
        let failure = match sealed {
            Ok(SealedLogs { heads, failure, .. }) => {
                // A head that is kept elsewhere, such as where logs go, shows what is rewritten
                // later.
                for AuditHead { pool_id, size, root, signed, .. } in heads {
                    tracing::info!(pool = pool_id, size, root, signed, "audit log sealed");
                }
                failure
            }
            Err(error) => Some(error),
        };
        if let Some(error) = failure {
            failed(&error, "sealing the audit logs");
        }
        self.renew_seals().await;
        // Those that were interrupted by the end of a process.
        self.run_imports().await;
        match self.off_the_workers(Self::rotate_aged_keys).await {
            Ok(0) => {}
            Ok(pools) => tracing::info!(pools, "keys of pools replaced"),
            Err(error) => failed(&error, "replacing keys of pools"),
        }
        self.metrics.maintained(succeeded, self.now());
    }

    fn seal_audit_logs(&self) -> SealedLogs {
        let mut rng = self.entropy.generator();
        self.engine.seal_audit_logs(&mut Invocation::new(self.moment(), &mut *rng))
    }

    fn rotate_aged_keys(&self) -> Result<usize, ServiceError> {
        let mut rng = self.entropy.generator();
        let mut invocation = Invocation::new(self.moment(), &mut *rng);
        self.engine.rotate_keys(POOL_KEY_LIFE, &mut invocation)
    }

    /// Runs `work` off the workers as one of the calls that take turns; refuses it if it would wait
    /// too long.
    pub(crate) async fn as_call<T: Send + 'static>(
        self: &Arc<Self>,
        precedence: Precedence,
        work: impl FnOnce(&Self) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let service = Arc::clone(self);
        self.admission.run(precedence, move || work(&service)).await?
    }

    /// Runs `work` on a blocking thread. The engine blocks on storage and does big-number
    /// arithmetic, which must not run on async workers.
    pub(crate) async fn off_the_workers<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, ServiceError> {
        let service = Arc::clone(self);
        spawn_blocking(move || work(&service)).await.unwrap_or_else(|_| {
            Err(ServiceError::internal("the engine panicked; the panic hook logs where"))
        })
    }
}
