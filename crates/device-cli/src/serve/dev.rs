//! Refuses dev mode if it would expose more than a developer's own machine.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use device_server::Storage;

use super::ServeError;

/// Marks a data directory that only dev mode has opened.
const MARK: &str = "dev-mode";

/// Whether this data directory is new, or only dev mode has opened it.
pub(super) fn is_developers(directory: &Path) -> bool {
    let is_new = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    is_new || directory.join(MARK).exists()
}

/// Marks a developer's directory. The store has already created it.
pub(super) fn mark(directory: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(directory.join(MARK)).map(drop)
}

/// Removes the mark: from now on the directory may have what nobody may open or erase.
pub(super) fn unmark(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(MARK)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Refuses dev mode with production data or access keys.
pub(super) fn check(storage: &Storage, has_access_key: bool) -> Result<(), ServeError> {
    let reason = if has_access_key {
        "an access key is given, and --dev would let anyone administrate without it".to_owned()
    } else if let Storage::Directory(directory) = storage
        && !is_developers(directory)
    {
        format!(
            "{} was used without --dev, with an access key, and --dev would open it to anyone",
            directory.display()
        )
    } else {
        return Ok(());
    };
    Err(refusal(&reason))
}

/// The refusal of an address that other machines reach.
pub(super) fn exposed(address: &str) -> ServeError {
    refusal(&format!("other machines can reach {address}, and could administrate this server"))
}

fn refusal(reason: &str) -> ServeError {
    ServeError::Settings(format!(
        "--dev is refused: {reason}. Leave out --dev, or give --dev-unsafe as well if you mean it"
    ))
}

/// Why `POST /dev/reset` must not remove the data, if it must not.
pub(super) fn why_data_stays(storage: &Storage) -> Option<String> {
    match storage {
        Storage::InMemory => None,
        Storage::Directory(directory) if is_developers(directory) => None,
        Storage::Directory(directory) => {
            Some(format!("{} was used without --dev, with an access key", directory.display()))
        }
        _ => Some("the data is in a database that other servers may use".to_owned()),
    }
}
