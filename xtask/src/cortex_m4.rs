//! The known answers of device-srp on an emulated Cortex-M4.

use std::fs;
use std::path::Path;

use crate::command::{capture, cargo, program, run, target};
use crate::{Result, setup};

const TARGET: &str = "thumbv7em-none-eabihf";
const SIGNATURE: &str = "\"PASSWORD_CLAIM_SIGNATURE\": \"";

/// Fails unless all answers are right and a wrong one is noticed.
pub(crate) fn run_vectors(root: &Path) -> Result<()> {
    setup::rust_target(root, TARGET)?;
    setup::qemu(root)?;
    let vectors = root.join("crates/device-srp/vectors/srp.json");
    print!("{}", answers(root, &vectors)?);

    let forged = target(root).join("cortex-m4/forged.json");
    fs::write(&forged, forge(&fs::read_to_string(vectors)?)?)?;
    match answers(root, &forged) {
        Ok(said) => Err(format!("a forged signature was not noticed: {said}").into()),
        Err(error) if error.to_string().contains("assertion `left == right` failed") => {
            println!("a forged signature is noticed");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The board's output for the answers in a file.
fn answers(root: &Path, vectors: &Path) -> Result<String> {
    let built = target(root).join("cortex-m4");
    let build = ["build", "--release", "--locked", "--manifest-path", "cortex-m4/Cargo.toml"];
    let mut build = cargo(root, &build);
    // Flags for this machine do not fit the board.
    build.env_remove("RUSTFLAGS").env("VECTORS", vectors);
    run(build.args(["--target", TARGET, "--target-dir"]).arg(&built))?;
    let board = ["-machine", "mps2-an386", "-display", "none"];
    let mut emulator = program(root, "qemu-system-arm", &board);
    emulator.args(["-semihosting-config", "enable=on,target=native", "-kernel"]);
    capture(emulator.arg(built.join(TARGET).join("release/device-cortex-m4")))
}

/// The vectors with the first letter of the last signature changed.
fn forge(vectors: &str) -> Result<String> {
    let (before, after) = vectors.rsplit_once(SIGNATURE).ok_or("there is no signature to forge")?;
    let letter = if after.starts_with('A') { 'B' } else { 'A' };
    let rest = after.get(1..).ok_or("the last signature is empty")?;
    Ok(format!("{before}{SIGNATURE}{letter}{rest}"))
}
