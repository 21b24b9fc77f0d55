//! The checks of `device serve` without a start: nothing is created or changed.

use clap::ArgMatches;
use device_server::{Seed, Storage};

use super::settings::{Administration, Options, Settings};
use super::{ServeError, credentials, modes};

/// Checks everything that can be checked without opening the store.
pub(crate) fn check(options: Options, matches: &ArgMatches) -> Result<(), ServeError> {
    let settings = Settings::resolve(options, matches)?;
    if !settings.seed.is_empty() {
        Seed::read(&settings.seed)?;
    }
    if let Storage::Directory(directory) = &settings.storage {
        modes::check_data(directory)?;
        let kept = matches!(settings.administration, Administration::Kept);
        match credentials::Credentials::read(directory) {
            // The first start makes them.
            Ok(_) | Err(ServeError::NoCredentials { .. }) => {}
            Err(error) if kept => return Err(error),
            Err(_) => {}
        }
    }
    for warning in settings.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(())
}
