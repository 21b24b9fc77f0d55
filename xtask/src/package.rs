//! The packages as crates.io would get them.
//!
//! `cargo package` verifies each package in a build of its own, which compiles the dependencies ten
//! times. Here all of them are unpacked into one workspace, where the packages depend on each other
//! and on nothing of this repository.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::command::{capture, cargo, program, run, target};

#[derive(serde::Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(serde::Deserialize)]
struct Package {
    name: String,
    version: String,
    /// The registries that it may be published to; `None` means all.
    publish: Option<Vec<String>>,
}

/// Packages every published crate, compiles the packages with their tests and examples, and runs
/// the known answers from them.
///
/// `features` are those of the other steps, so that less has to be compiled again.
pub(crate) fn check(root: &Path, features: &str) -> Result<()> {
    let metadata = capture(&mut cargo(root, &["metadata", "--format-version", "1", "--no-deps"]))?;
    let metadata: Metadata = serde_json::from_str(&metadata)?;
    let published: Vec<_> = metadata
        .packages
        .into_iter()
        .filter(|package| package.publish.as_ref().is_none_or(|registries| !registries.is_empty()))
        .collect();

    let mut package = cargo(root, &["package", "--quiet", "--locked", "--no-verify"]);
    package.args(published.iter().flat_map(|package| ["--package", &package.name]));
    if !capture(&mut program(root, "git", &["status", "--porcelain"]))?.is_empty() {
        println!("There are changes without a commit: what is packaged is not what would be.");
        package.arg("--allow-dirty");
    }
    run(&mut package)?;

    let unpacked = unpack(root, &published)?;
    let manifest = unpacked.join("Cargo.toml");
    let built = target(root);
    let in_packages = |arguments: &[&str]| {
        let mut command = cargo(root, arguments);
        command.arg("--manifest-path").arg(&manifest).arg("--target-dir").arg(&built);
        command
    };
    run(&mut in_packages(&["check", "--quiet", "--workspace", "--all-targets", features]))?;
    let vectors = ["test", "--quiet", "--package", "device-srp", "--package", "device-proto"];
    run(in_packages(&vectors).args(["--test", "vectors"]))
}

/// Unpacks the packages into one workspace; returns its folder.
fn unpack(root: &Path, published: &[Package]) -> Result<PathBuf> {
    let folder = target(root).join("packages");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for Package { name, version, .. } in published {
        let package = target(root).join("package").join(format!("{name}-{version}.crate"));
        // Files get the time of unpacking (-m). Packages have one fixed time, by which cargo would
        // mistake a changed crate for that of the last run.
        let mut tar = program(root, "tar", &["-xzmf"]);
        run(tar.arg(fs::canonicalize(package)?).arg("-C").arg(&folder))?;
    }
    fs::write(
        folder.join("Cargo.toml"),
        workspace(&fs::read_to_string(root.join("Cargo.toml"))?, published)?,
    )?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    Ok(folder)
}

/// The manifest of a workspace of these packages, in which they replace the published ones.
///
/// The profiles are this repository's, so that dependencies need not be compiled again.
fn workspace(manifest: &str, published: &[Package]) -> Result<String> {
    let (_, profiles) = manifest.split_once("\n[profile.dev]").ok_or("there is no profile.dev")?;
    let mut workspace = "[workspace]\nresolver = \"3\"\nmembers = [\"*-*\"]\n\n".to_owned();
    workspace.push_str("[patch.crates-io]\n");
    for Package { name, version, .. } in published {
        workspace.push_str(&format!("{name} = {{ path = \"{name}-{version}\" }}\n"));
    }
    Ok(format!("{workspace}\n[profile.dev]{profiles}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_taken_in_place_of_published_ones() {
        let package = Package { name: "device-srp".into(), version: "0.1.0".into(), publish: None };
        let manifest = "[workspace]\n\n[profile.dev]\ndebug = false\n";
        let workspace = workspace(manifest, &[package]).unwrap();
        assert!(workspace.contains("device-srp = { path = \"device-srp-0.1.0\" }"));
        assert!(workspace.ends_with("[profile.dev]\ndebug = false\n"));
    }
}
