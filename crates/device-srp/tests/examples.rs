//! Runs the example as a user would.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;

#[test]
fn both_ends_agree_only_on_the_right_password() {
    // Cargo builds the examples with the tests, into the directory beside theirs.
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples/both_ends");
    for (typed, signed_in) in [("right", true), ("wrong", false)] {
        let output = Command::new(&program).args(["right", typed]).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(shown.contains("Signed in."), signed_in, "{typed}: {shown}");
    }
}
