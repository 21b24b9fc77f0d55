//! The data directory: private, and held by one process.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::OpenError;

const LOCK: &str = "device-pool.lock";
const DATABASE: &str = "device-pool.sqlite3";

/// Creates `directory` if necessary and claims it for this process.
///
/// Returns the lock, held until it is dropped, and the path of the database, which exists from then
/// on, if only as an empty file.
pub(super) fn claim(directory: &Path) -> Result<(File, PathBuf), OpenError> {
    make(directory).map_err(|error| OpenError::io(directory, error))?;

    let path = directory.join(LOCK);
    let lock = open_private(OpenOptions::new().create(true).write(true).truncate(false), &path)
        .map_err(|error| OpenError::io(&path, error))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse { path: directory.to_owned() });
        }
        Err(TryLockError::Error(error)) => return Err(OpenError::io(&path, error)),
    }

    // SQLite would make the file readable for all. Its log and index take the mode of the database.
    let path = directory.join(DATABASE);
    match open_private(OpenOptions::new().create_new(true).write(true), &path) {
        Ok(_) => sync(directory).map_err(|error| OpenError::io(directory, error))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(OpenError::io(&path, error)),
    }
    Ok((lock, path))
}

/// Creates a directory and its parents durably: they are synced, so that they survive a power cut.
fn make(directory: &Path) -> io::Result<()> {
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make(parent)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    sync(parent)
}

/// Whether a store was ever opened in `directory`.
#[cfg(feature = "postgres")]
pub(super) fn is_used(directory: &Path) -> bool {
    directory.join(DATABASE).exists()
}

fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Makes the entries of a directory durable. Only on Unix can a directory be opened to be synced.
fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
