//! A user pool in the test's own process.

mod builder;
mod expire;
mod sign_in;
mod user;

use std::net::SocketAddr;
use std::time::Duration;

use device_pool::{Message, ServiceError};
use device_wire::enums::UserStatusType;
use device_wire::requests::{
    AdminConfirmSignUpRequest, AdminGetUserRequest, AdminUpdateUserAttributesRequest,
};
use device_wire::shapes::AttributeType;
use device_wire::{Operation, Request};
use serde_json::Value;

use crate::clock::FakeClock;
use crate::host::{Host, SentMessage};
use crate::listener::Running;
use crate::totp::totp_code;

pub use builder::TestPoolBuilder;
pub use expire::Expire;
pub use sign_in::DeviceBuilder;
pub use user::{TestUser, UserBuilder};

/// A user pool with an app client, in the test's own process.
///
/// Its time stands still, its randomness comes from a seed, and it keeps messages to users. The
/// crate's page has examples.
///
/// Methods that set something up panic if the service refuses, since the test cannot continue
/// without it.
pub struct TestPool {
    host: Host,
    builder: TestPoolBuilder,
    id: String,
    client_id: String,
    /// Present if clients reach the pool over HTTP.
    running: Option<Running>,
}

impl TestPool {
    /// A pool that is called in process, with the settings of [`TestPool::builder`].
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A pool that clients reach over HTTP at [`TestPool::url`], with the settings of
    /// [`TestPool::builder`].
    #[must_use]
    pub fn serve() -> Self {
        Self::builder().serve()
    }

    /// Creates a builder.
    ///
    /// Defaults: users choose whether a device is remembered, and a remembered one replaces their
    /// second factor; they may have an authenticator app; names are case-insensitive; the app
    /// client allows every sign-in flow.
    pub fn builder() -> TestPoolBuilder {
        TestPoolBuilder::new()
    }

    /// The pool's id, such as `us-east-1_Ab12Cd34E`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The id of the app client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The URL of the pool, such as `http://127.0.0.1:41235`. It accepts any administrator's
    /// credentials.
    ///
    /// # Panics
    /// If the pool is not served; see [`TestPool::serve`].
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.addr())
    }

    /// The address that the pool listens on.
    ///
    /// # Panics
    /// If the pool is not served; see [`TestPool::serve`].
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.running.as_ref().expect("a pool that is served has an address").addr
    }

    /// The pool's clock.
    #[must_use]
    pub fn clock(&self) -> &FakeClock {
        &self.host.clock
    }

    /// Makes a call in process, as an administrator or with a user's token.
    ///
    /// Values are not checked against the model's lengths and patterns; over HTTP they are.
    ///
    /// # Errors
    /// The service's refusal.
    pub fn call<R: Request>(&self, request: &R) -> Result<R::Output, ServiceError> {
        self.host.call(request)
    }

    /// Makes a call whose request and response are JSON; see [`TestPool::call`].
    ///
    /// # Errors
    /// The service's refusal.
    pub fn execute(
        &self,
        operation: Operation,
        body: Value,
    ) -> Result<Option<Value>, ServiceError> {
        self.host.execute(operation, body)
    }

    /// All messages to users, the oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.sent_messages(0).into_iter().map(|sent| sent.message).collect()
    }

    /// The messages with a higher number than `since`, with number and time, the oldest first.
    #[must_use]
    pub fn sent_messages(&self, since: u64) -> Vec<SentMessage> {
        self.host.messages.since(since)
    }

    /// Forgets all messages so far.
    pub fn clear_messages(&self) {
        self.host.messages.clear();
    }

    /// Confirms a user who signed up, and verifies the user's addresses.
    ///
    /// # Panics
    /// If the service refuses.
    #[track_caller]
    pub fn confirm(&self, username: &str) {
        let user = self.call(&AdminGetUserRequest::new(self.id(), username)).unwrap();
        if user.user_status == Some(UserStatusType::Unconfirmed) {
            self.call(&AdminConfirmSignUpRequest::new(self.id(), username)).unwrap();
        }
        let attributes = user.user_attributes.unwrap_or_default();
        let has = |name: &str| attributes.iter().any(|attribute| attribute.name == name);
        let verified: Vec<_> = ["email", "phone_number"]
            .into_iter()
            .filter(|name| has(name))
            .map(|name| AttributeType {
                value: Some("true".into()),
                ..AttributeType::new(format!("{name}_verified"))
            })
            .collect();
        if !verified.is_empty() {
            let verify = AdminUpdateUserAttributesRequest::new(self.id(), username, verified);
            self.call(&verify).unwrap();
        }
    }

    /// The code of the last message to a user, found by name or address.
    #[must_use]
    pub fn last_code(&self, name: &str) -> Option<String> {
        let is_name = |text: &str| text.eq_ignore_ascii_case(name);
        let last = self.messages().into_iter().rev().find(|message| {
            message.pool_id == self.id
                && (is_name(&message.username) || is_name(&message.destination))
        });
        last.map(|message| message.code.to_string())
    }

    /// The next code of the user's authenticator app. A code is valid once, so the clock moves by
    /// 30 seconds.
    ///
    /// # Panics
    /// If the user has no authenticator app.
    #[must_use]
    #[track_caller]
    pub fn authenticator_code(&self, user: &TestUser) -> String {
        let secret = user.authenticator_secret().expect("the user has an authenticator app");
        self.next_code(secret)
    }

    fn next_code(&self, secret: &str) -> String {
        self.clock().advance(Duration::from_secs(30));
        totp_code(secret, self.clock().now())
    }

    /// Resets everything: users, devices, messages, time, randomness, and any further pools. In
    /// process, the ids stay the same.
    ///
    /// Call it while no request is running.
    pub fn reset(&mut self) {
        self.host.clear();
        self.host.clock.set(self.builder.start());
        (self.id, self.client_id) = self.builder.create(&self.host);
    }
}

impl Default for TestPool {
    fn default() -> Self {
        Self::new()
    }
}
