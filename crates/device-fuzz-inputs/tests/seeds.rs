//! The seeds in `fuzz/seeds` match their names.

#![allow(clippy::unwrap_used, reason = "a fixture that fails is a test that fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use device_fuzz_inputs::{Seed, description, seeds};

/// The files in `fuzz/seeds`: target, name, bytes.
fn files() -> Vec<(String, String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut files = Vec::new();
    for target in fs::read_dir(folder).unwrap() {
        let target = target.unwrap();
        for file in fs::read_dir(target.path()).unwrap() {
            let file = file.unwrap();
            let [target, name] =
                [target.file_name(), file.file_name()].map(|name| name.into_string().unwrap());
            files.push((target, name, fs::read(file.path()).unwrap()));
        }
    }
    files
}

#[test]
fn a_typed_seed_decodes_to_what_its_name_says() {
    let (mut typed, mut wrong) = (BTreeSet::new(), Vec::new());
    for (target, name, bytes) in files() {
        let Some(decoded) = description(&target, &bytes) else { continue };
        let said = name.split_once('.').map_or(name.as_str(), |(said, _)| said);
        if decoded.as_deref() != Some(said) {
            wrong.push(format!("{target}/{name} decodes to {decoded:?}"));
        }
        typed.insert(target);
    }
    assert!(wrong.is_empty(), "{} seeds:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(typed.len(), 8, "{typed:?}");
}

#[test]
fn the_files_are_those_that_the_program_writes() {
    let written = seeds();
    let written: BTreeSet<_> = written
        .iter()
        .map(|Seed { target, name, bytes }| (*target, name.as_str(), bytes.as_slice()))
        .collect();
    let files = files();
    let there: BTreeSet<_> = files
        .iter()
        .map(|(target, name, bytes)| (target.as_str(), name.as_str(), bytes.as_slice()))
        .collect();
    let names: Vec<_> =
        written.symmetric_difference(&there).map(|(target, name, _)| (target, name)).collect();
    assert!(names.is_empty(), "run `cargo xtask seeds`: {names:?}");
}
