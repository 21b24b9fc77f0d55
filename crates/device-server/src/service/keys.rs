//! The keys that records are sealed with, and the rotation of all keys.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use device_pool::store::{Change, StoreError};
use device_pool::{PoolKeyKind, ServerAct, ServiceError};
use device_store::{MasterKeyError, SealError, SealedStore};
use device_wire::ErrorCode;

use super::Service;
use crate::administrator::Administrator;
use crate::admission::Precedence;
use crate::key_rotation::{RotateKeys, RotatedKeys};

/// How long records are sealed anew at a time: a third of the time between two calls.
const RENEWAL_TIME: Duration = Duration::from_secs(20);

impl Service {
    /// Seals records anew that are not sealed, or with former keys.
    pub(super) async fn renew_seals(self: &Arc<Self>) {
        let renewed = self.off_the_workers(|service| {
            let Some(sealed) = &service.sealed else { return Ok(None) };
            let start = Instant::now();
            Ok(Some(sealed.renew(|| start.elapsed() < RENEWAL_TIME)?))
        });
        match renewed.await {
            Ok(None) => {}
            Ok(Some(renewed)) if renewed.unreadable > 0 => tracing::error!(
                records = renewed.unreadable,
                "stored records cannot be opened: run `device store verify`"
            ),
            Ok(Some(renewed)) if renewed.records == 0 => {}
            Ok(Some(renewed)) => {
                let is_done = renewed.is_done;
                tracing::info!(records = renewed.records, is_done, "sealed stored records anew");
            }
            Err(error) => tracing::error!(cause = error.detail(), "sealing records anew failed"),
        }
    }

    /// Replaces keys now. The caller has the server's own access key.
    ///
    /// # Errors
    /// A master key that only the operator can replace, records that are not sealed, an unknown
    /// pool, and storage failures.
    pub async fn rotate_keys(
        self: &Arc<Self>,
        by: &Administrator,
        keys: RotateKeys,
        source_ip: Option<IpAddr>,
    ) -> Result<RotatedKeys, ServiceError> {
        let by = by.clone();
        self.as_call(Precedence::First, move |service| {
            let title = keys.title();
            let rotated = match &keys {
                RotateKeys::Master => {
                    let mut commit = service.commit_of_keys(title, &by, source_ip)?;
                    let rotated = service.sealing()?.rotate_master_key(&mut commit);
                    rotated.map_err(|error| match error {
                        SealError::Store(error) => error.into(),
                        SealError::MasterKey(error @ MasterKeyError::Unchanged { .. }) => {
                            invalid(error.to_string())
                        }
                        error => ServiceError::internal(error.to_string()),
                    })?
                }
                RotateKeys::Data { pool } => {
                    let mut commit = service.commit_of_keys(title, &by, source_ip)?;
                    service.sealing()?.rotate_data_keys(pool.as_deref(), &mut commit)?
                }
                RotateKeys::Signing { pool } | RotateKeys::Sealing { pool } => {
                    let kind = match &keys {
                        RotateKeys::Sealing { .. } => PoolKeyKind::Sealing,
                        _ => PoolKeyKind::Signing,
                    };
                    let mut rng = service.entropy.generator();
                    let mut invocation = service.invocation_of(&by, source_ip, &mut *rng);
                    service.engine.replace_keys(kind, pool.as_deref(), title, &mut invocation)?
                }
            };
            if rotated == 0 {
                return Err(ServiceError::new(
                    ErrorCode::ResourceNotFound,
                    format!("There are no {}.", keys.title()),
                ));
            }
            Ok(RotatedKeys { rotated })
        })
        .await
    }

    /// Applies changes of data keys. The first one brings the event of the act.
    fn commit_of_keys(
        &self,
        about: String,
        by: &Administrator,
        source_ip: Option<IpAddr>,
    ) -> Result<impl FnMut(Change) -> Result<(), StoreError>, ServiceError> {
        let mut rng = self.entropy.generator();
        let mut invocation = self.invocation_of(by, source_ip, &mut *rng);
        let act = ServerAct::KeysRotated;
        let mut event = Some(self.engine.server_event(act, about, &mut invocation)?);
        Ok(move |mut change: Change| {
            change.writes.extend(event.clone());
            self.store.apply(change)?;
            event = None;
            Ok(())
        })
    }

    fn sealing(&self) -> Result<&SealedStore, ServiceError> {
        self.sealed.as_deref().ok_or_else(|| {
            invalid("This server does not seal its records, so there is no such key.")
        })
    }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(ErrorCode::InvalidParameter, message.into())
}
