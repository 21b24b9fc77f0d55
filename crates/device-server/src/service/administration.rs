//! Calls of administrators that the service does not have.

use std::sync::Arc;

use axum::http::request::Parts;
use device_pool::{
    AuditEventsPage, AuditEventsRequest, AuditExportPage, AuditExportRequest, Invocation,
    PolicyTrial, PolicyTrialRequest, ServiceError,
};
use device_wire::ErrorCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Service;
use crate::administrator::Administrator;
use crate::admission::Precedence;
use crate::body::Body;

/// A call of administrators that the service does not have. It changes no setting.
///
/// Over HTTP it is a signed `POST` to [`ADMINISTRATION_PATH`](crate::ADMINISTRATION_PATH) with its
/// [`target`](Self::target) as `X-Amz-Target`, in JSON.
pub trait AdministrationCall: Serialize + DeserializeOwned + Send + 'static {
    /// Its name.
    const NAME: &'static str;

    /// Its answer.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// The pool that it is about; empty if it is about all.
    fn pool_id(&self) -> &str;

    /// Runs it.
    ///
    /// # Errors
    /// The refusal, or a failure of the store.
    fn run(&self, service: &Service) -> Result<Self::Answer, ServiceError>;

    /// The header that names it.
    #[must_use]
    fn target() -> String {
        format!("{PREFIX}{}", Self::NAME)
    }
}

/// What the target of each call starts with.
const PREFIX: &str = "DeviceAdministration.";

impl AdministrationCall for PolicyTrialRequest {
    const NAME: &'static str = "TryPolicy";

    type Answer = PolicyTrial;

    fn pool_id(&self) -> &str {
        &self.pool_id
    }

    fn run(&self, service: &Service) -> Result<PolicyTrial, ServiceError> {
        let Ok(_held) = service.trials.try_lock() else {
            return Err(ServiceError::new(
                ErrorCode::TooManyRequests,
                "Another trial is under way. Try again when it is done.",
            ));
        };
        service.engine.try_policy(self, service.moment())
    }
}

impl AdministrationCall for AuditExportRequest {
    const NAME: &'static str = "ExportAudit";

    type Answer = AuditExportPage;

    fn pool_id(&self) -> &str {
        &self.pool_id
    }

    fn run(&self, service: &Service) -> Result<AuditExportPage, ServiceError> {
        let mut rng = service.entropy.generator();
        let mut invocation = Invocation::new(service.moment(), &mut *rng);
        service.engine.export_audit(self, &mut invocation)
    }
}

impl AdministrationCall for AuditEventsRequest {
    const NAME: &'static str = "ListAuditEvents";

    type Answer = AuditEventsPage;

    fn pool_id(&self) -> &str {
        &self.pool_id
    }

    fn run(&self, service: &Service) -> Result<AuditEventsPage, ServiceError> {
        service.engine.audit_events(self)
    }
}

/// Generates the table of the calls.
macro_rules! calls {
    ($($call:ty,)*) => {
        /// The call with this target, if there is one.
        pub(crate) fn named(target: &str) -> Option<&'static str> {
            let name = target.strip_prefix(PREFIX)?;
            [$(<$call>::NAME),*].into_iter().find(|known| *known == name)
        }

        fn run(
            service: &Service,
            administrator: &Administrator,
            name: &str,
            body: &[u8],
        ) -> Result<Value, ServiceError> {
            match name {
                $(<$call>::NAME => answer::<$call>(service, administrator, body),)*
                _ => Err(ServiceError::internal("a call is not in its table")),
            }
        }
    };
}

calls! {
    PolicyTrialRequest,
    AuditExportRequest,
    AuditEventsRequest,
}

fn answer<C: AdministrationCall>(
    service: &Service,
    administrator: &Administrator,
    body: &[u8],
) -> Result<Value, ServiceError> {
    let call: C = serde_json::from_slice(body).map_err(|_| {
        ServiceError::new(ErrorCode::Serialization, format!("The body is no {} call.", C::NAME))
    })?;
    administrator.check_pool_id(call.pool_id())?;
    let answer = call.run(service)?;
    serde_json::to_value(answer)
        .map_err(|_| ServiceError::internal(format!("{} answer does not convert", C::NAME)))
}

impl Service {
    /// Makes a call for an administrator whom the caller has authenticated.
    ///
    /// # Errors
    /// What the call refuses; `AccessDeniedException` for a pool that is not the administrator's;
    /// `TooManyRequestsException` if too many calls are under way.
    pub async fn administer<C: AdministrationCall>(
        self: &Arc<Self>,
        administrator: &Administrator,
        call: C,
    ) -> Result<C::Answer, ServiceError> {
        administrator.check_pool_id(call.pool_id())?;
        self.as_call(Precedence::First, move |service| call.run(service)).await
    }

    /// Makes the call of a request, if an administrator signed it. Returns also who did.
    pub(crate) async fn administer_signed(
        self: &Arc<Self>,
        name: &'static str,
        head: Parts,
        body: Body,
    ) -> (Result<Value, ServiceError>, Option<String>) {
        let answered = self.as_call(Precedence::Second, move |service| {
            let (region, now) = (&service.region, service.now());
            let signer = service.administrators.admit(&head, body.bytes(), region, now)?;
            Ok((run(service, &signer, name, body.bytes()), service.title_of(&signer)))
        });
        answered.await.unwrap_or_else(|refusal| (Err(refusal), None))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use device_pool::Config;
    use device_store::MemoryStore;

    use super::*;

    #[test]
    fn one_policy_is_tried_at_a_time() {
        let config = Config {
            region: "us-east-1".to_owned(),
            account_id: "000000000000".to_owned(),
            public_base_url: "http://pool.test".to_owned(),
            retention: device_pool::Retention::default(),
        };
        let service = Service::builder(Arc::new(MemoryStore::new()), config).build();
        let pool_id = "us-east-1_none".to_owned();
        let call = PolicyTrialRequest { pool_id, settings: BTreeMap::new(), days: 1 };
        let code = || call.run(&service).unwrap_err().code().clone();
        let held = service.trials.try_lock().unwrap();
        assert_eq!(code(), ErrorCode::TooManyRequests);
        drop(held);
        assert_eq!(code(), ErrorCode::ResourceNotFound);
    }
}
