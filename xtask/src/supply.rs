//! What the dependencies are: licences, sources, known vulnerabilities, and the bill of materials.

use std::fs;
use std::path::Path;

use crate::Result;
use crate::command::{capture, program, run, target, works};
use crate::setup;

/// The database of known vulnerabilities in crates.
const ADVISORIES: &str = "https://github.com/RustSec/advisory-db";

/// Checks licences, sources and bans by `deny.toml`, and known vulnerabilities if their database
/// can be had.
pub(crate) fn check(root: &Path) -> Result<()> {
    let deny = setup::deny(root)?;
    run(&mut deny.command(root, &["check", "bans", "licenses", "sources"]))?;
    if !works(&mut program(root, "git", &["ls-remote", "--exit-code", ADVISORIES, "HEAD"])) {
        println!(
            "NOT CHECKED: known vulnerabilities (cargo deny check advisories, cargo audit). \
             {ADVISORIES} cannot be reached from here."
        );
        return Ok(());
    }
    run(&mut deny.command(root, &["check", "advisories"]))?;
    // The lock file of the fuzz targets as well, which cargo deny does not read.
    let audit = setup::audit(root)?;
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        run(&mut audit.command(root, &["--file", lock]))?;
    }
    Ok(())
}

/// Writes the bill of materials of the binary `device`, in CycloneDX's JSON.
pub(crate) fn bill_of_materials(root: &Path) -> Result<()> {
    let options = ["--cargo-package", "device-cli", "--output-format", "cyclone_dx_json_1_4"];
    let bill = capture(&mut setup::sbom(root)?.command(root, &options))?;
    let path = target(root).join("device.cdx.json");
    fs::write(&path, bill)?;
    println!("The bill of materials is {}.", path.display());
    Ok(())
}
