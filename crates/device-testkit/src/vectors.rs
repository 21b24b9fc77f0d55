//! Known answers, from the workspace's `vectors/`.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The vectors of `vectors/<name>.json`.
///
/// # Panics
/// If there is no such file, or it is not JSON: a test without its vectors must fail.
#[must_use]
pub fn load(name: &str) -> Value {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors").join(format!("{name}.json"));
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
