//! The test run: all checks and tests, in the order in which people want the results.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::command::{cargo, program, run, target};
use crate::faults::{FAULTS, Form};
use crate::postgres::Postgres;
use crate::{
    Result, codegen, cortex_m4, disk, docs, faults, interop, package, public_api, setup, supply,
    tidy,
};

/// A step of the test run. Each installs what it needs and fails if it cannot; none is ever
/// skipped.
struct Step {
    name: &'static str,
    run: fn(&Path) -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "formatted", run: |root| run(&mut cargo(root, &["fmt", "--all", "--check"])) },
    Step { name: "types as in the model", run: codegen::check },
    Step { name: "clippy", run: clippy },
    Step { name: "each client crate alone", run: alone },
    Step { name: "targets without an operating system", run: bare_metal },
    Step { name: "fuzz targets compile", run: fuzz_targets },
    Step { name: "tidy", run: tidy::run },
    Step { name: "documentation", run: documentation },
    Step { name: "public interfaces", run: |root| public_api::check(root, FEATURES) },
    Step { name: "pages as the code says", run: |root| docs::check(root, FEATURES) },
    Step { name: "tests", run: tests },
    Step { name: "vectors", run: vectors },
    Step { name: "vectors on a Cortex-M4", run: cortex_m4::run_vectors },
    Step { name: "PostgreSQL", run: postgres },
    Step { name: "faults", run: |root| faults::check(root, FEATURES, Form::Short, None) },
    Step { name: "arithmetic backends", run: backends },
    Step { name: "constant time", run: constant_time },
    Step { name: "examples in the documentation", run: doctests },
    Step { name: "benches", run: benches },
    Step { name: "Python clients", run: interop::python },
    Step { name: "JavaScript clients", run: interop::node },
    Step { name: "console in a browser", run: interop::browser },
    Step { name: "others' servers", run: interop::servers },
    Step { name: "packages", run: |root| package::check(root, FEATURES) },
    Step { name: "dependencies", run: supply::check },
    Step { name: "bill of materials", run: supply::bill_of_materials },
    Step { name: "release build", run: |root| run(&mut cargo(root, &["build", "--release"])) },
    Step { name: "demo", run: |root| run(&mut cargo(root, &["run", "--release", "--", "demo"])) },
];

/// Runs every step, also after a failure. Ends with a summary and the count.
pub(crate) fn run_all(root: &Path) -> ExitCode {
    if let Err(error) = disk::check(root) {
        println!("FAILED: {error}");
        return ExitCode::FAILURE;
    }
    let mut rows = Vec::new();
    for step in STEPS {
        println!("\n==> {}", step.name);
        let started = Instant::now();
        let outcome = (step.run)(root);
        if let Err(error) = &outcome {
            println!("FAILED: {error}");
        }
        rows.push((step.name, started.elapsed(), outcome.is_ok()));
    }
    let (summary, failed) = summary(&rows);
    println!("\n{summary}");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The summary table, which ends with the count, and the number of failures.
fn summary(rows: &[(&str, Duration, bool)]) -> (String, usize) {
    let mut summary = String::new();
    for (name, time, passed) in rows {
        let verdict = if *passed { "ok" } else { "FAILED" };
        summary.push_str(&format!("{name:<32}{:>8.1} s  {verdict}\n", time.as_secs_f64()));
    }
    let failed = rows.iter().filter(|(_, _, passed)| !passed).count();
    summary.push_str(&format!("{} passed, {failed} failed", rows.len() - failed));
    (summary, failed)
}

/// Features that no other crate of the workspace enables.
pub(crate) const FEATURES: &str = "--features=device-auth/admin,device-auth/conformance,\
    device-auth/keyring,\
    device-cli/test-postgres,device-srp/num-bigint,device-store/test-postgres";

fn clippy(root: &Path) -> Result<()> {
    let everything =
        ["clippy", "--locked", "--workspace", "--all-targets", "--keep-going", FEATURES];
    run(cargo(root, &everything).args(["--", "-D", "warnings"]))
}

/// Checks each client crate with only its own features. A build of the workspace would unify them
/// with those of other crates.
fn alone(root: &Path) -> Result<()> {
    for package in ["device-srp", "device-wire", "device-proto", "device-http", "device-auth"] {
        let check = ["check", "--locked", "--lib", "--no-default-features", "--package", package];
        run(&mut cargo(root, &check))?;
    }
    Ok(())
}

/// Checks the arithmetic for targets without an operating system and 64-bit multiplier. The second
/// target also lacks compare-and-swap.
fn bare_metal(root: &Path) -> Result<()> {
    for target in ["thumbv7em-none-eabihf", "thumbv6m-none-eabi"] {
        setup::rust_target(root, target)?;
        let check = ["check", "--locked", "--package", "device-srp", "--no-default-features"];
        run(cargo(root, &check).args(["--target", target]))?;
    }
    Ok(())
}

/// Checks the fuzz targets: a separate workspace, which no other step compiles. This needs no
/// nightly compiler.
fn fuzz_targets(root: &Path) -> Result<()> {
    let check = ["check", "--locked", "--keep-going", "--manifest-path=fuzz/Cargo.toml"];
    let built = target(root).join("fuzz-check");
    run(cargo(root, &check).arg("--target-dir").arg(built).env("RUSTFLAGS", "--cfg fuzzing"))
}

fn documentation(root: &Path) -> Result<()> {
    run(cargo(root, &["doc", "--workspace", "--no-deps", FEATURES])
        .env("RUSTDOCFLAGS", "-D warnings"))
}

/// The known answers are a separate step, so that they cannot vanish unnoticed: no match is a
/// failure.
const VECTORS: &str = "binary(vectors)";

/// The tests that need a PostgreSQL server; the last of them restart it.
const POSTGRES: &str = "binary(postgres) | (binary(model) & test(/^postgres::/))";
const POSTGRES_RESTART: &str = "binary(postgres_restart)";

/// The test that `cargo xtask failover` runs: it takes minutes, and needs root.
const FAILOVER: &str = "binary(failover)";

fn tests(root: &Path) -> Result<()> {
    let others =
        format!("not ({VECTORS} | {POSTGRES} | {POSTGRES_RESTART} | {FAILOVER} | {FAULTS})");
    let run_all = ["run", "--workspace", "--no-fail-fast", FEATURES, "-E", &others];
    run(&mut setup::nextest(root)?.command(root, &run_all))
}

fn vectors(root: &Path) -> Result<()> {
    let run_vectors = ["run", "--workspace", "--no-fail-fast", FEATURES, "-E", VECTORS];
    run(&mut setup::nextest(root)?.command(root, &run_vectors))
}

/// Runs the tests that need PostgreSQL, on a server that is removed afterwards.
fn postgres(root: &Path) -> Result<()> {
    let server = Postgres::start(root)?;
    for tests in [POSTGRES, POSTGRES_RESTART] {
        let run_tests = ["run", "--workspace", "--no-fail-fast", FEATURES, "-E", tests];
        run(setup::nextest(root)?.command(root, &run_tests).envs(server.environment()))?;
    }
    server.stop()
}

/// Tests the backends that this machine might not choose: plain Rust, AVX2, and AVX-512 IFMA.
///
/// The last runs on a model of its instructions.
fn backends(root: &Path) -> Result<()> {
    let nextest = setup::nextest(root)?;
    for backend in ["portable", "avx2", "model"] {
        let mut tests = nextest.command(root, &["run", "--package", "device-srp"]);
        run(tests.env("RUSTFLAGS", format!("--cfg device_srp_backend=\"{backend}\"")))?;
    }
    Ok(())
}

/// Runs the secret arithmetic under Valgrind; the program itself reports if Valgrind detects
/// nothing.
fn constant_time(root: &Path) -> Result<()> {
    setup::valgrind(root)?;
    let build = ["build", "--release", "--package", "device-srp", "--example", "constant_time"];
    let flags = "--cfg device_srp_taint --cfg device_srp_backend=\"model\"";
    run(cargo(root, &build).env("RUSTFLAGS", flags))?;
    // The log also has the deliberate leaks that prove that detection works. They are not printed,
    // since they look like failures.
    let log = format!("--log-file={}", target(root).join("constant_time.log").display());
    let check = target(root).join("release/examples/constant_time");
    run(program(root, "valgrind", &["-q", &log]).arg(check))
}

/// Runs each benchmark once as a test, without the peers that take long to build.
///
/// Whole sign-ins are built as the tests are, since optimizing and linking a server takes minutes.
fn benches(root: &Path) -> Result<()> {
    run(&mut cargo(root, &["bench", "--package", "device-benches", "--", "--test"]))?;
    run(&mut cargo(root, &["test", "--package", "device-server", "--benches", "--", "--test"]))
}

fn doctests(root: &Path) -> Result<()> {
    run(&mut cargo(root, &["test", "--workspace", "--doc", "--quiet", FEATURES]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_steps_and_ends_in_the_count() {
        let second = Duration::from_secs(1);
        let (text, failed) = summary(&[("clippy", second, true), ("tests", 75 * second, false)]);
        assert_eq!(failed, 1);
        assert_eq!(
            text,
            "clippy                               1.0 s  ok\n\
             tests                               75.0 s  FAILED\n\
             1 passed, 1 failed"
        );
        assert!(summary(&[("clippy", second, true)]).0.ends_with("1 passed, 0 failed"));
    }
}
