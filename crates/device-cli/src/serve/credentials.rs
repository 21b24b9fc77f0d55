//! The administrator's credentials: made at the first start, kept beside the data.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};

use super::ServeError;

const FILE_NAME: &str = "credentials.toml";

/// An access key. It has no `Debug`, so that none can be printed in passing.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
}

/// Where credentials are kept.
pub(crate) enum Kept {
    /// They were there already.
    Before(PathBuf),
    /// They were made and put there.
    Now(PathBuf),
    /// They were made and live as long as the process.
    Nowhere,
}

impl Credentials {
    /// Whether they can be signed with, and by nobody who knows nothing: anyone can sign with an
    /// empty secret, and the slash is what ends an id in a signature.
    pub(crate) fn serve_their_end(&self) -> bool {
        !self.access_key_id.is_empty()
            && !self.access_key_id.contains('/')
            && !self.secret_access_key.is_empty()
    }

    /// The credentials of this data directory, which the store has opened and so made; new ones if
    /// it has none.
    pub(crate) fn of(directory: Option<&Path>) -> Result<(Self, Kept), ServeError> {
        let Some(directory) = directory else {
            return Ok((Self::generate(), Kept::Nowhere));
        };
        let path = directory.join(FILE_NAME);
        let unusable = |reason: String| ServeError::Credentials { path: path.clone(), reason };
        match fs::read_to_string(&path) {
            Ok(text) => {
                // The parser quotes the line that it stumbles over, and that may be the secret's.
                let credentials =
                    toml::from_str(&text).ok().filter(Self::serve_their_end).ok_or_else(|| {
                        unusable(
                            "it must hold access-key-id = \"...\" and secret-access-key = \"...\" \
                             and nothing else. \
                             Mend it, or move it away to get new ones"
                                .to_owned(),
                        )
                    })?;
                Ok((credentials, Kept::Before(path)))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let credentials = Self::generate();
                credentials.write(directory, &path).map_err(|error| unusable(error.to_string()))?;
                Ok((credentials, Kept::Now(path)))
            }
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    fn generate() -> Self {
        // 20 and 40 characters, as clients expect them; 40 of 62 kinds are 238 bits.
        Self {
            access_key_id: format!("DEVICE{}", random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 14)),
            secret_access_key: random(
                b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
                40,
            ),
        }
    }

    /// Whole or not at all, and for the owner's eyes alone from the first byte on.
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
        // On Unix the new name, too, must reach the disk.
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
    fn made_once_then_read_again() {
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
    fn a_broken_file_is_told_without_its_contents() {
        let directory = tempfile::tempdir().unwrap();
        for text in [
            "access-key-id = \"A\"\nsecret-access-key = hunter2\n",
            // Anyone could sign with this one.
            "access-key-id = \"A\"\nsecret-access-key = \"\"\n",
        ] {
            fs::write(directory.path().join(FILE_NAME), text).unwrap();
            let error = Credentials::of(Some(directory.path())).err().unwrap().to_string();
            assert!(error.contains(FILE_NAME) && !error.contains("hunter2"), "{error}");
        }
    }
}
