//! `device serve` among faults: kills, power cuts, failing disks, a failing database, clock steps.

use std::path::Path;

use crate::command::run;
use crate::postgres::Postgres;
use crate::{Result, setup};

/// The tests of faults, which disturb the PostgreSQL server that they use.
pub(crate) const FAULTS: &str = "(package(device-cli) & binary(faults))";

/// How long to go on.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Form {
    /// Some of each fault, in about a minute.
    Short,
    /// A thousand kills, and as much of the rest.
    Long,
}

/// Reads the options of the task, and runs it.
pub(crate) fn run_with(root: &Path, features: &str, options: &[&str]) -> Result<()> {
    let (mut form, mut seed, mut options) = (Form::Short, None, options);
    loop {
        options = match options {
            [] => break,
            ["--long", rest @ ..] => {
                form = Form::Long;
                rest
            }
            ["--seed", number, rest @ ..] => {
                seed = Some(number.parse::<u64>().map_err(|_| "--seed takes a number")?);
                rest
            }
            _ => return Err(format!("no such option: {}", options.join(" ")).into()),
        };
    }
    check(root, features, form, seed)
}

/// Runs the tests, on a PostgreSQL server that is removed afterwards.
pub(crate) fn check(root: &Path, features: &str, form: Form, seed: Option<u64>) -> Result<()> {
    let server = Postgres::start(root)?;
    // What happened is printed of a success too, with the seed.
    let arguments = ["run", "--workspace", "--test", "faults", "--no-fail-fast", features];
    let mut tests = setup::nextest(root)?.command(root, &arguments);
    tests.args(["--success-output", "immediate", "-E", FAULTS]).envs(server.environment());
    if form == Form::Long {
        tests.env("DEVICE_FAULTS_LONG", "1");
    }
    if let Some(seed) = seed {
        tests.env("DEVICE_FAULTS_SEED", seed.to_string());
    }
    run(&mut tests)?;
    server.stop()
}
