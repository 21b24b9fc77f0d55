//! The engine: runs an operation against the store.

mod counts;
mod links;
mod seeds;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use device_wire::{ErrorCode, Operation, Request, Sensitive};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::command::asked_once::AskedOnce;
use crate::command::context::Context;
use crate::command::decoded::DecodedRecords;
use crate::command::notes::Notes;
use crate::command::transaction::{Transaction, written};
use crate::crypto::jwt::{KeyRing, PublicKey, SigningKeys};
use crate::error::ServiceError;
use crate::host::development::Development;
use crate::host::device_messages::DeviceMessages;
use crate::host::hooks::{Hooks, NoHooks};
use crate::host::invocation::{About, Config, Invocation, Outcome};
use crate::host::moment::Moment;
use crate::host::risk::{NewAddressOrFailures, RiskEvaluator};
use crate::host::server_act::ServerAct;
use crate::host::signing_keys::SigningKeySource;
use crate::operations;
use crate::records::audit_event::AuditEvent;
use crate::records::pool::Pool;
use crate::records::pool_keys::{PoolKeyKind, PoolKeys};
use crate::rules::audit_events::{self, AuditEventsPage, AuditEventsRequest};
use crate::rules::audit_export::{self, AuditExportPage, AuditExportRequest};
use crate::rules::audit_sealing::{self, LogKeeper, SealedLogs};
use crate::rules::device_limits::IdleDevices;
use crate::rules::failure_limit::FailureLimit;
use crate::rules::import_files::{self, Rows};
use crate::rules::sign_in_hours::SignInHours;
use crate::rules::user_limits::UserLimits;
use crate::rules::{audit, listing, pool_counts, pool_deletion, unknown_names, user_deletion};
use crate::sign_in::policy_trial::{self, PolicyTrial, PolicyTrialRequest};
use crate::store::{Key, Store, StoreError, Table, Write};

/// The number of times that a command is decided again after conflicts.
const MAX_DECISIONS: usize = 16;

/// The rules of a user-pool service over a [`Store`].
pub struct Engine {
    store: Arc<dyn Store>,
    config: Config,
    decoded: DecodedRecords,
    key_ring: KeyRing,
    signing_keys: Arc<dyn SigningKeySource>,
    hooks: Arc<dyn Hooks>,
    risk: Arc<dyn RiskEvaluator>,
    device_messages: DeviceMessages,
    development: Development,
    idle_devices: IdleDevices,
    sign_in_hours: SignInHours,
    failure_limit: FailureLimit,
    user_limits: UserLimits,
    log_keeper: LogKeeper,
    /// Held while many records are removed, so that no new record is removed with them.
    upkeep: Mutex<()>,
}

/// Builds an [`Engine`]; see [`Engine::builder`].
pub struct EngineBuilder(Engine);

impl EngineBuilder {
    /// Sets the operator's hooks. Default: [`NoHooks`].
    #[must_use]
    pub fn hooks(mut self, hooks: Arc<dyn Hooks>) -> Self {
        self.0.hooks = hooks;
        self
    }

    /// Sets the evaluator of a sign-in's risk, used in pools with advanced security. Default:
    /// [`NewAddressOrFailures`].
    #[must_use]
    pub fn risk(mut self, evaluator: Arc<dyn RiskEvaluator>) -> Self {
        self.0.risk = evaluator;
        self
    }

    /// Sets the texts of messages about devices.
    #[must_use]
    pub fn device_messages(mut self, texts: DeviceMessages) -> Self {
        self.0.device_messages = texts;
        self
    }

    /// Sends users this code instead of a random one. For development only.
    #[must_use]
    pub fn fixed_code(mut self, code: Sensitive<String>) -> Self {
        self.0.development.code = Some(code);
        self
    }

    /// Lets callers choose the ids of pools and clients. For development only.
    ///
    /// `CreateUserPool` takes it from the tag `_custom_id_`, and `CreateUserPoolClient` from a
    /// `ClientName` that starts with `_custom_id_:`.
    #[must_use]
    pub fn chosen_ids(mut self) -> Self {
        self.0.development.chosen_ids = true;
        self
    }

    /// Builds the engine.
    #[must_use]
    pub fn build(self) -> Engine {
        self.0
    }
}

impl Engine {
    /// Starts a builder over `store`. `signing_keys` generates the keys that sign a pool's tokens.
    pub fn builder(
        store: Arc<dyn Store>,
        config: Config,
        signing_keys: Arc<dyn SigningKeySource>,
    ) -> EngineBuilder {
        EngineBuilder(Self {
            store,
            config,
            decoded: DecodedRecords::default(),
            key_ring: KeyRing::default(),
            signing_keys,
            hooks: Arc::new(NoHooks),
            risk: Arc::new(NewAddressOrFailures),
            device_messages: DeviceMessages::default(),
            development: Development::default(),
            idle_devices: IdleDevices::default(),
            sign_in_hours: SignInHours::default(),
            failure_limit: FailureLimit::default(),
            user_limits: UserLimits::default(),
            log_keeper: LogKeeper::default(),
            upkeep: Mutex::default(),
        })
    }

    /// Runs the operation of a typed request; see [`Engine::execute`].
    ///
    /// # Errors
    ///
    /// As [`Engine::execute`].
    pub fn call<R: Request>(
        &self,
        request: &R,
        invocation: &mut Invocation<'_>,
    ) -> Result<Outcome<R::Output>, ServiceError> {
        let unreadable = |what: &str| {
            ServiceError::internal(format!("{} {what} cannot be converted", R::OPERATION))
        };
        let body = serde_json::to_value(request).map_err(|_| unreadable("request"))?;
        let Outcome { body, messages } = self.execute(R::OPERATION, body, invocation)?;
        let body = R::Output::deserialize(&body.unwrap_or_default())
            .map_err(|_| unreadable("response"))?;
        Ok(Outcome { body, messages })
    }

    /// Runs one operation.
    ///
    /// `body` must have passed the model's constraint checks. For an administrator's operation, the
    /// caller must have been authenticated as one. Blocks on storage and does big-number
    /// arithmetic: keep it off async workers.
    ///
    /// # Errors
    ///
    /// The service's refusal. A refused command has changed only its audit trail and attempt
    /// counters, and sends no messages but the invocation's `warnings`.
    pub fn execute(
        &self,
        operation: Operation,
        body: Value,
        invocation: &mut Invocation<'_>,
    ) -> Result<Outcome, ServiceError> {
        let creates =
            matches!(operation, Operation::CreateUserPool | Operation::CreateUserPoolClient);
        if self.development.chosen_ids && creates {
            // What gets the id of a deleted one must not be erased with it.
            let _alone = self.upkeep();
            pool_deletion::erase(&*self.store)?;
        }
        self.decide(invocation, |cx| {
            let decided =
                operations::dispatch(cx, operation, &body).map_err(|error| error.within(operation));
            audit::conclude(cx, operation, decided.as_ref().err()).and(decided)
        })
    }

    /// Keeps the CSV file of an import job. `token` is the last part of the job's URL.
    ///
    /// # Errors
    ///
    /// A URL that is wrong or has expired, or a job that was started. Storage failures.
    pub fn put_import_file(
        &self,
        pool_id: &str,
        token: &str,
        csv: &Sensitive<String>,
        invocation: &mut Invocation<'_>,
    ) -> Result<(), ServiceError> {
        self.decide(invocation, |cx| import_files::put(cx, pool_id, token, csv.clone()))
            .map(|outcome| outcome.body)
    }

    /// The import jobs that may have rows left: pool and job id of each.
    ///
    /// # Errors
    ///
    /// Storage failures.
    pub fn unfinished_imports(&self) -> Result<Vec<(String, String)>, ServiceError> {
        import_files::unfinished(&*self.store)
    }

    /// Runs an import job that was started.
    ///
    /// It ends with the last row, or when an administrator stops it. Each row is one change, so a
    /// job goes on where it was interrupted.
    ///
    /// # Errors
    ///
    /// Storage failures, and another process that runs the same job.
    pub fn import_users(
        &self,
        pool_id: &str,
        job_id: &str,
        invocation: &mut Invocation<'_>,
    ) -> Result<(), ServiceError> {
        let read = self.decide(invocation, |cx| Rows::read(cx, pool_id, job_id))?;
        let Some(rows) = read.body else { return Ok(()) };
        loop {
            let next =
                self.decide(invocation, |cx| import_files::advance(cx, pool_id, job_id, &rows))?;
            let Some(row) = next.body else { return Ok(()) };
            let import =
                |cx: &mut Context<'_, '_>| import_files::import(cx, pool_id, job_id, &rows, row);
            match self.decide(invocation, import) {
                Ok(_) => {}
                Err(error) if error.detail().is_some() => return Err(error),
                Err(refusal) => {
                    self.decide(invocation, |cx| {
                        import_files::count_refused(cx, pool_id, job_id, row, &refusal)
                    })?;
                }
            }
        }
    }

    /// Decides a command on the present state, again if that has changed meanwhile, and applies it.
    fn decide<T>(
        &self,
        invocation: &mut Invocation<'_>,
        command: impl Fn(&mut Context<'_, '_>) -> Result<T, ServiceError>,
    ) -> Result<Outcome<T>, ServiceError> {
        let hooks = AskedOnce::new(&*self.hooks);
        for _ in 0..MAX_DECISIONS {
            hooks.decide_again();
            let mut cx = self.context(&hooks, invocation);
            let decided = command(&mut cx);
            let Context { tx, outbox, warnings, notes, .. } = cx;
            match tx.commit(decided.is_ok()) {
                Ok(()) => {
                    invocation.warnings = warnings;
                    self.development.drop_passwords(&notes.completed);
                    let About { pool_id, sign_in, .. } = &invocation.about;
                    if let (Some(pool_id), Some(outcome)) = (pool_id, sign_in) {
                        self.sign_in_hours.count(pool_id, *outcome, invocation.now);
                    }
                    return decided.map(|body| Outcome { body, messages: outbox });
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::new(
            ErrorCode::TooManyRequests,
            "Too many requests change the same user at once.",
        ))
    }

    fn context<'a, 'c>(
        &'a self,
        hooks: &'a AskedOnce<'a>,
        invocation: &'a mut Invocation<'c>,
    ) -> Context<'a, 'c> {
        Context {
            tx: Transaction::with_decoded(&*self.store, &self.decoded),
            notes: Notes::default(),
            invocation,
            outbox: Vec::new(),
            warnings: Vec::new(),
            config: &self.config,
            key_ring: &self.key_ring,
            hooks,
            signing_keys: &*self.signing_keys,
            risk: &*self.risk,
            device_messages: &self.device_messages,
            development: &self.development,
        }
    }

    fn upkeep(&self) -> MutexGuard<'_, ()> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that verify the pool's tokens at `now`, as a JWK set; `None` for an unknown pool.
    ///
    /// The set contains the two current keys, and earlier ones whose tokens may still be valid.
    ///
    /// # Errors
    ///
    /// Storage failures.
    pub fn jwks(&self, pool_id: &str, now: Moment) -> Result<Option<Value>, ServiceError> {
        let mut tx = Transaction::new(&*self.store);
        let Some(keys) = tx.find::<PoolKeys>(pool_id)? else { return Ok(None) };
        let mut set = Vec::new();
        for kind in [&keys.access, &keys.id] {
            if let Some(current) = &kind.current {
                set.push(self.key_ring.public(current)?.jwk());
            }
            set.extend(kind.retired(now).map(PublicKey::jwk));
        }
        Ok(Some(json!({ "keys": set })))
    }

    /// Replaces pools' keys that are `age` old or older; returns the number of pools changed.
    ///
    /// Keys that a pool of a seed still lacks are generated.
    ///
    /// Issued tokens stay valid: [`Engine::jwks`] includes the old signing keys until their last
    /// token has expired, and old sealing keys open what they sealed.
    ///
    /// # Errors
    ///
    /// Failures of the store or the key source. Pools changed before the failure keep their new
    /// keys.
    pub fn rotate_keys(
        &self,
        age: Duration,
        invocation: &mut Invocation<'_>,
    ) -> Result<usize, ServiceError> {
        let now = invocation.now;
        let is_due = |keys: &PoolKeys, kind| match kind {
            PoolKeyKind::Signing => !keys.can_sign() || keys.access.age(now) >= age,
            PoolKeyKind::Sealing => keys.sealing_age(now) >= age,
        };
        self.rotate_keys_of_all(&is_due, &mut None, invocation)
    }

    /// Replaces keys of a pool, or of all pools, now; returns the number of pools changed.
    ///
    /// The first change brings an event of the audit trail, which says what was acted on: `about`.
    ///
    /// # Errors
    ///
    /// As those of [`Engine::rotate_keys`].
    pub fn replace_keys(
        &self,
        kind: PoolKeyKind,
        pool_id: Option<&str>,
        about: String,
        invocation: &mut Invocation<'_>,
    ) -> Result<usize, ServiceError> {
        let act = ServerAct::KeysRotated;
        let mut event = Some(audit::of_server(act, about, &self.config.retention, invocation));
        let is_due = |_: &PoolKeys, other| kind == other;
        match pool_id {
            None => self.rotate_keys_of_all(&is_due, &mut event, invocation),
            Some(pool_id) => {
                let _alone = self.upkeep();
                self.rotate_keys_of(pool_id, &is_due, &mut event, invocation).map(usize::from)
            }
        }
    }

    fn rotate_keys_of_all(
        &self,
        is_due: &dyn Fn(&PoolKeys, PoolKeyKind) -> bool,
        event: &mut Option<AuditEvent>,
        invocation: &mut Invocation<'_>,
    ) -> Result<usize, ServiceError> {
        const PAGE: usize = 100;
        let _alone = self.upkeep();
        let mut rotated = 0;
        let mut after: Option<String> = None;
        loop {
            let page = self.store.scan(Table::PoolKeys, "", after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(rotated) };
            after = Some(last.id.clone());
            for (pool, _) in page {
                let changed = self.rotate_keys_of(&pool.id, is_due, event, invocation)?;
                rotated += usize::from(changed);
            }
        }
    }

    /// Replaces the keys of a pool that are due. `event` is written and taken with the change.
    fn rotate_keys_of(
        &self,
        pool_id: &str,
        is_due: &dyn Fn(&PoolKeys, PoolKeyKind) -> bool,
        event: &mut Option<AuditEvent>,
        invocation: &mut Invocation<'_>,
    ) -> Result<bool, ServiceError> {
        for _ in 0..MAX_DECISIONS {
            let mut tx = Transaction::new(&*self.store);
            let Some(mut keys) = tx.find::<PoolKeys>(pool_id)? else { return Ok(false) };
            let [signing, sealing] =
                [PoolKeyKind::Signing, PoolKeyKind::Sealing].map(|kind| is_due(&keys, kind));
            if !signing && !sealing {
                return Ok(false);
            }
            let kid = |keys: &SigningKeys| keys.current.as_ref().map(|key| key.kid.clone());
            let replaced = [kid(&keys.access), kid(&keys.id)];
            if signing {
                keys.access.rotate(&*self.signing_keys, invocation, &self.key_ring)?;
                keys.id.rotate(&*self.signing_keys, invocation, &self.key_ring)?;
            }
            if sealing {
                keys.rotate_sealing(invocation);
            }
            tx.put(&keys)?;
            if let Some(event) = event {
                tx.put(event)?;
            }
            match tx.commit(true) {
                Ok(()) => {
                    *event = None;
                    if signing {
                        replaced.iter().flatten().for_each(|kid| self.key_ring.forget(kid));
                    }
                    return Ok(true);
                }
                // Another server of the same store has changed the keys or deleted the pool.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ServiceError::new(
            ErrorCode::TooManyRequests,
            "Too many requests change the same keys at once.",
        ))
    }

    /// The pool's OpenID discovery document; `None` for an unknown pool.
    ///
    /// # Errors
    ///
    /// Storage failures.
    pub fn openid_configuration(&self, pool_id: &str) -> Result<Option<Value>, ServiceError> {
        let mut tx = Transaction::new(&*self.store);
        if tx.find::<Pool>(pool_id)?.is_none() {
            return Ok(None);
        }
        let issuer = format!("{}/{pool_id}", self.config.public_base_url);
        Ok(Some(json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "token"],
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        })))
    }

    /// The event of an act at the server itself, for the audit trail. The host writes it together
    /// with what the act changes. `about` says what was acted on, without a secret.
    ///
    /// # Errors
    /// None that a caller could cause: an event always converts.
    pub fn server_event(
        &self,
        act: ServerAct,
        about: String,
        invocation: &mut Invocation<'_>,
    ) -> Result<(Key, Write), ServiceError> {
        written(&audit::of_server(act, about, &self.config.retention, invocation))
    }

    /// What other device settings would have asked of a pool's recorded sign-ins. Writes nothing.
    ///
    /// It reads at most 50,000 events, and says whether these were all.
    ///
    /// # Errors
    /// `InvalidParameterException` for settings that cannot be tried, `ResourceNotFoundException`
    /// for an unknown pool, and storage failures.
    pub fn try_policy(
        &self,
        request: &PolicyTrialRequest,
        now: Moment,
    ) -> Result<PolicyTrial, ServiceError> {
        policy_trial::run(&*self.store, request, now)
    }

    /// Seals events into their pools' audit logs; returns the new head of each log that grew.
    ///
    /// Call it every minute. Several servers of one store may call it at the same time. If one log
    /// fails, the others are sealed all the same, and the result has the failure.
    pub fn seal_audit_logs(&self, invocation: &mut Invocation<'_>) -> SealedLogs {
        self.log_keeper.run(&*self.store, &self.config.public_base_url, invocation)
    }

    /// One page of the export of a pool's audit log, which [`AuditVerifier`] verifies.
    ///
    /// The first page seals the events up to now, but at most 10,000 of them.
    ///
    /// [`AuditVerifier`]: crate::AuditVerifier
    ///
    /// # Errors
    /// `ResourceNotFoundException` for a pool without a log, and storage failures.
    pub fn export_audit(
        &self,
        request: &AuditExportRequest,
        invocation: &mut Invocation<'_>,
    ) -> Result<AuditExportPage, ServiceError> {
        if request.next.is_none() {
            let (pool_id, url) = (&request.pool_id, &self.config.public_base_url);
            audit_sealing::seal_pool(&*self.store, pool_id, url, invocation)?;
        }
        audit_export::page(&*self.store, request, invocation.now)
    }

    /// Reads a page of events of the audit trail, as they are stored.
    ///
    /// # Errors
    /// `InvalidParameterException` for a user without a pool, and storage failures.
    pub fn audit_events(
        &self,
        request: &AuditEventsRequest,
    ) -> Result<AuditEventsPage, ServiceError> {
        audit_events::page(&*self.store, request)
    }

    /// Removes what the engine no longer keeps. Returns the number of records.
    ///
    /// These are expired records, records of deleted pools, traces of deleted users, idle devices,
    /// surplus records of unknown names, and surplus failures, sessions and devices of users.
    ///
    /// [`Retention`](crate::host::invocation::Retention) sets the limits, and the pool's tag
    /// `device:forget-after-idle` when a device is idle.
    ///
    /// # Errors
    ///
    /// Storage failures.
    pub fn purge(&self, now: Moment) -> Result<usize, ServiceError> {
        let _alone = self.upkeep();
        let retention = &self.config.retention;
        // Each is done even if another fails, and the first failure is returned.
        let removed = [
            pool_deletion::erase(&*self.store).map_err(ServiceError::from),
            user_deletion::erase(&*self.store).map_err(ServiceError::from),
            self.idle_devices.forget(&*self.store, retention, now),
            unknown_names::cap(&*self.store, retention.max_unknown_names),
            self.failure_limit.apply(&*self.store, retention.max_failures_per_user, now),
            self.user_limits.apply(&*self.store, retention, now),
            listing::complete(&*self.store).map(|()| 0),
            pool_counts::add_up(&*self.store).map(|()| 0),
            self.sign_in_hours.write(&*self.store).map(|()| 0),
            // Last: a store may now clear what the others deleted from its files.
            self.store.purge(now.millis()).map_err(ServiceError::from),
        ];
        removed.into_iter().sum()
    }
}
