//! The project's automation: `cargo xtask` prints what there is.

mod codegen;
mod command;
mod cortex_m4;
mod docs;
mod fuzz;
mod generated;
mod interop;
mod postgres;
mod setup;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use command::{cargo, run};
use fuzz::Sanitizer;

/// Tasks end with a sentence for a person; nobody matches on it.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const HELP: &str = "\
Usage: cargo xtask <task>

Tasks:
  test               everything that must hold, set-up included: what CI runs
  tidy               the layers, the floors, the widths and the other rules of the house
  interop            clients of other makers against a running server
  servers            the client against servers of other makers
  fuzz-smoke [--seconds <n>] [--address]
                     every fuzz target from its seeds, 30 seconds each unless <n> is given;
                     with --address, the target over the unsafe kernels under the address sanitizer
  ratios [mulx|portable]
                     the arithmetic beside the best constant-time peer, against floors: by the
                     kernel that this CPU chooses, or by another
  cortex-m4          the known answers of the arithmetic on an emulated microcontroller
  docs [--check]     write the generated parts of ARCHITECTURE.md and docs/;
                     with --check, fail if they are stale
  codegen [--check]  write the types of crates/device-wire from its operations.json;
                     with --check, fail if they are stale
";

const RATIOS: [&str; 6] =
    ["run", "--release", "--package", "device-benches", "--example", "ratios"];

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
        ["servers"] => interop::servers(root),
        ["fuzz-smoke", options @ ..] => fuzz_smoke(root, options),
        ["ratios"] => run(&mut cargo(root, &RATIOS)),
        ["ratios", kernel @ ("mulx" | "portable")] => ratios_by(root, kernel),
        ["cortex-m4"] => cortex_m4::run_vectors(root),
        ["docs"] => docs::write(root),
        ["docs", "--check"] => docs::check(root),
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

/// Measures a kernel that this CPU might not choose, built apart from what it would.
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

/// The root of the workspace that cargo runs this in: asked for now, since two checkouts that share
/// a target folder share this binary.
fn root() -> PathBuf {
    let package =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&package).parent().unwrap_or(Path::new(".")).to_owned()
}
