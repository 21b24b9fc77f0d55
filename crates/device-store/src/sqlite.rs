//! Records in a SQLite database: one writer thread, several readers.

mod directory;
mod open_error;
mod readers;
mod schema;
mod writer;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use device_pool::store::{Change, Key, Record, Store, StoreError, Table, Version};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row};

pub use self::open_error::OpenError;
use self::readers::Readers;
use self::writer::{Task, Writer};
#[cfg(feature = "postgres")]
use crate::entry::Entry;

/// How long a statement waits for somebody else's lock. Only an operator at the database's own
/// shell can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Records removed in one step of a purge, so that changes waiting meanwhile are not held up by all
/// of it.
const PURGE_BATCH: u16 = 500;

/// A [`Store`] in one directory of the local disk.
///
/// A change that [`apply`](Store::apply) has acknowledged was synced to the disk. Changes that
/// arrive while a sync is under way are made together and share the next one, so throughput grows
/// with the number of callers.
///
/// The directory belongs to one `SqliteStore` at a time, which a lock file in it makes sure of.
/// Dropping the store finishes what was submitted, folds the write-ahead log into the database, and
/// gives the directory free.
///
/// The database, `device-pool.sqlite3`, is for operators to read with the `sqlite3` shell, also
/// while the store is open: one table `record (kind, id, version, expires_at, body)`, whose bodies
/// are JSON.
pub struct SqliteStore {
    // Dropped in this order: closing the last connection, the writer's, is what folds in the
    // write-ahead log, and only then may the next process have the directory.
    readers: Readers,
    writer: Writer,
    _lock: File,
    database: PathBuf,
}

impl SqliteStore {
    /// Opens the store in `directory`, which is made if it does not exist.
    ///
    /// On Unix the directories it makes are for their owner alone (0700), as are the files in them
    /// (0600). The directory must be on a local file system: neither locks nor shared memory can be
    /// relied on over a network.
    ///
    /// # Errors
    /// [`OpenError`] says what stands in the way and what a person can do about it. Data that was
    /// there is as it was.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (lock, database) = directory::claim(directory.as_ref())?;
        let failed = |error| OpenError::sqlite(&database, &error);

        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection =
            connect(&database, flags | OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        if connection.is_readonly("main").map_err(failed)? {
            return Err(OpenError::Permission { path: database });
        }
        let version = schema::inspect(&connection, &database)?;
        configure_writer(&connection).map_err(failed)?;
        schema::migrate(&mut connection, version).map_err(failed)?;

        let readers =
            Readers::open(|| connect(&database, flags | OpenFlags::SQLITE_OPEN_READ_ONLY))
                .map_err(failed)?;
        let writer =
            Writer::spawn(connection).map_err(|source| OpenError::io(&database, source))?;
        Ok(Self { readers, writer, _lock: lock, database })
    }
}

/// For copies.
#[cfg(feature = "postgres")]
impl SqliteStore {
    /// Opens the store in `directory` only if there is one.
    ///
    /// # Errors
    /// As of [`open`](Self::open); [`OpenError::Missing`] if the directory has no store. Nothing is
    /// made then.
    pub fn open_existing(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        let directory = directory.as_ref();
        if !directory::is_used(directory) {
            return Err(OpenError::Missing { path: directory.to_owned() });
        }
        Self::open(directory)
    }

    /// How many records there are.
    pub(crate) fn count(&self) -> Result<u64, StoreError> {
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0))
        };
        self.readers.read(count).map(i64::cast_unsigned)
    }

    /// Up to `limit` records of a kind behind `after`, with all that is kept of each.
    pub(crate) fn entries(
        &self,
        table: Table,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.readers.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT version, body, id, expires_at FROM record
                     WHERE kind = ?1 AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3",
                )?
                .query_map((table.name(), after, limit.cast_signed()), |row| {
                    let key = Key { table, id: row.get(2)? };
                    Ok(Entry { key, record: record(row)?, expires_at: row.get(3)? })
                })?
                .collect()
        })
    }
}

fn connect(database: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// What makes an acknowledged change durable.
fn configure_writer(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let text =
            format!("its file system supports no write-ahead log (journal mode stays {mode})");
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN),
            Some(text),
        ));
    }
    // In WAL mode anything less loses the last commits in a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    // On macOS a plain fsync stops at the drive's cache; elsewhere this does nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    // Records hold verifiers and keys: a page that is written anyway should not keep what was
    // deleted from it.
    connection.pragma_update(None, "secure_delete", "fast")
}

impl Store for SqliteStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.readers.read(|connection| {
            connection
                .prepare_cached("SELECT version, body FROM record WHERE kind = ?1 AND id = ?2")?
                .query_row((key.table.name(), &key.id), record)
                .optional()
        })
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let start = after.map_or(prefix, |after| after.max(prefix));
        self.readers.read(|connection| {
            let mut found = Vec::new();
            let mut statement = connection.prepare_cached(
                "SELECT version, body, id FROM record WHERE kind = ?1 AND id >= ?2 ORDER BY id",
            )?;
            let mut rows = statement.query((table.name(), start))?;
            // Rows come one by one as they are asked for, so the end of the prefix is found here,
            // in bytes, rather than by a pattern or an upper bound in SQL.
            while found.len() < limit
                && let Some(row) = rows.next()?
            {
                let id = row.get_ref(2)?.as_str()?;
                if !id.starts_with(prefix) {
                    break;
                }
                if Some(id) != after {
                    found.push((Key { table, id: id.to_owned() }, record(row)?));
                }
            }
            Ok(found)
        })
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        self.writer.submit(Task::Apply(change)).map(|_| ())
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        let mut total = 0;
        loop {
            let removed =
                self.writer.submit(Task::Purge { before: now_millis, limit: PURGE_BATCH })?;
            total += removed;
            if removed < usize::from(PURGE_BATCH) {
                return Ok(total);
            }
        }
    }
}

/// The record in a row that starts with `version, body`.
fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record { version: version(row)?, body: row.get_ref(1)?.as_bytes()?.to_vec() })
}

/// The version in a row that starts with it. The database counts in `i64`, from 1.
fn version(row: &Row<'_>) -> rusqlite::Result<Version> {
    row.get::<_, i64>(0).map(|number| Version(number.cast_unsigned()))
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("database", &self.database).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No test can cut the power; this one sees to it that SQLite was told to reckon with it.
    #[test]
    fn the_writer_syncs_every_commit() {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::open(directory.path().join("database")).unwrap();
        configure_writer(&connection).unwrap();
        let pragma = |name| connection.pragma_query_one::<i64>(None, name).unwrap();
        assert_eq!(
            (pragma("synchronous"), pragma("fullfsync"), pragma("secure_delete")),
            (2, 1, 2)
        );
        assert_eq!(connection.pragma_query_one::<String>(None, "journal_mode").unwrap(), "wal");
    }

    /// A database in memory is like one on a file system without shared memory: it cannot be put in
    /// WAL mode.
    #[test]
    fn without_a_write_ahead_log_there_is_no_writer() {
        let error = configure_writer(&Connection::open_in_memory().unwrap()).unwrap_err();
        let text = OpenError::sqlite(Path::new("/net/database"), &error).to_string();
        assert!(text.contains("/net/database") && text.contains("no write-ahead log"), "{text}");
    }
}
