//! `device demo`: run by a user, run by a script, and stopped early.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// `device demo` with its temporary files in `directory`.
fn demo(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
    command.arg("demo").env("TMPDIR", directory).stdin(Stdio::null());
    command
}

#[test]
fn every_step_is_reported_and_nothing_is_left_behind() {
    let directory = tempfile::tempdir().unwrap();
    let output = demo(directory.path()).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("DEVICE_PASSWORD_VERIFIER"), "{told}");
    assert!(
        told.lines().last().unwrap().starts_with("Every step came out as described: 30 calls in "),
        "{told}"
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_machine_always_reads_one_object() {
    let directory = tempfile::tempdir().unwrap();
    for (place, succeeds) in
        [(directory.path().to_owned(), true), (directory.path().join("nowhere"), false)]
    {
        let output = demo(&place).arg("--json").output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(output.status.success(), succeeds, "{told}");
        assert_eq!(told["ok"], succeeds);
        assert_eq!(told["failure"].is_null(), succeeds);
        assert_eq!(told["endpoint"].is_string(), succeeds);
        assert_eq!(told["steps"].as_array().unwrap().len(), if succeeds { 9 } else { 0 });
        assert!(told["milliseconds"].is_number());
    }
}

#[cfg(unix)]
#[test]
fn a_stopped_demo_leaves_nothing_behind() {
    for signal in ["INT", "TERM"] {
        let directory = tempfile::tempdir().unwrap();
        let mut process = demo(directory.path()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        // After this line the server runs and generates its first keys.
        assert!(lines.next().unwrap().unwrap().starts_with("device demo: "));
        let id = process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());

        assert!(lines.last().unwrap().unwrap().starts_with("Stopped after "));
        assert_eq!(process.wait().unwrap().code(), Some(1));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "{signal}");
    }
}
