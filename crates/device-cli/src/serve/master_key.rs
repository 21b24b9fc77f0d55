//! Where the master key is, under which stored secrets are sealed.

use std::path::{Path, PathBuf};

use device_server::{MasterKeySource, Storage};

use super::ServeError;

/// The file in a data directory that has the key unless another place is named.
const FILE_NAME: &str = "master.key";

/// The variable that has the key itself.
const VARIABLE: &str = "DEVICE_MASTER_KEY";

/// The systemd credential that has the key.
const CREDENTIAL: &str = "master-key";

/// The source that options, the environment or systemd give, if any does.
pub(crate) fn given(
    file: Option<PathBuf>,
    command: Option<String>,
) -> Result<Option<MasterKeySource>, ServeError> {
    let credential = std::env::var_os("CREDENTIALS_DIRECTORY")
        .map(|directory| Path::new(&directory).join(CREDENTIAL))
        .filter(|path| path.exists());
    let given = std::env::var(VARIABLE).ok();
    let mut sources = [
        file.map(MasterKeySource::File),
        command.map(MasterKeySource::Command),
        credential.map(MasterKeySource::File),
        given.map(|text| MasterKeySource::Given(text.into())),
    ]
    .into_iter()
    .flatten();
    match (sources.next(), sources.next()) {
        (source, None) => Ok(source),
        _ => Err(ServeError::Settings(
            "the master key is given twice: give one of master-key-file, master-key-command, the \
             variable DEVICE_MASTER_KEY and the systemd credential master-key"
                .to_owned(),
        )),
    }
}

/// The file with the key that a server makes in its data directory.
pub(crate) fn own_file(directory: &Path) -> PathBuf {
    directory.join(FILE_NAME)
}

/// The source of a server's key; `None` if records are not sealed.
pub(super) fn source(
    given: Option<MasterKeySource>,
    storage: &Storage,
    is_dev: bool,
) -> Result<Option<MasterKeySource>, ServeError> {
    match (given, storage) {
        (_, Storage::InMemory) => Ok(None),
        (Some(source), _) => Ok(Some(source)),
        (None, Storage::Directory(directory)) => {
            Ok(Some(MasterKeySource::OwnFile(own_file(directory))))
        }
        (None, _) if is_dev => Ok(None),
        (None, _) => Err(ServeError::Settings(
            "with store, give master-key-file: all servers of one database need the same key, \
             which encrypts the secrets there. Make one with: (umask 077; openssl rand -base64 32 \
             > master.key)"
                .to_owned(),
        )),
    }
}
