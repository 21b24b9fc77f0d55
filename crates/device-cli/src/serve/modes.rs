//! File modes: secrets must not be readable, nor the data replaceable, by other users.

use std::fs;
use std::path::Path;

use super::ServeError;

/// Other users may neither read nor write a file.
#[cfg(unix)]
const FILE: u32 = 0o077;

/// A file that is one secret: its group may read it.
#[cfg(unix)]
const SECRET: u32 = 0o027;

/// Other users may not create or replace files in a directory. Listing it reveals only names.
#[cfg(unix)]
const DIRECTORY: u32 = 0o022;

/// What else to do about a file with secrets.
const LEAKED: &str = ", and replace secrets that others may have read";

/// Refuses a data directory that other users can change, or whose files they can read.
pub(super) fn check_data(directory: &Path) -> Result<(), ServeError> {
    // Files that do not exist yet are created with strict modes.
    let Ok(entries) = fs::read_dir(directory) else { return Ok(()) };
    check(directory, DIRECTORY, "others can replace what is in it", "700", LEAKED)?;
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            check_file(&entry.path())?;
        }
    }
    Ok(())
}

/// Refuses a file whose content is a secret if users outside of its group can read it, or others
/// than its owner change it. Schedulers of containers give such files to a group.
pub(super) fn check_secret(path: &Path) -> Result<(), ServeError> {
    check(path, SECRET, "other users can read or change the secret in it", "600", LEAKED)
}

/// Refuses a file of events that users outside of its group can read, or others than its owner
/// change. A program that collects logs may read it as a member of the group.
pub(super) fn check_audit(path: &Path) -> Result<(), ServeError> {
    if path.is_file() {
        check(path, SECRET, "other users can read or change who signed in from where", "640", "")?;
    }
    Ok(())
}

/// Refuses a file with secrets that others can read or change.
pub(super) fn check_file(path: &Path) -> Result<(), ServeError> {
    check(path, FILE, "other users can read or change it, and it may hold secrets", "600", LEAKED)
}

#[cfg(unix)]
fn check(
    path: &Path,
    forbidden: u32,
    problem: &str,
    mode: &str,
    also: &str,
) -> Result<(), ServeError> {
    use std::os::unix::fs::PermissionsExt;

    match fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o7777) {
        Ok(found) if found & forbidden != 0 => Err(ServeError::Settings(format!(
            "{} has mode {found:o}: {problem}. Run chmod {mode} on it{also}",
            path.display()
        ))),
        // If it cannot be opened, that will show later.
        _ => Ok(()),
    }
}

/// Outside of Unix, a file has the access rules of its directory.
#[cfg(not(unix))]
fn check(_: &Path, _: u32, _: &str, _: &str, _: &str) -> Result<(), ServeError> {
    Ok(())
}
