//! The client against a fake service, without a network, and once over real HTTP.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[cfg(feature = "conformance")]
mod conformance;

#[allow(dead_code, reason = "shared with the state machine's tests, which use more of it")]
#[path = "../../../device-proto/tests/sign_in/service.rs"]
mod service;

mod builder;
mod devices;
mod files;
mod given_up;
mod http;
#[cfg(feature = "keyring")]
mod keychain;
mod names;
mod races;
mod secrets;
mod session;
mod sign_in;
mod turns;

use std::sync::{Arc, Mutex};

use device_auth::{
    BoxFuture, Challenge, Credentials, DeviceAuth, DeviceOwner, DeviceRecord, DeviceStore, Error,
    MemoryStore, SignInStep, SignedIn,
};
use device_http::{Client, HttpClient, HttpRequest, HttpResponse, RetryPolicy, SendError};
use device_wire::Operation;
use rand::SeedableRng;
use rand::rngs::StdRng;
use service::{CLIENT, CODE, Devices, Fault, Mfa, PASSWORD, POOL, Service, USER};

/// The service as an HTTP client.
#[derive(Clone)]
struct Shared(Arc<Mutex<Service>>);

impl Shared {
    fn new(devices: Devices, mfa: Mfa) -> Self {
        Self(Arc::new(Mutex::new(Service::new(devices, mfa, StdRng::seed_from_u64(1)))))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Service) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    /// The status and the body. `None` if the answer is lost.
    fn answer(&self, target: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let operation = Operation::from_name(target.rsplit('.').next().unwrap()).unwrap();
        match self.with(|service| service.serve(operation, body)) {
            Ok(body) => Some((200, body)),
            Err(Some(error)) => {
                let (code, message) = (error.code().as_str(), error.message());
                let body = serde_json::json!({"__type": code, "message": message});
                Some((400, body.to_string().into_bytes()))
            }
            Err(None) => None,
        }
    }

    fn client(&self) -> DeviceAuth {
        self.client_with(MemoryStore::new())
    }

    fn client_with(&self, store: impl DeviceStore) -> DeviceAuth {
        Self::client_over(self.clone(), store)
    }

    fn client_over(http: impl HttpClient, store: impl DeviceStore) -> DeviceAuth {
        let http = Client::builder()
            .endpoint_url("http://pool.test")
            .http_client(http)
            .retry(RetryPolicy::never())
            .build()
            .unwrap();
        DeviceAuth::builder(POOL, CLIENT).http(http).store(store).build().unwrap()
    }

    fn steps(&self) -> Vec<String> {
        self.with(Service::take_steps)
    }
}

impl HttpClient for Shared {
    fn send<'a>(
        &'a self,
        request: HttpRequest<'a>,
    ) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
        let target = request.header("x-amz-target").unwrap();
        let result = match self.answer(target, request.body()) {
            Some((status, body)) => Ok(HttpResponse::new(status, body)),
            None => Err(SendError::interrupted("lost")),
        };
        Box::pin(std::future::ready(result))
    }
}

/// The only record of a user.
async fn found(store: &impl DeviceStore, owner: &DeviceOwner) -> Option<DeviceRecord> {
    let mut records = store.find(owner).await.unwrap();
    assert!(records.len() <= 1, "{records:?}");
    records.pop()
}

async fn sign_in(auth: &DeviceAuth) -> SignedIn {
    let step = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap();
    finish(step).await
}

/// Answers with the code, if one is asked for.
async fn finish(step: SignInStep) -> SignedIn {
    match step {
        SignInStep::Done(signed_in) => signed_in,
        SignInStep::Challenge(Challenge::Code(code)) => match code.answer(CODE).await.unwrap() {
            SignInStep::Done(signed_in) => signed_in,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}
