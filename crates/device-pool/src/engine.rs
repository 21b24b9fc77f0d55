//! The way in: one operation, decided against the store and applied.

use std::net::IpAddr;
use std::sync::Arc;

use device_wire::{ErrorCode, Operation};
use rand_core::CryptoRng;
use serde_json::Value;

use crate::error::ServiceError;
use crate::store::Store;

/// What is the same for every call of one deployment.
#[derive(Clone, Debug)]
pub struct Config {
    /// The region that ids and ARNs carry, as in `us-east-1`.
    pub region: String,
    /// The account id that ARNs carry: twelve digits.
    pub account_id: String,
    /// Where clients reach this server, without a trailing slash; tokens are issued in the name of `<base>/<pool id>`.
    pub public_base_url: String,
}

/// What one call brings from outside. The engine has no clock and no randomness of its own.
pub struct Call<'a> {
    /// Milliseconds since the epoch.
    pub now: i64,
    /// Randomness for keys, ephemerals and nonces.
    pub rng: &'a mut dyn CryptoRng,
    /// Makes token-signing keys when a pool is created.
    pub signing_keys: &'a dyn SigningKeySource,
    /// The peer, for the audit trail and the device's `last_ip_used`.
    pub source_ip: Option<IpAddr>,
}

/// Where new token-signing keys come from: generation takes long and needs its own randomness.
pub trait SigningKeySource {
    /// A new RSA-2048 key pair, PKCS#8 DER.
    ///
    /// # Errors
    /// [`ServiceError::internal`] when the generator fails.
    fn generate(&self) -> Result<Vec<u8>, ServiceError>;
}

/// The rules of a user-pool service over a [`Store`].
pub struct Engine {
    store: Arc<dyn Store>,
    config: Config,
}

impl Engine {
    /// An engine over `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, config: Config) -> Self {
        Self { store, config }
    }

    /// Runs one operation. `body` has passed the model's constraint checks, and where the operation is an
    /// administrator's, the caller has been authenticated as one. Blocks on storage and does big-number arithmetic: keep it off async workers.
    ///
    /// Returns the response object, or `None` for operations whose response has no body.
    ///
    /// # Errors
    /// What the service answers; a refused command has changed nothing but its own audit trail and attempt counters.
    pub fn execute(&self, operation: Operation, body: Value, call: &mut Call<'_>) -> Result<Option<Value>, ServiceError> {
        let _ = (operation, body, call, &self.store, &self.config);
        Err(ServiceError::new(ErrorCode::UnsupportedOperationException, "not there yet"))
    }

    /// The pool's token-verification keys as a JWK set, or `None` where there is no such pool.
    ///
    /// # Errors
    /// Storage failures.
    pub fn jwks(&self, pool_id: &str) -> Result<Option<Value>, ServiceError> {
        let _ = pool_id;
        Ok(None)
    }

    /// The pool's OpenID discovery document, or `None` where there is no such pool.
    ///
    /// # Errors
    /// Storage failures.
    pub fn openid_configuration(&self, pool_id: &str) -> Result<Option<Value>, ServiceError> {
        let _ = pool_id;
        Ok(None)
    }

    /// Removes what has expired; returns how many records.
    ///
    /// # Errors
    /// Storage failures.
    pub fn purge(&self, now: i64) -> Result<usize, ServiceError> {
        Ok(self.store.purge(now)?)
    }
}
