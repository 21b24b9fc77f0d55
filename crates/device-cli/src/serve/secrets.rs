//! Secrets of options: in the environment, in a file that it names, or a systemd credential.
//!
//! None is a flag: other users of the machine can see the arguments of a process.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::{ServeError, modes};

/// The most bytes of a secret in a file.
const MOST_BYTES: u64 = 64 * 1024;

/// Where Docker puts the secrets of a container, which nothing outside of it can read.
const CONTAINER_SECRETS: &str = "/run/secrets/";

/// An option that is a secret, or a URL that may contain one.
pub(super) struct SecretOption {
    /// Its name in a file, which is also that of its systemd credential.
    name: &'static str,
    /// The variable that has it. With `_FILE` added, the variable names a file that has it.
    variable: &'static str,
}

pub(super) const SECRET_ACCESS_KEY: SecretOption =
    SecretOption { name: "secret-access-key", variable: "DEVICE_SECRET_ACCESS_KEY" };
pub(super) const STORE: SecretOption = SecretOption { name: "store", variable: "DEVICE_STORE" };
pub(super) const SMTP_URL: SecretOption =
    SecretOption { name: "smtp-url", variable: "DEVICE_SMTP_URL" };
pub(super) const MESSAGE_WEBHOOK: SecretOption =
    SecretOption { name: "message-webhook", variable: "DEVICE_MESSAGE_WEBHOOK" };
pub(super) const HOOK_URL: SecretOption =
    SecretOption { name: "hook-url", variable: "DEVICE_HOOK_URL" };
pub(super) const HOOK_SECRET: SecretOption =
    SecretOption { name: "hook-secret", variable: "DEVICE_HOOK_SECRET" };
pub(super) const LAMBDA_SECRET_ACCESS_KEY: SecretOption =
    SecretOption { name: "lambda-secret-access-key", variable: "AWS_SECRET_ACCESS_KEY" };
pub(super) const LAMBDA_SESSION_TOKEN: SecretOption =
    SecretOption { name: "lambda-session-token", variable: "AWS_SESSION_TOKEN" };

/// All of them.
const ALL: [&SecretOption; 8] = [
    &SECRET_ACCESS_KEY,
    &STORE,
    &SMTP_URL,
    &MESSAGE_WEBHOOK,
    &HOOK_URL,
    &HOOK_SECRET,
    &LAMBDA_SECRET_ACCESS_KEY,
    &LAMBDA_SESSION_TOKEN,
];

/// Whether the option with this name is a secret, or may contain one.
pub(crate) fn is_secret(name: &str) -> bool {
    ALL.iter().any(|secret| secret.name == name)
}

/// The names of the secrets that are given outside of flags and a configuration file, and where.
pub(crate) fn given_secrets() -> impl Iterator<Item = (&'static str, &'static str)> {
    ALL.into_iter().filter_map(|secret| {
        let source = if secret.credential().is_some() {
            "systemd credential"
        } else if secret.file().is_some() {
            "file of the environment"
        } else if std::env::var_os(secret.variable).is_some() {
            "environment"
        } else {
            return None;
        };
        Some((secret.name, source))
    })
}

impl SecretOption {
    /// The file that the environment names.
    fn file(&self) -> Option<PathBuf> {
        std::env::var_os(format!("{}_FILE", self.variable)).map(PathBuf::from)
    }

    /// The systemd credential.
    fn credential(&self) -> Option<PathBuf> {
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY")?;
        Some(Path::new(&directory).join(self.name)).filter(|path| path.exists())
    }

    /// The secret, if there is one. `given` is that of a flag or of the variable, if clap read it.
    pub(super) fn read(&self, given: Option<String>) -> Result<Option<String>, ServeError> {
        let given = given.or_else(|| std::env::var(self.variable).ok());
        match (given, self.file(), self.credential()) {
            (given, None, None) => Ok(given),
            (None, Some(file), None) => {
                if !file.starts_with(CONTAINER_SECRETS) && file.is_file() {
                    modes::check_secret(&file)?;
                }
                self.content(&file).map(Some)
            }
            // systemd lets only the service's user read it, by an access list that looks like a
            // readable group.
            (None, None, Some(credential)) => self.content(&credential).map(Some),
            _ => Err(ServeError::Settings(format!(
                "{} is given twice: give one of the option, the variable {variable}, the variable \
                 {variable}_FILE and the systemd credential",
                self.name,
                variable = self.variable
            ))),
        }
    }

    /// The content of the file, without the end of its last line.
    fn content(&self, path: &Path) -> Result<String, ServeError> {
        let unusable = |reason: &str| {
            let (name, path) = (self.name, path.display());
            ServeError::Settings(format!("the secret {name} cannot be read from {path}: {reason}"))
        };
        let read = |path: &Path| -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read(path).map_err(|error| unusable(&error.to_string()))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(unusable("it has more than 64 KiB"));
        }
        let text = String::from_utf8(bytes).map_err(|_| unusable("it is not text in UTF-8"))?;
        let secret = text.strip_suffix('\n').unwrap_or(&text);
        let secret = secret.strip_suffix('\r').unwrap_or(secret);
        if secret.is_empty() {
            return Err(unusable("it is empty"));
        }
        Ok(secret.to_owned())
    }
}
