//! Copies of a whole database: backups, their restoration, and compaction.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

use super::{OpenError, SqliteStore, connect, directory, schema};

/// The size of a database file before and after it was compacted, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a pair with names")]
pub struct Compacted {
    /// Before.
    pub before: u64,
    /// After.
    pub after: u64,
}

/// Operations on the files of a store, which no store has open.
impl SqliteStore {
    /// Writes the records of a data directory to a new file.
    ///
    /// On Unix it has the mode 0600. A server may use the directory: the file has one state of it,
    /// between two changes.
    ///
    /// # Errors
    /// [`OpenError`]. No file is left.
    pub fn back_up(directory: impl AsRef<Path>, file: impl AsRef<Path>) -> Result<(), OpenError> {
        let database = directory::existing(directory.as_ref())?;
        let file = file.as_ref();
        if file.try_exists().map_err(|error| OpenError::io(file, error))? {
            return Err(OpenError::Exists { path: file.to_owned() });
        }
        let connection = open(&database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        copy(&connection, MAIN, &database, file)
    }

    /// Makes a data directory of a backup. The backup is not changed.
    ///
    /// # Errors
    /// [`OpenError`]. Nothing is overwritten, and no partial data is left.
    pub fn restore(file: impl AsRef<Path>, directory: impl AsRef<Path>) -> Result<(), OpenError> {
        let (file, directory) = (file.as_ref(), directory.as_ref());
        directory::require_file(file)?;
        drop(open(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?);
        // A connection that only reads could not write the copy either.
        let failed = |error| OpenError::sqlite(file, &error);
        let connection = Connection::open_in_memory().map_err(failed)?;
        connection.execute("ATTACH ?1 AS source", [utf8(file)?]).map_err(failed)?;
        let (_lock, database) = directory::claim_empty(directory)?;
        copy(&connection, "source", file, &database)
    }

    /// Writes the database of a data directory anew, without free space.
    ///
    /// From then on it gives space back by itself.
    /// The directory needs room for a second database meanwhile.
    ///
    /// # Errors
    /// [`OpenError`]; [`OpenError::InUse`] while a server runs. The database is unchanged then.
    pub fn compact(directory: impl AsRef<Path>) -> Result<Compacted, OpenError> {
        let directory = directory.as_ref();
        directory::existing(directory)?;
        let (_lock, database) = directory::claim(directory)?;
        let connection = open(&database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let failed = |error| OpenError::sqlite(&database, &error);
        let size = || {
            let size = fs::metadata(&database).map(|metadata| metadata.len());
            size.map_err(|error| OpenError::io(&database, error))
        };
        // Folds the log in. With the last connection it is removed: a log of the old file would
        // damage the new one.
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)?;
        let before = size()?;
        let compacted = write_copy(&connection, MAIN, &database, directory)?;
        connection.close().map_err(|(_, error)| failed(error))?;
        let log = directory::log_of(&database);
        if log.exists() {
            return Err(OpenError::InUse { path: log });
        }
        compacted.persist(&database).map_err(|error| OpenError::io(&database, error.error))?;
        directory::sync(directory).map_err(|error| OpenError::io(directory, error))?;
        Ok(Compacted { before, after: size()? })
    }

    /// What migrating a data directory would do, one line for each step. Nothing is changed.
    ///
    /// The steps are tried and undone, if there are any.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn pending_migrations(directory: impl AsRef<Path>) -> Result<Vec<&'static str>, OpenError> {
        let database = directory::existing(directory.as_ref())?;
        let failed = |error| OpenError::sqlite(&database, &error);
        let mut connection =
            connect(&database, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        let found = schema::inspect(&connection, &database)?;
        schema::try_migrate(&mut connection, found).map_err(failed)?;
        Ok(schema::steps(found))
    }

    /// The files beside the database in a data directory, such as credentials.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn files_beside(directory: impl AsRef<Path>) -> Result<Vec<PathBuf>, OpenError> {
        let directory = directory.as_ref();
        let failed = |error| OpenError::io(directory, error);
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && !directory::is_stores_own(&entry.file_name()) {
                files.push(entry.path());
            }
        }
        files.sort();
        Ok(files)
    }
}

/// The database that a connection was opened with, in SQL.
const MAIN: &str = "main";

/// What `auto_vacuum` is if the file gives space back.
const INCREMENTAL: i64 = 2;

/// A path as SQL has it.
fn utf8(path: &Path) -> Result<&str, OpenError> {
    path.to_str().ok_or_else(|| OpenError::Io {
        path: path.to_owned(),
        source: std::io::Error::other("its name is not UTF-8"),
    })
}

/// Opens a database that is ours.
fn open(database: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
    let connection = connect(database, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| OpenError::sqlite(database, &error))?;
    match schema::inspect(&connection, database)? {
        0 => Err(OpenError::Missing { path: database.to_owned() }),
        _ => Ok(connection),
    }
}

/// Writes the state of a connection's database to the new file `to`, whole or not at all.
fn copy(connection: &Connection, schema: &str, from: &Path, to: &Path) -> Result<(), OpenError> {
    let directory = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let copied = write_copy(connection, schema, from, directory)?;
    copied.persist_noclobber(to).map_err(|error| match error.error.kind() {
        std::io::ErrorKind::AlreadyExists => OpenError::Exists { path: to.to_owned() },
        _ => OpenError::io(to, error.error),
    })?;
    directory::sync(directory).map_err(|error| OpenError::io(directory, error))
}

/// Writes the state of a connection's database to a temporary file in `directory`. It has the mode
/// 0600 on Unix and is on the disk.
fn write_copy(
    connection: &Connection,
    schema: &str,
    from: &Path,
    directory: &Path,
) -> Result<NamedTempFile, OpenError> {
    let copied = tempfile::Builder::new()
        .prefix(OsStr::new(directory::TEMPORARY))
        .tempfile_in(directory)
        .map_err(|error| OpenError::io(directory, error))?;
    let failed = |error| OpenError::sqlite(from, &error);
    // For the copy. Databases of earlier releases do not have it, and only with them must this wait
    // until nobody writes.
    let mode: i64 = connection.pragma_query_one(Some(schema), "auto_vacuum").map_err(failed)?;
    if mode != INCREMENTAL {
        connection.pragma_update(Some(schema), "auto_vacuum", INCREMENTAL).map_err(failed)?;
    }
    let vacuum = format!("VACUUM {schema} INTO ?1");
    connection.execute(&vacuum, [utf8(copied.path())?]).map_err(failed)?;
    copied.as_file().sync_all().map_err(|error| OpenError::io(copied.path(), error))?;
    Ok(copied)
}
