//! Access keys that are added and revoked while the service runs.

use std::net::IpAddr;
use std::sync::Arc;

use device_pool::store::{Change, StoreError};
use device_pool::{ServerAct, ServiceError};
use device_wire::ErrorCode;
use device_wire::requests::DescribeUserPoolRequest;

use super::Service;
use crate::access_keys::{AccessKeys, AddedAccessKey, KeyRing, NewAccessKey};
use crate::administrator::{Administrator, Role};
use crate::admission::Precedence;

impl Service {
    /// Adds an access key. The caller has the server's own.
    ///
    /// # Errors
    /// A name that is taken or unfit, a pool that does not exist, a server without an access key of
    /// its own, and storage failures.
    pub async fn add_access_key(
        self: &Arc<Self>,
        by: &Administrator,
        new: NewAccessKey,
        source_ip: Option<IpAddr>,
    ) -> Result<AddedAccessKey, ServiceError> {
        for pool in new.pools.iter().flatten() {
            self.call(by, &DescribeUserPoolRequest::new(pool), source_ip).await?;
        }
        let by = by.clone();
        self.as_call(Precedence::First, move |service| {
            let ring = service.ring()?;
            let mut rng = service.entropy.generator();
            let (added, change) = ring.prepare(new, service.now(), &mut *rng)?;
            let key = &added.key;
            let role = if key.role == Role::Full { "full" } else { "read only" };
            let pools = key.pools.as_ref().map_or("all pools".to_owned(), |pools| pools.join(", "));
            let about = format!("{} ({}): {role}, for {pools}", key.name, key.id);
            service.act(change, ServerAct::AccessKeyAdded, about, &by, source_ip)?;
            Ok(added)
        })
        .await
    }

    /// The access keys that were added and have not ended.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn access_keys(self: &Arc<Self>) -> Result<AccessKeys, ServiceError> {
        self.as_call(Precedence::First, |service| match service.administrators.ring() {
            Some(ring) => ring.list(service.now()),
            None => Ok(AccessKeys { keys: Vec::new(), void: Vec::new() }),
        })
        .await
    }

    /// Revokes the access key with this name, and ends its sessions in the console. The caller
    /// has the server's own.
    ///
    /// # Errors
    /// No such key, and storage failures.
    pub async fn revoke_access_key(
        self: &Arc<Self>,
        by: &Administrator,
        name: String,
        source_ip: Option<IpAddr>,
    ) -> Result<(), ServiceError> {
        let by = by.clone();
        self.as_call(Precedence::First, move |service| {
            let (ids, mut change) = service.ring()?.prepare_removal(&name)?;
            let sessions = service.sessions_of(&ids)?;
            let ids = ids.join(", ");
            let about = format!("{name} ({ids}); {} sessions ended", sessions.len());
            change.writes.extend(sessions);
            service.act(change, ServerAct::AccessKeyRevoked, about, &by, source_ip)
        })
        .await
    }

    fn ring(&self) -> Result<Arc<KeyRing>, ServiceError> {
        self.administrators.ring().ok_or_else(|| {
            let message = "This server has no access key of its own, so there are no others.";
            ServiceError::new(ErrorCode::AccessDenied, message)
        })
    }

    /// Applies what an administrator does at the server itself, together with its event.
    pub(crate) fn act(
        &self,
        mut change: Change,
        act: ServerAct,
        about: String,
        by: &Administrator,
        source_ip: Option<IpAddr>,
    ) -> Result<(), ServiceError> {
        let mut rng = self.entropy.generator();
        let mut invocation = self.invocation_of(by, source_ip, &mut *rng);
        change.writes.push(self.engine.server_event(act, about, &mut invocation)?);
        self.store.apply(change).map_err(|error| match error {
            StoreError::Conflict => ServiceError::new(
                ErrorCode::TooManyRequests,
                "Another request changed the same thing. Look at it and try again.",
            ),
            error => error.into(),
        })
    }
}
