//! The project's automation. `cargo xtask` lists the tasks.

mod codegen;
mod command;
mod cortex_m4;
mod disk;
mod docs;
mod failover;
mod faults;
mod fuzz;
mod generated;
mod interop;
mod package;
mod postgres;
mod public_api;
mod setup;
mod supply;
mod terraform;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use command::{cargo, run};
use fuzz::Sanitizer;

/// The errors of tasks are sentences for people; no code matches on them.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
Usage: cargo xtask <task>

Tasks:
  test               all checks and tests, with their setup: what CI runs
  tidy               layers, floors, widths and the other rules of this project
  interop            clients of other makers against a running server
  browser [--renew]  the console and an app in a browser, with screenshots under target/;
                     with --renew, docs/console.png is written anew
  terraform [--record]
                     the real Terraform against a running server; with --record, write its calls,
                     which the tests of device-server replay
  servers            the client against servers of other makers
  failover [--rounds <n>]
                     sign-ins while PostgreSQL fails over: three nodes under Patroni and etcd, in
                     network namespaces; each kind of failure three times unless <n> is given.
                     Needs root, and installs Debian's packages
  fuzz-smoke [--seconds <n>] [--address]
                     every fuzz target from its seeds, 30 seconds each unless <n> is given;
                     with --address, the target over the unsafe kernels under the address sanitizer
  seeds [--check]    write the seeds of the fuzz targets, fuzz/seeds;
                     with --check, fail if they are stale
  ratios [avx2|portable]
                     the arithmetic compared with the best constant-time peer; fails below a
                     floor. Uses the kernel that this CPU chooses, or the named one
  faults [--long] [--seed <n>]
                     the server among kills, power cuts, failing disks, a failing database and
                     clock steps; with --long, a thousand kills and half an hour instead of a
                     minute
  cortex-m4          the known answers of the arithmetic on an emulated microcontroller
  public-api         types of dependencies in the public signatures of the client's crates
  packages           the published crates as crates.io would get them
  supply             licences, sources and known vulnerabilities of the dependencies
  sbom               the bill of materials of the binary, target/device.cdx.json
  docs [--check]     write the generated parts of ARCHITECTURE.md and docs/;
                     with --check, fail if they are stale
  codegen [--check]  write the types of crates/device-wire from its operations.json;
                     with --check, fail if they are stale
";

const RATIOS: [&str; 7] =
    ["run", "--profile", "bench", "--package", "device-benches", "--example", "ratios"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = &root();
    let outcome = match arguments.as_slice() {
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["test"] => return test::run_all(root),
        ["tidy"] => tidy::run(root),
        ["interop"] => interop::python(root).and_then(|()| interop::node(root)),
        ["browser"] => interop::browser(root),
        ["browser", "--renew"] => interop::screenshot(root),
        ["terraform"] => terraform::run_all(root, false),
        ["terraform", "--record"] => terraform::run_all(root, true),
        ["failover"] => failover::run_all(root, failover::ROUNDS),
        ["failover", "--rounds", rounds] => match rounds.parse() {
            Ok(rounds) => failover::run_all(root, rounds),
            Err(_) => Err(format!("--rounds takes a number from 1, and not {rounds}").into()),
        },
        ["servers"] => interop::servers(root),
        ["fuzz-smoke", options @ ..] => fuzz_smoke(root, options),
        ["seeds"] => fuzz::seeds(root, &[]),
        ["seeds", "--check"] => fuzz::seeds(root, &["--check"]),
        ["ratios"] => run(&mut cargo(root, &RATIOS)),
        ["ratios", kernel @ ("avx2" | "portable")] => ratios_by(root, kernel),
        ["faults", options @ ..] => faults::run_with(root, test::FEATURES, options),
        ["cortex-m4"] => cortex_m4::run_vectors(root),
        ["public-api"] => public_api::check(root, test::FEATURES),
        ["packages"] => package::check(root, test::FEATURES),
        ["supply"] => supply::check(root),
        ["sbom"] => supply::bill_of_materials(root),
        ["docs"] => docs::write(root, test::FEATURES),
        ["docs", "--check"] => docs::check(root, test::FEATURES),
        ["codegen"] => codegen::write(root),
        ["codegen", "--check"] => codegen::check(root),
        _ => Err(format!("no such task: {}\n\n{HELP}", arguments.join(" ")).into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures a kernel that this CPU might not choose, in a separate target folder.
fn ratios_by(root: &Path, kernel: &str) -> Result<()> {
    run(cargo(root, &RATIOS)
        .env("RUSTFLAGS", format!("--cfg device_srp_backend=\"{kernel}\""))
        .env("CARGO_TARGET_DIR", command::target(root).join(kernel)))
}

fn fuzz_smoke(root: &Path, options: &[&str]) -> Result<()> {
    let (seconds, rest) = match options {
        ["--seconds", seconds, rest @ ..] => (seconds.parse()?, rest),
        rest => (fuzz::SECONDS, rest),
    };
    match rest {
        [] => fuzz::smoke(root, seconds, Sanitizer::None),
        ["--address"] => fuzz::smoke(root, seconds, Sanitizer::Address),
        _ => Err(format!("no such option: {}\n\n{HELP}", rest.join(" ")).into()),
    }
}

/// The root of the workspace that cargo runs this in. Read at run time: two checkouts that share a
/// target folder share this binary.
fn root() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().unwrap_or(Path::new(".")).to_owned()
}
