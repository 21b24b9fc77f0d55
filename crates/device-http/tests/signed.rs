//! Signatures against a server that checks them.
#![cfg(feature = "admin")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::time::Duration;

use aws_credential_types::Credentials;
use device_http::{Client, Error, RetryPolicy};
use device_server::{AccessKey, Administrators};
use device_test::TestPool;
use device_wire::ErrorCode;
use device_wire::requests::AdminListDevicesRequest;

const ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

const USER: &str = "ada";

/// A pool with a user. Its administrators sign with the key [`ID`].
fn pool() -> TestPool {
    let pool = TestPool::builder().serve_with(|service| {
        let key = AccessKey::new(ID, SECRET).unwrap();
        service.administrators(Administrators::Signing(key))
    });
    pool.user(USER).create();
    pool
}

/// Lists a user's devices, as an administrator with the given key.
fn call(pool: &TestPool, region: &str, id: &str, secret: &str) -> Result<usize, Error> {
    let client = Client::builder()
        .endpoint_url(pool.url())
        .region(region)
        .credentials(Credentials::new(id, secret, None, None, "test"))
        .retry(RetryPolicy::never())
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listed = runtime.block_on(client.call(&AdminListDevicesRequest::new(pool.id(), USER)))?;
    Ok(listed.devices.unwrap_or_default().len())
}

#[test]
fn a_signature_is_accepted_by_a_server_that_checks_it() {
    assert_eq!(call(&pool(), "us-east-1", ID, SECRET).unwrap(), 0);
}

#[test]
fn another_key_or_region_is_refused() {
    let pool = pool();
    for (region, id, secret) in [
        ("us-east-1", ID, "another secret"),
        ("us-east-1", "AKIDANOTHER", SECRET),
        ("eu-west-1", ID, SECRET),
    ] {
        let error = call(&pool, region, id, secret).unwrap_err();
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
    let pool = pool();
    pool.clock().advance(Duration::from_secs(16 * 60));
    assert!(call(&pool, "us-east-1", ID, SECRET).unwrap_err().code().is_some());
}
