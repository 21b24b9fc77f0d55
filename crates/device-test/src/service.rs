//! The service of a test, for tests that run it themselves.

use std::sync::Arc;

use device_pool::SigningKeySource;
use device_pool::store::Store;
use device_server::{
    AccessKey, Administrators, DevMode, PoolConfig, Retention, Service, ServiceBuilder,
};
use device_store::MemoryStore;

use crate::clock::FakeClock;
use crate::entropy::SharedRng;
use crate::keys::TestSigningKeys;

/// An administrator's key, for tests that check signatures.
#[must_use]
pub fn access_key() -> AccessKey {
    AccessKey::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap()
}

/// A service in memory in the region `us-east-1`, open to everyone.
///
/// Anyone may administrate, and pages of any origin may read answers.
#[must_use]
pub fn service(clock: &FakeClock) -> ServiceBuilder {
    service_in(
        Arc::new(MemoryStore::new()),
        config("http://pool.test"),
        Arc::new(TestSigningKeys::default()),
        clock,
    )
}

/// As [`service`], with its records in `store`.
#[must_use]
pub fn service_in(
    store: Arc<dyn Store>,
    config: PoolConfig,
    signing_keys: Arc<dyn SigningKeySource>,
    clock: &FakeClock,
) -> ServiceBuilder {
    Service::builder(store, config)
        .administrators(Administrators::Anyone(DevMode::default()))
        .clock(Arc::new(clock.clone()))
        .entropy(Arc::new(SharedRng::new(0)))
        .signing_keys(signing_keys)
}

/// The configuration of a test's pools, which clients reach at `public_base_url`.
#[must_use]
pub fn config(public_base_url: &str) -> PoolConfig {
    PoolConfig {
        region: "us-east-1".to_owned(),
        account_id: "123456789012".to_owned(),
        public_base_url: public_base_url.to_owned(),
        retention: Retention::default(),
    }
}
