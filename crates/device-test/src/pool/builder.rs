//! The settings of a pool.

use std::time::SystemTime;

use device_pool::{SeedClient, SeedItem, SeedPool};
use device_server::{PoolConfig, Seed, ServiceBuilder};
use device_wire::enums::{ExplicitAuthFlowsType, UserPoolMfaType};
use device_wire::requests::{
    CreateUserPoolClientRequest, CreateUserPoolRequest, SetUserPoolMfaConfigRequest,
};
use device_wire::shapes::{
    DeviceConfigurationType, SoftwareTokenMfaConfigType, UsernameConfigurationType,
};

use super::TestPool;
use crate::clock::FakeClock;
use crate::host::Host;
use crate::listener::Listener;
use crate::service::config;

/// The settings of a pool; see [`TestPool::builder`].
#[derive(Clone, Debug)]
#[must_use = "it makes a pool by build() or serve()"]
pub struct TestPoolBuilder {
    seed: u64,
    start: Option<SystemTime>,
    mfa: UserPoolMfaType,
    pool: CreateUserPoolRequest,
    client: CreateUserPoolClientRequest,
    id: Option<String>,
    client_id: Option<String>,
    code: Option<String>,
    planted: Vec<SeedItem>,
}

impl TestPoolBuilder {
    pub(super) fn new() -> Self {
        let devices = DeviceConfigurationType {
            challenge_required_on_new_device: Some(true),
            device_only_remembered_on_user_prompt: Some(true),
        };
        let pool = CreateUserPoolRequest {
            device_configuration: Some(devices),
            username_configuration: Some(UsernameConfigurationType::new(false)),
            ..CreateUserPoolRequest::new("pool")
        };
        let flows = vec![
            ExplicitAuthFlowsType::AllowUserSrpAuth,
            ExplicitAuthFlowsType::AllowUserPasswordAuth,
            ExplicitAuthFlowsType::AllowAdminUserPasswordAuth,
            ExplicitAuthFlowsType::AllowUserAuth,
            ExplicitAuthFlowsType::AllowCustomAuth,
            ExplicitAuthFlowsType::AllowRefreshTokenAuth,
        ];
        let client = CreateUserPoolClientRequest {
            explicit_auth_flows: Some(flows),
            // The pool's id is known once the pool is made.
            ..CreateUserPoolClientRequest::new("", "client")
        };
        Self {
            seed: 0,
            start: None,
            mfa: UserPoolMfaType::Optional,
            pool,
            client,
            id: None,
            client_id: None,
            code: None,
            planted: Vec::new(),
        }
    }

    /// Sets the seed of all randomness: ids, keys, codes. In process, the same calls at the same
    /// times return the same results. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the pool's id, such as `us-east-1_Local0001`, instead of a random one.
    pub fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    /// Sets the app client's id, instead of a random one.
    pub fn client_id(mut self, id: &str) -> Self {
        self.client_id = Some(id.to_owned());
        self
    }

    /// Sends users this code, of four to eight digits, instead of random ones.
    pub fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    /// Takes pools, clients, groups, users and devices from a seed, as `device serve --seed` does.
    ///
    /// The pool is the seed's first one, and the client that pool's first one; further settings of
    /// this builder that concern them have no effect.
    pub fn planted(mut self, seed: &Seed) -> Self {
        self.planted = seed.items().to_vec();
        self
    }

    /// Sets the start of the clock. Default: in process, [`FakeClock::START_MILLIS`]; for a pool
    /// over HTTP, this machine's time.
    ///
    /// Over HTTP, clients sign their own time in proofs, and the service accepts a difference of
    /// five minutes.
    pub fn starts_at(mut self, time: SystemTime) -> Self {
        self.start = Some(time);
        self
    }

    /// Sets whether users need a second factor. With `Off`, nobody can have an authenticator app.
    pub fn mfa(mut self, mfa: UserPoolMfaType) -> Self {
        self.mfa = mfa;
        self
    }

    /// Sets whether devices are tracked; `None` turns that off.
    pub fn devices(self, devices: Option<DeviceConfigurationType>) -> Self {
        self.pool(|pool| pool.device_configuration = devices)
    }

    /// Changes the request that makes the pool.
    pub fn pool(mut self, change: impl FnOnce(&mut CreateUserPoolRequest)) -> Self {
        change(&mut self.pool);
        self
    }

    /// Changes the request that makes the app client.
    pub fn client(mut self, change: impl FnOnce(&mut CreateUserPoolClientRequest)) -> Self {
        change(&mut self.client);
        self
    }

    /// Makes a pool that is called in process.
    ///
    /// # Panics
    /// If the service refuses the settings.
    #[must_use]
    pub fn build(self) -> TestPool {
        let host = self.host(config("http://pool.test"));
        let (id, client_id) = self.create(&host);
        TestPool { host, builder: self, id, client_id, running: None }
    }

    /// Makes a pool that clients reach over HTTP until it is dropped.
    ///
    /// The system chooses the loopback port.
    ///
    /// # Panics
    /// If the service refuses the settings, or no port is free.
    #[must_use]
    pub fn serve(self) -> TestPool {
        self.serve_with(|service| service)
    }

    /// Like [`TestPoolBuilder::serve`], with a service changed by `change`: hooks, limits,
    /// administrators who sign.
    ///
    /// # Panics
    /// As [`TestPoolBuilder::serve`].
    #[must_use]
    pub fn serve_with(mut self, change: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> TestPool {
        self.start.get_or_insert_with(SystemTime::now);
        let listener = Listener::bind();
        let config = config(&format!("http://{}", listener.addr()));
        let host = self.host(config);
        let (id, client_id) = self.create(&host);
        let running = listener.serve(change(host.service()).build());
        TestPool { host, builder: self, id, client_id, running: Some(running) }
    }

    fn host(&self, config: PoolConfig) -> Host {
        let clock = FakeClock::from(self.start());
        Host::with_code(config, clock, self.seed, self.code.as_deref())
    }

    pub(super) fn start(&self) -> SystemTime {
        self.start.unwrap_or_else(|| FakeClock::new().system_time())
    }

    /// Creates the pool and the app client; returns their ids.
    pub(super) fn create(&self, host: &Host) -> (String, String) {
        if !self.planted.is_empty() {
            host.plant(&self.planted).unwrap();
            return self.planted_ids();
        }
        let mfa = (self.mfa != UserPoolMfaType::Off).then(|| SetUserPoolMfaConfigRequest {
            mfa_configuration: Some(self.mfa.clone()),
            software_token_mfa_configuration: Some(SoftwareTokenMfaConfigType {
                enabled: Some(true),
            }),
            ..SetUserPoolMfaConfigRequest::new("")
        });
        let of_pool = |mfa: SetUserPoolMfaConfigRequest, id: &str| SetUserPoolMfaConfigRequest {
            user_pool_id: id.to_owned(),
            ..mfa
        };
        let pool = if let Some(id) = &self.id {
            let mfa = mfa.map(|mfa| of_pool(mfa, id));
            let seed = SeedPool { id: id.clone(), settings: self.pool.clone(), mfa };
            host.plant(&[SeedItem::Pool(Box::new(seed))]).unwrap();
            id.clone()
        } else {
            let id = host.call(&self.pool).unwrap().user_pool.unwrap().id.unwrap();
            if let Some(mfa) = mfa {
                host.call(&of_pool(mfa, &id)).unwrap();
            }
            id
        };
        let settings =
            CreateUserPoolClientRequest { user_pool_id: pool.clone(), ..self.client.clone() };
        let client = if let Some(id) = &self.client_id {
            let seed = SeedClient { id: id.clone(), settings };
            host.plant(&[SeedItem::Client(Box::new(seed))]).unwrap();
            id.clone()
        } else {
            let client = host.call(&settings).unwrap().user_pool_client.unwrap();
            client.client_id.unwrap().to_string()
        };
        (pool, client)
    }

    /// The ids of the seed's first pool and of that pool's first client.
    fn planted_ids(&self) -> (String, String) {
        let pool = self.planted.iter().find_map(|item| match item {
            SeedItem::Pool(pool) => Some(pool.id.clone()),
            _ => None,
        });
        let pool = pool.expect("the seed has a pool");
        let client = self.planted.iter().find_map(|item| match item {
            SeedItem::Client(client) if client.settings.user_pool_id == pool => {
                Some(client.id.clone())
            }
            _ => None,
        });
        (pool, client.expect("the seed's first pool has a client"))
    }
}
