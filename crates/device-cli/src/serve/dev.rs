//! Refuses dev mode if it would expose more than a developer's own machine.

use device_server::Storage;

use super::listen::Listen;
use super::{ServeError, credentials};

/// Refuses dev mode with production data, access keys, or an address that other machines reach.
pub(super) fn check(
    storage: &Storage,
    listen: &Listen,
    has_access_key: bool,
) -> Result<(), ServeError> {
    let reason = if has_access_key {
        "an access key is given, and --dev would let anyone administrate without it".to_owned()
    } else if let Storage::Directory(directory) = storage
        && credentials::path(directory).exists()
    {
        format!(
            "{} was set up with an access key, and --dev would open it to anyone",
            directory.display()
        )
    } else if !listen.is_loopback() {
        format!("other machines can reach {listen}, and could administrate this server")
    } else {
        return Ok(());
    };
    Err(ServeError::Settings(format!(
        "--dev is refused: {reason}. Leave out --dev, or give --dev-unsafe as well if you mean it"
    )))
}

/// Why `POST /dev/reset` must not remove the data, if it must not.
pub(super) fn why_data_stays(storage: &Storage) -> Option<String> {
    match storage {
        Storage::InMemory => None,
        Storage::Directory(directory) if !credentials::path(directory).exists() => None,
        Storage::Directory(directory) => {
            Some(format!("{} was set up with an access key", directory.display()))
        }
        _ => Some("the data is in a database that other servers may use".to_owned()),
    }
}
