//! The administrator's credentials: generated at the first start, stored with the data.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use device_server::AccessKey;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

use super::{ServeError, modes};

const FILE_NAME: &str = "credentials.toml";

/// An access key. It has no `Debug`, so that it cannot be printed by accident.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

/// The credentials file of this data directory.
pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join(FILE_NAME)
}

/// Where the credentials are stored.
pub(crate) enum Kept {
    /// They already existed in this file.
    Before(PathBuf),
    /// They were generated and written to this file.
    Now(PathBuf),
    /// They were generated and exist only in this process.
    Nowhere,
}

impl Credentials {
    /// The credentials of this data directory; new ones if it has none. The store has already
    /// created the directory.
    pub(crate) fn of(directory: Option<&Path>) -> Result<(Self, Kept), ServeError> {
        let Some(directory) = directory else {
            return Ok((Self::generate(), Kept::Nowhere));
        };
        match Self::read(directory) {
            Ok(credentials) => Ok((credentials, Kept::Before(path(directory)))),
            Err(ServeError::NoCredentials { path }) => {
                let credentials = Self::generate();
                credentials.write(directory, &path).map_err(|error| ServeError::Credentials {
                    path: path.clone(),
                    reason: error.to_string(),
                })?;
                Ok((credentials, Kept::Now(path)))
            }
            Err(error) => Err(error),
        }
    }

    /// The credentials that this data directory has.
    pub(crate) fn read(directory: &Path) -> Result<Self, ServeError> {
        let path = path(directory);
        let unusable = |reason: String| ServeError::Credentials { path: path.clone(), reason };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(ServeError::NoCredentials { path });
            }
            Err(error) => return Err(unusable(error.to_string())),
        };
        modes::check_file(&path)?;
        // The parser quotes the line with the mistake, which may be the secret's.
        let credentials: Self = toml::from_str(&text).map_err(|_| {
            unusable(
                "it must hold access-key-id = \"...\" and secret-access-key = \"...\" and nothing \
                 else. Correct it, or move it away to get new ones"
                    .to_owned(),
            )
        })?;
        AccessKey::new(&*credentials.access_key_id, &*credentials.secret_access_key)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(credentials)
    }

    fn generate() -> Self {
        // 20 and 40 characters, as clients expect; 40 of 62 symbols are 238 bits.
        Self {
            access_key_id: format!("DEVICE{}", random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 14)),
            secret_access_key: random(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                40,
            ),
        }
    }

    /// Writes the file atomically, readable only by its owner.
    fn write(&self, directory: &Path, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let partial = path.with_extension("toml.new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        // On Unix, the new name must reach the disk as well.
        if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
    }
}

fn random(alphabet: &[u8], length: usize) -> String {
    let mut rng = UnwrapErr(SysRng);
    (0..length)
        .filter_map(|_| alphabet.choose(&mut rng))
        .map(|&character| char::from(character))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_made_once_and_then_read() {
        let directory = tempfile::tempdir().unwrap();
        let (first, Kept::Now(path)) =
            Credentials::of(Some(directory.path())).unwrap_or_else(|e| panic!("{e}"))
        else {
            panic!("not new");
        };
        let (second, Kept::Before(_)) =
            Credentials::of(Some(directory.path())).unwrap_or_else(|e| panic!("{e}"))
        else {
            panic!("not kept");
        };
        assert_eq!(first.access_key_id, second.access_key_id);
        assert_eq!(first.secret_access_key, second.secret_access_key);
        assert_eq!((first.access_key_id.len(), first.secret_access_key.len()), (20, 40));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let (other, _) = Credentials::of(None).unwrap_or_else(|e| panic!("{e}"));
        assert_ne!(other.secret_access_key, first.secret_access_key);
    }

    #[test]
    fn an_error_does_not_hold_the_file_it_is_about() {
        let directory = tempfile::tempdir().unwrap();
        for text in [
            "access-key-id = \"A\"\nsecret-access-key = hunter2\n",
            // Anyone could sign with these.
            "access-key-id = \"A\"\nsecret-access-key = \"\"\n",
            "access-key-id = \"A\"\nsecret-access-key = \"x\"\n",
        ] {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let path = directory.path().join(FILE_NAME);
            options.open(path).unwrap().write_all(text.as_bytes()).unwrap();
            let error = Credentials::of(Some(directory.path())).err().unwrap().to_string();
            assert!(error.contains(FILE_NAME) && !error.contains("hunter2"), "{error}");
        }
    }
}
