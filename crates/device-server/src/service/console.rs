//! What an administrators' console asks of a service, beyond what every caller may.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use device_pool::{DeviceCount, Outcome, ServiceError, SignInHour};
use device_wire::{Auth, ErrorCode, Operation, Request};
use serde::Deserialize as _;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Service;
use crate::administrator::Administrator;
use crate::admission::Precedence;
use crate::constraint;
use crate::dev::KeptMessage;
use crate::sigv4;

impl Service {
    /// Makes an administrator's call in the same process: with the same checks of its values, the
    /// same limits and the same effects as over HTTP. The caller has authenticated `administrator`.
    ///
    /// # Errors
    /// What the API answers; and `AccessDeniedException` for an operation that needs a user's
    /// token, or that changes something if `administrator` may only read.
    pub async fn call<R: Request>(
        self: &Arc<Self>,
        administrator: &Administrator,
        request: &R,
        source_ip: Option<IpAddr>,
    ) -> Result<R::Output, ServiceError> {
        let operation = R::OPERATION;
        let body = serde_json::to_value(request)
            .map_err(|_| ServiceError::internal(format!("{operation} request does not convert")))?;
        let body = self.call_as(administrator, operation, body, source_ip).await?;
        R::Output::deserialize(&body)
            .map_err(|_| ServiceError::internal(format!("{operation} response does not convert")))
    }

    /// The part of [`call`](Self::call) that the compiler need not copy for each operation.
    async fn call_as(
        self: &Arc<Self>,
        administrator: &Administrator,
        operation: Operation,
        body: Value,
        source_ip: Option<IpAddr>,
    ) -> Result<Value, ServiceError> {
        if operation.auth() != Auth::SigV4 {
            return Err(denied(format!("{operation} is not an administrator's operation.")));
        }
        administrator.check_role(operation)?;
        let administrator = administrator.clone();
        self.as_call(Precedence::First, move |service| {
            let input = constraint::check(operation, body)?;
            let mut rng = service.entropy.generator();
            let mut invocation = service.invocation_of(&administrator, source_ip, &mut *rng);
            let Outcome { body, messages } =
                service.execute(operation, input, Some(&administrator), &mut invocation)?;
            // Here, because this future is dropped if the browser disconnects.
            service.send(messages);
            Ok(body.unwrap_or_default())
        })
        .await
    }

    /// The number of devices of a pool by status, as far as they are counted.
    ///
    /// # Errors
    /// A pool that is not the administrator's, and storage failures.
    pub async fn count_devices(
        self: &Arc<Self>,
        administrator: &Administrator,
        pool_id: String,
    ) -> Result<DeviceCount, ServiceError> {
        administrator.check_pool_id(&pool_id)?;
        self.as_call(Precedence::First, move |service| service.engine.count_devices(&pool_id)).await
    }

    /// The sign-ins of a pool in each of the last `hours`, the earliest first.
    ///
    /// # Errors
    /// A pool that is not the administrator's, and storage failures.
    pub async fn sign_ins_by_hour(
        self: &Arc<Self>,
        administrator: &Administrator,
        pool_id: String,
        hours: u16,
    ) -> Result<Vec<SignInHour>, ServiceError> {
        administrator.check_pool_id(&pool_id)?;
        self.as_call(Precedence::First, move |service| {
            service.engine.sign_ins_by_hour(&pool_id, hours, service.moment())
        })
        .await
    }

    /// The administrator who signed a request.
    ///
    /// # Errors
    /// What an administrator's operation answers to a request that is not signed right;
    /// `TooManyRequestsException` if too many calls are under way.
    pub async fn signer(
        self: &Arc<Self>,
        head: Parts,
        body: Vec<u8>,
    ) -> Result<Administrator, ServiceError> {
        let admitted = self.as_call(Precedence::Second, move |service| {
            service.administrators.admit(&head, &body, &service.region, service.now())
        });
        admitted.await.inspect_err(|error| {
            tracing::warn!(
                error = error.code().as_str(),
                "a signed call besides the operations was refused"
            );
        })
    }

    /// The bytes of the signature that a request claims, if it has one.
    #[must_use]
    pub fn claimed_signature(&self, head: &Parts) -> Option<[u8; 32]> {
        sigv4::claimed_signature(&head.headers)
    }

    /// The administrator whose access key this is, if it is one.
    ///
    /// # Errors
    /// `TooManyRequestsException` if too many calls are under way, and storage failures.
    pub async fn holder(
        self: &Arc<Self>,
        access_key_id: String,
        secret: Zeroizing<String>,
    ) -> Result<Option<Administrator>, ServiceError> {
        let holder = self.as_call(Precedence::Second, move |service| {
            service.administrators.of_key(&access_key_id, &secret, service.now())
        });
        let holder = holder.await?;
        if holder.is_none() {
            tracing::warn!("a wrong access key was given at the console");
        }
        Ok(holder)
    }

    /// The administrator's title, for logs and the audit trail; `None` in dev mode.
    pub(crate) fn title_of(&self, administrator: &Administrator) -> Option<String> {
        self.asks_for_proof().then(|| administrator.title())
    }

    /// The holder of the access key with this id, while the key is good.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn administrator(
        self: &Arc<Self>,
        key_id: String,
    ) -> Result<Option<Administrator>, ServiceError> {
        self.off_the_workers(move |service| service.administrators.holder(&key_id, service.now()))
            .await
    }

    /// Whether administrators have to prove that they are: always, but in dev mode.
    #[must_use]
    pub fn asks_for_proof(&self) -> bool {
        self.administrators.dev().is_none()
    }

    /// Whether dev mode does not trust the page or the host name of a request. Always false
    /// without dev mode.
    #[must_use]
    pub fn is_foreign(&self, method: &Method, headers: &HeaderMap) -> bool {
        self.administrators.dev().is_some_and(|dev| dev.admit(method, headers).is_err())
    }

    /// A key for one purpose, the same in every process that has the access key. Without an access
    /// key, a random one.
    #[must_use]
    pub fn derived_key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let random = || {
            let mut key = Zeroizing::new([0; 32]);
            self.fill_random(&mut *key);
            key
        };
        self.administrators.derived_key(purpose).unwrap_or_else(random)
    }

    /// Fills `bytes` from the service's source of randomness.
    pub fn fill_random(&self, bytes: &mut [u8]) {
        self.entropy.generator().fill_bytes(bytes);
    }

    /// The service's time, in milliseconds since the epoch.
    #[must_use]
    pub fn now_millis(&self) -> i64 {
        self.now()
    }

    /// Where clients reach the service, without a slash at its end.
    #[must_use]
    pub fn public_base_url(&self) -> &str {
        &self.public_base_url
    }

    /// The region that ids name and administrators sign for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Up to `max` of the messages to users that are wanted, the latest first; `None` if there is
    /// no dev mode.
    #[must_use]
    pub fn kept_messages(
        &self,
        is_wanted: impl FnMut(&KeptMessage) -> bool,
        max: usize,
    ) -> Option<Vec<KeptMessage>> {
        self.administrators.dev().map(|dev| dev.messages.latest(is_wanted, max))
    }
}

fn denied(message: String) -> ServiceError {
    ServiceError::new(ErrorCode::AccessDenied, message)
}
