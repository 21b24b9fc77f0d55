//! The session of the user who is signed in on this machine with `device sign-in`.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use device_auth::{CurrentDevice, DeviceAuth, Error, FileStore, Sensitive};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;

use crate::cli_error::{CliError, Secret};
use crate::signed_call::Connection;

/// Where the user signed in. It has no secret.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct SignInPlace {
    pub(crate) pool: String,
    pub(crate) client: String,
    /// The file with the app client's secret, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_file: Option<PathBuf>,
    pub(crate) url: String,
    pub(crate) region: String,
}

/// A signed-in user.
pub(crate) struct Session {
    runtime: Runtime,
    pub(crate) auth: DeviceAuth,
    url: Url,
    pub(crate) place: SignInPlace,
}

impl SignInPlace {
    /// The file with this, beside the devices' records.
    fn path() -> Result<PathBuf, CliError> {
        Ok(state_directory()?.join("sign-in.toml"))
    }

    fn read() -> Result<Self, CliError> {
        let path = Self::path()?;
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                let path = path.display();
                CliError::Failed(format!("{path} cannot be read ({error}): sign in again"))
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(CliError::SignIn(Error::SignedOut))
            }
            Err(error) => Err(CliError::file(&path, error)),
        }
    }

    /// Keeps this for later commands.
    pub(crate) fn write(&self) -> Result<(), CliError> {
        let path = Self::path()?;
        let text = toml::to_string(self).map_err(CliError::other)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| CliError::file(&path, error))
    }

    /// The secret of the app client.
    fn client_secret(&self) -> Result<Option<Secret>, CliError> {
        let Some(path) = &self.client_secret_file else { return Ok(None) };
        let text = fs::read_to_string(path).map_err(|error| CliError::file(path, error))?;
        Ok(Some(Sensitive::from(text.trim_end_matches(['\r', '\n']))))
    }
}

impl Session {
    /// Sets up a client. Nobody need be signed in.
    pub(crate) fn at(place: SignInPlace, device_name: Option<&str>) -> Result<Self, CliError> {
        let not_a_url = |_| CliError::Failed(format!("{} is not a URL: sign in again", place.url));
        let url = place.url.parse().map_err(not_a_url)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(CliError::other)?;
        let store = FileStore::open(state_directory()?.join("devices.json"));
        let mut builder = DeviceAuth::builder(&place.pool, &place.client)
            .region(&place.region)
            .endpoint_url(&place.url)
            .store(store.clone())
            .session_store(store);
        if let Some(name) = device_name {
            builder = builder.device_name(name);
        }
        if let Some(secret) = place.client_secret()? {
            builder = builder.client_secret(secret);
        }
        let auth = runtime.block_on(builder.build_restored())?;
        Ok(Self { runtime, auth, url, place })
    }

    /// The session that the last `device sign-in` began.
    pub(crate) fn restored() -> Result<Self, CliError> {
        Self::at(SignInPlace::read()?, None)
    }

    /// Runs a call of the client.
    pub(crate) fn run<T>(
        &self,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, CliError> {
        // Boxed, or the compiler copies the runtime's loop for each call.
        let call: Pin<Box<dyn Future<Output = Result<T, Error>> + '_>> = Box::pin(call);
        Ok(self.runtime.block_on(call)?)
    }

    /// A valid access token. It is refreshed first if it has expired.
    pub(crate) fn access_token(&self) -> Result<Secret, CliError> {
        Ok(self.run(self.auth.session())?.access_token)
    }

    /// The key of this device.
    pub(crate) fn device_key(&self) -> Result<String, CliError> {
        self.auth.current_device_key().ok_or(CliError::SignIn(Error::DeviceNotTracked))
    }

    /// The state of this device, in words.
    pub(crate) fn device_state(&self) -> Result<&'static str, CliError> {
        Ok(match self.run(self.auth.fetch_current_device()) {
            Ok(CurrentDevice::Remembered(_)) => "remembered",
            Ok(_) => "known, not remembered",
            Err(CliError::SignIn(Error::DeviceNotTracked | Error::DeviceUnknown)) => "not known",
            Err(error) => return Err(error),
        })
    }

    pub(crate) fn set_remembered(&self, is_remembered: bool) -> Result<(), CliError> {
        if is_remembered {
            self.run(self.auth.remember_device())
        } else {
            self.run(self.auth.do_not_remember_device())
        }
    }

    pub(crate) fn forget_this_device(&self) -> Result<(), CliError> {
        self.run(self.auth.forget_this_device())
    }

    /// Where the session's calls go.
    pub(crate) fn connection(&self) -> Connection {
        Connection::to(&self.url, &self.place.region)
    }
}

/// The directory for this user's sign-ins.
fn state_directory() -> Result<PathBuf, CliError> {
    if let Some(directory) = std::env::var_os("DEVICE_STATE").filter(|path| !path.is_empty()) {
        return Ok(directory.into());
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let state = state.or_else(|| Some(std::env::home_dir()?.join(Path::new(".local/state"))));
    let missing = "no home directory for the session: set HOME or DEVICE_STATE";
    Ok(state.ok_or_else(|| CliError::usage(missing))?.join("device"))
}
