//! Runs the example as a user would, against the real server.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use device_test::TestPool;
use device_wire::shapes::DeviceConfigurationType;

#[test]
fn a_blocking_client_signs_in_and_has_its_device_tracked() {
    let always = DeviceConfigurationType {
        device_only_remembered_on_user_prompt: Some(false),
        ..DeviceConfigurationType::default()
    };
    let pool = TestPool::builder().devices(Some(always)).serve();
    let ada = pool.user("ada").create();
    // Cargo builds the examples with the tests, into the directory beside theirs.
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/blocking");
    let run = |password: &str| {
        let arguments = [&*pool.url(), pool.id(), pool.client_id(), ada.username(), password];
        let output = Command::new(&program).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (ended_well, shown) = run(ada.password());
    assert!(
        ended_well && shown.contains("ada is signed in.") && shown.contains("\"device_key\""),
        "{shown}"
    );
    assert!(!run("wrong").0);
}
