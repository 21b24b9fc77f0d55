//! The keys that records are sealed with, and the rotation of all keys.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use device_pool::store::Change;
use device_pool::{Invocation, ServerAct, ServiceError};
use device_store::{MasterKeyError, SealError, SealedStore};
use device_wire::ErrorCode;

use super::Service;
use crate::administrator::Administrator;
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
        self.as_call(move |service| {
            let rotated = match &keys {
                RotateKeys::Master => {
                    service.sealing()?.rotate_master_key().map_err(|error| match error {
                        SealError::Store(error) => error.into(),
                        SealError::MasterKey(error @ MasterKeyError::Unchanged { .. }) => {
                            invalid(error.to_string())
                        }
                        error => ServiceError::internal(error.to_string()),
                    })?
                }
                RotateKeys::Data { pool } => {
                    service.sealing()?.rotate_data_keys(pool.as_deref())?
                }
                RotateKeys::Signing { pool } => service.rotate_signing_keys_now(pool.as_deref())?,
            };
            if rotated == 0 {
                return Err(ServiceError::new(
                    ErrorCode::ResourceNotFound,
                    format!("There are no {}.", keys.title()),
                ));
            }
            let change = Change::default();
            service.act(change, ServerAct::KeysRotated, keys.title(), &by, source_ip)?;
            Ok(RotatedKeys { rotated })
        })
        .await
    }

    fn sealing(&self) -> Result<&SealedStore, ServiceError> {
        self.sealed.as_deref().ok_or_else(|| {
            invalid("This server does not seal its records, so there is no such key.")
        })
    }

    fn rotate_signing_keys_now(&self, pool: Option<&str>) -> Result<usize, ServiceError> {
        let mut rng = self.entropy.generator();
        let mut invocation = Invocation::new(self.moment(), &mut *rng);
        match pool {
            None => self.engine.rotate_signing_keys(Duration::ZERO, &mut invocation),
            Some(pool) => {
                let rotated = self.engine.rotate_signing_keys_of(pool, &mut invocation);
                rotated.map(usize::from)
            }
        }
    }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(ErrorCode::InvalidParameter, message.into())
}
