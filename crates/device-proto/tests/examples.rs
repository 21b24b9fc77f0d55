//! The example, run as a person runs it, against the real server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use device_test::{FakeClock, PASSWORD, TestServer};
use serde_json::json;

#[test]
fn a_blocking_client_signs_in_and_has_its_device_tracked() {
    let server = TestServer::start();
    // Proofs are stamped by this machine's clock, so the server's begins there too.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    server
        .clock()
        .advance(now.saturating_sub(Duration::from_millis(FakeClock::START_MILLIS.unsigned_abs())));
    let pool = server.create_pool(
        json!({ "DeviceConfiguration": { "DeviceOnlyRememberedOnUserPrompt": false } }),
    );
    let client = server.create_client(&pool, json!({}));
    server.create_user(&pool, "ada");
    // Cargo builds examples along with tests, and puts them beside.
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/blocking");
    let run = |password: &str| {
        let arguments = [&*server.url(), &pool, &client, "ada", password];
        let output = Command::new(&program).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (ended_well, shown) = run(PASSWORD);
    assert!(
        ended_well && shown.contains("ada is signed in.") && shown.contains("\"device_key\""),
        "{shown}"
    );
    assert!(!run("wrong").0);
}
