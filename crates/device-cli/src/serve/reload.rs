//! What SIGHUP reads again: certificate, own access key, and the level of the log.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgMatches, FromArgMatches as _};
use device_server::{AccessKey, Service, Tls};

use super::credentials::Credentials;
use super::log::LogLevel;
use super::settings::{Administration, Options, Settings};
use super::{ServeError, supervisor};

/// What can be replaced while the server runs.
pub(crate) struct Reload {
    pub(crate) matches: ArgMatches,
    pub(crate) level: LogLevel,
    pub(crate) tls: Option<Tls>,
    pub(crate) service: Arc<Service>,
    /// The data directory, if the own access key is kept there.
    pub(crate) directory: Option<PathBuf>,
}

impl Reload {
    /// Reads again what can be replaced. What cannot be used stays as it is, and the log says why.
    pub(crate) fn run(&self) {
        supervisor::reloading();
        tracing::info!("SIGHUP: reading certificate, access key and log level again");
        if let Some(tls) = &self.tls {
            match tls.reload() {
                Ok(()) => tracing::info!("TLS: the certificate was read again"),
                Err(error) => tracing::error!(%error, "TLS: the earlier certificate stays in use"),
            }
        }
        if let Err(error) = self.settings() {
            tracing::error!(%error, "SIGHUP: access key and log level stay as they are");
        }
        supervisor::ready();
    }

    fn settings(&self) -> Result<(), ServeError> {
        let options = Options::from_arg_matches(&self.matches)
            .map_err(|error| ServeError::Settings(error.to_string()))?;
        let settings = Settings::resolve(options, &self.matches)?;
        let key = match settings.administration {
            Administration::Anyone(_) => None,
            Administration::Given(key) => Some(key),
            Administration::Kept => match &self.directory {
                Some(directory) => {
                    let kept = Credentials::read(directory)?;
                    Some(AccessKey::new(kept.access_key_id, kept.secret_access_key)?)
                }
                None => None,
            },
        };
        self.level.set(&settings.log_level)?;
        tracing::info!(level = settings.log_level, "SIGHUP: the log level is set");
        if key.is_some_and(|key| self.service.replace_access_key(key)) {
            tracing::warn!("the server's own access key was replaced: added keys are void");
        }
        Ok(())
    }
}
