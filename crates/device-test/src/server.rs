//! A server in the test's own process: real HTTP on a loopback port, and time, randomness and keys
//! in the test's hands.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use device_pool::store::Store;
use device_pool::{Engine, Invocation, Moment, ServiceError, SigningKeySource};
use device_server::{
    AccessKey, Administrators, DevMode, Entropy, PoolConfig, Retention, Server, Service,
    ServiceBuilder,
};
use device_store::MemoryStore;
use device_wire::Operation;
use rand_core::CryptoRng;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::clock::FakeClock;
use crate::keys::TestSigningKeys;
use crate::rng::SeededRng;

/// The password of every user that [`TestServer::create_user`] makes.
pub const PASSWORD: &str = "Correct-Horse-7";

/// The administrator's key of a test that checks signatures.
#[must_use]
pub fn access_key() -> AccessKey {
    AccessKey::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").unwrap()
}

/// A service in memory in the region `us-east-1`, open to any administrator and to pages of any
/// origin.
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
        .entropy(Arc::new(SeededEntropy(Mutex::new(SeededRng::new(0)))))
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

/// A generator a call, each forked from one seed.
struct SeededEntropy(Mutex<SeededRng>);

impl Entropy for SeededEntropy {
    fn generator(&self) -> Box<dyn CryptoRng> {
        Box::new(self.0.lock().unwrap_or_else(PoisonError::into_inner).fork())
    }
}

/// A running server, which stops when it is dropped.
pub struct TestServer {
    addr: SocketAddr,
    clock: FakeClock,
    engine: Engine,
    rng: Mutex<SeededRng>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Starts a server with [`service`].
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(|service| service)
    }

    /// Starts a server with [`service`] as `change` leaves it. The public base URL is the server's
    /// own.
    ///
    /// # Panics
    /// If no loopback port can be had.
    #[must_use]
    pub fn start_with(change: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = runtime.block_on(Server::bind(([127, 0, 0, 1], 0).into())).unwrap();
        let addr = server.local_addr();

        let clock = FakeClock::new();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys: Arc<dyn SigningKeySource> = Arc::new(TestSigningKeys::default());
        let config = config(&format!("http://{addr}"));
        // The engine keeps no state beside the store, so a second one sees what the server does.
        let engine = Engine::builder(Arc::clone(&store), config.clone(), Arc::clone(&keys)).build();
        let service = change(service_in(store, config, keys, &clock)).build();

        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let shutdown = async {
                let _ = stopped.await;
            };
            runtime.block_on(server.serve(service, shutdown));
        });
        let rng = Mutex::new(SeededRng::new(1));
        Self { addr, clock, engine, rng, stop: Some(stop), thread: Some(thread) }
    }

    /// Where the server is, such as `http://127.0.0.1:41235`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The server's clock.
    #[must_use]
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// Runs an operation in the engine, past HTTP, signatures and constraint checks.
    ///
    /// # Errors
    /// What the engine answers.
    pub fn execute(&self, operation: Operation, body: Value) -> Result<Value, ServiceError> {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork();
        let mut invocation = Invocation::new(Moment::from_millis(self.clock.now()), &mut rng);
        let outcome = self.engine.execute(operation, body, &mut invocation)?;
        Ok(outcome.body.unwrap_or_default())
    }

    /// Creates a pool named `pool` with these further members of `CreateUserPool`; returns its id.
    ///
    /// # Panics
    /// If the engine refuses.
    #[must_use]
    pub fn create_pool(&self, members: Value) -> String {
        let output = self
            .execute(Operation::CreateUserPool, merged(json!({ "PoolName": "pool" }), members))
            .unwrap();
        text(&output["UserPool"]["Id"])
    }

    /// Creates an app client that may sign in with a password, by SRP or plainly, and refresh, with
    /// these further members of `CreateUserPoolClient`; returns its id.
    ///
    /// # Panics
    /// If the engine refuses.
    #[must_use]
    pub fn create_client(&self, pool_id: &str, members: Value) -> String {
        let flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let defaults =
            json!({ "UserPoolId": pool_id, "ClientName": "client", "ExplicitAuthFlows": flows });
        let output =
            self.execute(Operation::CreateUserPoolClient, merged(defaults, members)).unwrap();
        text(&output["UserPoolClient"]["ClientId"])
    }

    /// Creates a confirmed user whose password is [`PASSWORD`].
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn create_user(&self, pool_id: &str, username: &str) {
        let create =
            json!({ "UserPoolId": pool_id, "Username": username, "MessageAction": "SUPPRESS" });
        self.execute(Operation::AdminCreateUser, create).unwrap();
        let password = json!({ "UserPoolId": pool_id, "Username": username,
            "Password": PASSWORD, "Permanent": true });
        self.execute(Operation::AdminSetUserPassword, password).unwrap();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn merged(mut defaults: Value, members: Value) -> Value {
    if let (Value::Object(all), Value::Object(members)) = (&mut defaults, members) {
        all.extend(members);
    }
    defaults
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
