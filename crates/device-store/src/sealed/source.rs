//! Where the master key comes from: a file, a command, or a text that was given.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use zeroize::Zeroizing;

use super::master_key::MasterKeys;

/// Where Docker puts the secrets of a container, which nothing outside of it can read.
#[cfg(unix)]
const CONTAINER_SECRETS: &str = "/run/secrets/";

/// Where the master key comes from. It must be outside of the database.
#[derive(Clone)]
#[non_exhaustive]
pub enum MasterKeySource {
    /// A file that only its owner may read. It must exist.
    File(PathBuf),
    /// A file that is created with a new key if no data needs an older one.
    OwnFile(PathBuf),
    /// A program with its arguments, separated by spaces, that prints the key.
    Command(String),
    /// The key itself, from the environment.
    Given(Zeroizing<String>),
}

/// Why there is no master key. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MasterKeyError {
    /// There is no such file.
    #[error(
        "the file with the master key, {}, does not exist: restore it, or name another with \
         --master-key-file. For new data, make one: (umask 077; openssl rand -base64 32 > {})",
        path.display(), path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be used.
    #[error("the master key of {place} cannot be used: {reason}")]
    Unusable {
        /// Where it is from.
        place: String,
        /// Why.
        reason: String,
    },
    /// The data was sealed under another key.
    #[error(
        "the data is sealed under the master key {id}, and {place} has another: give the key that \
         this data was sealed under. If it was replaced, give the new one in the first line and \
         the former one after it"
    )]
    Wrong {
        /// Where the other key is from.
        place: String,
        /// What the missing key is called.
        id: String,
    },
    /// The key is still the one that wraps the data keys, and only the operator can replace it.
    #[error(
        "{place} gives the key that is in use already: put a new one before it, as the first line, \
         for every server of this data, and try again"
    )]
    Unchanged {
        /// Where the key is from.
        place: String,
    },
}

impl MasterKeySource {
    /// The place, as messages name it.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::File(path) | Self::OwnFile(path) => path.display().to_string(),
            Self::Command(command) => {
                let program = command.split_whitespace().next().unwrap_or_default();
                format!("the command {program}")
            }
            Self::Given(_) => "the environment".to_owned(),
        }
    }

    fn unusable(&self, reason: impl ToString) -> MasterKeyError {
        MasterKeyError::Unusable { place: self.place(), reason: reason.to_string() }
    }

    /// Checks that there is a key, or that one may be created.
    ///
    /// # Errors
    /// [`MasterKeyError`].
    pub fn check(&self) -> Result<(), MasterKeyError> {
        match (self.read(), self) {
            (Err(MasterKeyError::Missing { .. }), Self::OwnFile(_)) => Ok(()),
            (read, _) => read.map(drop),
        }
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// [`MasterKeyError`]. Nothing is created.
    pub fn read(&self) -> Result<MasterKeys, MasterKeyError> {
        let text = match self {
            Self::File(path) | Self::OwnFile(path) => match fs::read_to_string(path) {
                Ok(text) => {
                    let text = Zeroizing::new(text);
                    check_mode(path, self).map_err(|reason| self.unusable(reason))?;
                    text
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(MasterKeyError::Missing { path: path.clone() });
                }
                Err(error) => return Err(self.unusable(error)),
            },
            Self::Command(command) => self.output_of(command)?,
            Self::Given(text) => text.clone(),
        };
        MasterKeys::parse(&text).map_err(|reason| self.unusable(reason))
    }

    /// Reads the keys, or creates a key where no data needs an older one.
    pub(super) fn read_or_create(&self) -> Result<MasterKeys, MasterKeyError> {
        match (self.read(), self) {
            (Err(MasterKeyError::Missing { .. }), Self::OwnFile(path)) => {
                let keys = MasterKeys::generate().map_err(|reason| self.unusable(reason))?;
                write(path, &keys).map_err(|error| self.unusable(error))?;
                Ok(keys)
            }
            (read, _) => read,
        }
    }

    /// Puts a new key before the others, if that is possible here.
    pub(super) fn renew(&self) -> Result<MasterKeys, MasterKeyError> {
        let Self::OwnFile(path) = self else {
            return Err(MasterKeyError::Unchanged { place: self.place() });
        };
        let keys = self.read()?.renewed().map_err(|reason| self.unusable(reason))?;
        write(path, &keys).map_err(|error| self.unusable(error))?;
        Ok(keys)
    }

    fn output_of(&self, command: &str) -> Result<Zeroizing<String>, MasterKeyError> {
        let mut words = command.split_whitespace();
        let program = words.next().ok_or_else(|| self.unusable("it is empty"))?;
        let output = Command::new(program).args(words).output();
        let output = output.map_err(|error| self.unusable(error))?;
        let text = Zeroizing::new(output.stdout);
        if !output.status.success() {
            return Err(self.unusable(format!("it ended with {}", output.status)));
        }
        let text = std::str::from_utf8(&text).map_err(|_| self.unusable("it is not text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }
}

/// Writes the file atomically, readable only by its owner.
fn write(path: &Path, keys: &MasterKeys) -> io::Result<()> {
    let partial = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    file.write_all(keys.to_text().as_bytes())?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    // On Unix, the new name must reach the disk as well.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}

/// Refuses a file that other users can read or change. Schedulers of containers give the files of
/// secrets to a group, and systemd has an access list that looks like one.
#[cfg(unix)]
fn check_mode(path: &Path, source: &MasterKeySource) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = fs::metadata(path).map_err(|error| error.to_string())?.permissions().mode();
    if path.starts_with(CONTAINER_SECRETS) {
        return Ok(());
    }
    let others = if matches!(source, MasterKeySource::OwnFile(_)) { 0o077 } else { 0o037 };
    match mode & others {
        0 => Ok(()),
        _ => Err(format!(
            "other users can read or change it (mode {:o}). Run chmod 600 on it, and rotate the \
             key if others may have read it",
            mode & 0o7777
        )),
    }
}

/// Outside of Unix, a file has the access rules of its directory.
#[cfg(not(unix))]
fn check_mode(_: &Path, _: &MasterKeySource) -> Result<(), String> {
    Ok(())
}
