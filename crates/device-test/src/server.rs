//! A server without a pool, for tests that make their own.

use std::net::SocketAddr;

use device_pool::ServiceError;
use device_server::ServiceBuilder;
use device_wire::{Operation, Request};
use serde_json::{Value, json};

use crate::PASSWORD;
use crate::clock::FakeClock;
use crate::host::Host;
use crate::listener::{Listener, Running};
use crate::service::config;

/// A running server without a pool, which stops when it is dropped.
///
/// For a server that has a pool and users, see [`TestPool`](crate::TestPool).
pub struct TestServer {
    host: Host,
    running: Running,
}

impl TestServer {
    /// Starts a server with [`service`](crate::service).
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(|service| service)
    }

    /// Starts a server with [`service`](crate::service), changed by `change`. The public base URL
    /// is the server's own.
    ///
    /// # Panics
    /// If no loopback port is free.
    #[must_use]
    pub fn start_with(change: impl FnOnce(ServiceBuilder) -> ServiceBuilder) -> Self {
        let listener = Listener::bind();
        let host = Host::new(config(&format!("http://{}", listener.addr())), FakeClock::new(), 0);
        let running = listener.serve(change(host.service()).build());
        Self { host, running }
    }

    /// The server's URL, such as `http://127.0.0.1:41235`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.running.addr)
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.running.addr
    }

    /// The server's clock.
    #[must_use]
    pub fn clock(&self) -> &FakeClock {
        &self.host.clock
    }

    /// Runs a typed request in the engine, without HTTP, signatures and constraint checks.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn call<R: Request>(&self, request: &R) -> Result<R::Output, ServiceError> {
        self.host.call(request)
    }

    /// Runs an operation in the engine, without HTTP, signatures and constraint checks.
    ///
    /// # Errors
    /// The engine's refusal.
    pub fn execute(&self, operation: Operation, body: Value) -> Result<Value, ServiceError> {
        Ok(self.host.execute(operation, body)?.unwrap_or_default())
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

    /// Creates an app client with these members of `CreateUserPoolClient`; returns its id.
    ///
    /// It allows sign-in with a password, by SRP or in plain text, and refreshing.
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

fn merged(mut defaults: Value, members: Value) -> Value {
    if let (Value::Object(all), Value::Object(members)) = (&mut defaults, members) {
        all.extend(members);
    }
    defaults
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
