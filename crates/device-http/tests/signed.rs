//! Signatures against a server that checks them.
#![cfg(feature = "admin")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use device_http::{Client, Error, RetryPolicy};
use device_server::{AccessKey, Administrators};
use device_test::{FakeClock, TestServer};
use device_wire::ErrorCode;
use device_wire::requests::AdminListDevicesRequest;
use serde_json::json;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

const USER: &str = "ada";

/// A server that checks administrators' signatures with that key, at this machine's time.
fn server() -> TestServer {
    let server = TestServer::start_with(|service| {
        let key = AccessKey::new(ID, SECRET).unwrap();
        service.administrators(Administrators::Signing(key))
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    server
        .clock()
        .advance(now.saturating_sub(Duration::from_millis(FakeClock::START_MILLIS.unsigned_abs())));
    server
}

/// Lists a user's devices, as an administrator with that key.
fn call(server: &TestServer, region: &str, id: &str, secret: &str) -> Result<usize, Error> {
    let pool = server.create_pool(json!({}));
    server.create_user(&pool, USER);
    let client = Client::builder()
        .endpoint_url(server.url())
        .region(region)
        .credentials(Credentials::new(id, secret, None, None, "test"))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listed = runtime.block_on(client.call(&AdminListDevicesRequest::new(pool, USER)))?;
    Ok(listed.devices.unwrap_or_default().len())
}

#[test]
fn a_signature_is_accepted_by_a_server_that_checks_it() {
    assert_eq!(call(&server(), "us-east-1", ID, SECRET).unwrap(), 0);
}

#[test]
fn another_key_or_region_is_refused() {
    let server = server();
    for (region, id, secret) in [
        ("us-east-1", ID, "another secret"),
        ("us-east-1", "AKIDANOTHER", SECRET),
        ("eu-west-1", ID, SECRET),
    ] {
        let error = call(&server, region, id, secret).unwrap_err();
        let code = error.code().cloned();
        assert!(
            matches!(
                code,
                Some(
                    ErrorCode::InvalidSignature
                        | ErrorCode::UnrecognizedClient
                        | ErrorCode::IncompleteSignature
                )
            ),
            "{region} {id}: {error}"
        );
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}

#[test]
fn an_old_signature_is_refused() {
    let server = server();
    server.clock().advance(Duration::from_secs(16 * 60));
    assert!(call(&server, "us-east-1", ID, SECRET).unwrap_err().code().is_some());
}
