//! The data directory: private, and held by one process.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::OpenError;

const LOCK: &str = "device-pool.lock";
const DATABASE: &str = "device-pool.sqlite3";

/// How the names of files that are being written start.
pub(super) const TEMPORARY: &str = ".device-pool-";

/// Creates `directory` if necessary and claims it for this process.
///
/// Returns the lock, held until it is dropped, and the path of the database, which exists from then
/// on, if only as an empty file.
pub(super) fn claim(directory: &Path) -> Result<(File, PathBuf), OpenError> {
    let lock = lock(directory)?;

    // SQLite would make the file readable for all. Its log and index take the mode of the database.
    let path = directory.join(DATABASE);
    match open_private(OpenOptions::new().create_new(true).write(true), &path) {
        Ok(_) => sync(directory).map_err(|error| OpenError::io(directory, error))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(OpenError::io(&path, error)),
    }
    Ok((lock, path))
}

/// As [`claim`], if the directory has no database yet. None is created.
pub(super) fn claim_empty(directory: &Path) -> Result<(File, PathBuf), OpenError> {
    let path = directory.join(DATABASE);
    let is_empty = || {
        // The log of a database that was removed would be taken for the new one's.
        let found = [path.clone(), log_of(&path)].into_iter().find(|path| path.exists());
        found.map_or(Ok(()), |path| Err(OpenError::NotEmpty { path }))
    };
    // Before the lock is made: a refusal leaves nothing.
    is_empty()?;
    let lock = lock(directory)?;
    is_empty()?;
    Ok((lock, path))
}

/// Creates `directory` if necessary and locks it for this process.
fn lock(directory: &Path) -> Result<File, OpenError> {
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
    Ok(lock)
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

/// The database of a directory in which a store was ever opened.
pub(super) fn existing(directory: &Path) -> Result<PathBuf, OpenError> {
    let path = directory.join(DATABASE);
    match path.try_exists() {
        Ok(true) => Ok(path),
        Ok(false) => Err(OpenError::Missing { path: directory.to_owned() }),
        Err(error) => Err(OpenError::io(directory, error)),
    }
}

/// Refuses a path that is not a file. SQLite's own words do not say so.
pub(super) fn require_file(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(OpenError::NotAFile { path: path.to_owned() }),
        Err(error) => Err(OpenError::io(path, error)),
    }
}

/// The write-ahead log of a database.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// Whether a file of this name in a data directory is a store's.
pub(super) fn is_stores_own(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name == LOCK || name.starts_with(DATABASE) || name.starts_with(TEMPORARY)
}

fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Makes the entries of a directory durable. Only on Unix can a directory be opened to be synced.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}
