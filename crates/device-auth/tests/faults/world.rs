//! A server, a user with an authenticator app, the device's records, and the proxy in between.

use std::time::{Duration, SystemTime};

use device_auth::{DeviceAuth, DeviceOwner, DeviceRecord, DeviceStore as _, MemoryStore};
use device_http::{Client, RetryPolicy};
use device_test::{TestPool, TestUser};
use device_wire::requests::{AdminGetDeviceRequest, AdminListDevicesRequest};

use crate::proxy::Proxy;

pub(crate) const USER: &str = "ada";

/// A server with a pool in which users choose whether to remember a device, and a remembered device
/// stands in for the second factor.
pub(crate) struct World {
    pub(crate) pool: TestPool,
    pub(crate) proxy: Proxy,
    user: TestUser,
    store: MemoryStore,
}

/// Runs a test with its own world.
pub(crate) fn with_world<T>(test: impl AsyncFnOnce(&World) -> T) -> T {
    let world = World::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        world.proxy.serve();
        test(&world).await
    })
}

impl World {
    fn new() -> Self {
        // Proofs have this machine's time, and the server accepts a difference of five minutes. The
        // server's clock starts three minutes behind, which leaves time for codes and late
        // messages.
        let start = SystemTime::now() - Duration::from_secs(3 * 60);
        let pool = TestPool::builder().starts_at(start).serve();
        let user = pool.user(USER).authenticator().create();
        let proxy = Proxy::before(pool.addr(), pool.clock().clone());
        Self { pool, proxy, user, store: MemoryStore::new() }
    }

    /// The app after a start, with the stored records.
    pub(crate) fn app(&self, endpoint: &str, policy: RetryPolicy) -> DeviceAuth {
        let http = Client::builder().endpoint_url(endpoint).retry(policy).build().unwrap();
        let builder = DeviceAuth::builder(self.pool.id(), self.pool.client_id());
        builder.http(http).store(self.store.clone()).build().unwrap()
    }

    /// The next code of the authenticator app. Each is valid once.
    pub(crate) fn code(&self) -> String {
        self.pool.authenticator_code(&self.user)
    }

    /// The device's record.
    pub(crate) async fn record(&self) -> Option<DeviceRecord> {
        let (user_pool_id, client_id) = (self.pool.id().into(), self.pool.client_id().into());
        let owner = DeviceOwner { user_pool_id, client_id, username: USER.into() };
        let mut records = self.store.find(&owner).await.unwrap();
        assert!(records.len() <= 1, "{records:?}");
        records.pop()
    }

    /// Whether the server has a device under that key.
    pub(crate) fn tracks(&self, key: &str) -> bool {
        self.pool.call(&AdminGetDeviceRequest::new(key, self.pool.id(), USER)).is_ok()
    }

    /// How many devices the server has.
    pub(crate) fn devices(&self) -> usize {
        let list = AdminListDevicesRequest::new(self.pool.id(), USER);
        self.pool.call(&list).unwrap().devices.map_or(0, |devices| devices.len())
    }
}
