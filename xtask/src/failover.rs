//! Failover of PostgreSQL under Patroni, with `device serve` and its clients at work.

use std::num::NonZeroU32;
use std::path::Path;

use crate::command::{program, run};
use crate::test::FEATURES;
use crate::{Result, setup};

/// A network and a process tree that end with this task, so that nothing is left behind.
///
/// The shell is their first process. It waits for processes whose parent has ended, as PostgreSQL's
/// has; else they would seem to run for ever.
const APART: [&str; 11] = [
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--propagation",
    "private",
    "sh",
    "-c",
    "\"$@\" & wait $!",
    "sh",
];

/// How often each failure happens unless another number is given.
pub(crate) const ROUNDS: NonZeroU32 = NonZeroU32::new(3).unwrap();

/// Runs the tests, each failure so many times.
pub(crate) fn run_all(root: &Path, rounds: NonZeroU32) -> Result<()> {
    if !setup::by_root(root)? {
        return Err("network namespaces need root: run it as `sudo -E cargo xtask failover`".into());
    }
    let programs = setup::postgres(root)?;
    setup::patroni(root)?;
    let nextest = setup::nextest(root)?;
    let select = ["run", "--workspace", FEATURES, "--test", "failover"];
    // While there is a network.
    run(nextest.command(root, &select).arg("--no-run"))?;
    let tests = nextest.command(root, &select);
    run(program(root, "unshare", &APART)
        .arg(tests.get_program())
        .args(tests.get_args())
        .args(["--offline", "--no-capture"])
        .envs(tests.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("DEVICE_TEST_POSTGRES_PROGRAMS", programs)
        .env("DEVICE_FAILOVER_ROUNDS", rounds.to_string()))
}
