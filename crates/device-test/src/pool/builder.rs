//! The settings of a pool.

use std::time::SystemTime;

use device_server::ServiceBuilder;
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
        Self { seed: 0, start: None, mfa: UserPoolMfaType::Optional, pool, client }
    }

    /// Sets the seed of all randomness: ids, keys, codes. In process, the same calls at the same
    /// times return the same results. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
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
        let host = Host::new(config("http://pool.test"), FakeClock::from(self.start()), self.seed);
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
        let host = Host::new(config, FakeClock::from(self.start()), self.seed);
        let (id, client_id) = self.create(&host);
        let running = listener.serve(change(host.service()).build());
        TestPool { host, builder: self, id, client_id, running: Some(running) }
    }

    pub(super) fn start(&self) -> SystemTime {
        self.start.unwrap_or_else(|| FakeClock::new().system_time())
    }

    /// Creates the pool and the app client; returns their ids.
    pub(super) fn create(&self, host: &Host) -> (String, String) {
        let pool = host.call(&self.pool).unwrap().user_pool.unwrap().id.unwrap();
        if self.mfa != UserPoolMfaType::Off {
            let mfa = SetUserPoolMfaConfigRequest {
                mfa_configuration: Some(self.mfa.clone()),
                software_token_mfa_configuration: Some(SoftwareTokenMfaConfigType {
                    enabled: Some(true),
                }),
                ..SetUserPoolMfaConfigRequest::new(&pool)
            };
            host.call(&mfa).unwrap();
        }
        let client =
            CreateUserPoolClientRequest { user_pool_id: pool.clone(), ..self.client.clone() };
        let client = host.call(&client).unwrap().user_pool_client.unwrap().client_id.unwrap();
        (pool, client.to_string())
    }
}
