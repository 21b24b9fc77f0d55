//! Records in a SQLite database, with one connection that writes and several that read.

mod directory;
mod files;
mod open_error;
mod readers;
mod reads;
mod recent;
mod schema;
mod snapshot;
mod writer;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use device_pool::store::{Change, Key, Lookup, Record, Store, StoreError, Table, Version, Waits};
use rusqlite::{Connection, OpenFlags};

pub use self::files::Compacted;
pub use self::open_error::OpenError;
use self::readers::Readers;
use self::recent::Recent;
pub use self::snapshot::SqliteSnapshot;
use self::writer::{Task, Writer};
use crate::entry::{Entries, Entry};

/// How long a statement waits for the lock of another process. Only an operator at the database's
/// shell can hold one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of records removed in one step of a purge. Small, so that waiting changes are not
/// delayed by the whole purge.
const PURGE_BATCH: u16 = 500;

/// The number of free pages that a step of a purge gives back to the file system: a megabyte.
const PAGES: u16 = 256;

/// The most such steps in a purge. The next purge, a minute later, goes on.
const MAX_STEPS: usize = 100;

/// A [`Store`] in one directory of the local disk.
///
/// An acknowledged change ([`apply`](Store::apply)) was synced to the disk. Changes that arrive
/// during a sync are committed together and share the next one, so throughput grows with the number
/// of callers.
///
/// A directory belongs to one `SqliteStore` at a time; a lock file in it ensures that. Dropping the
/// store folds the write-ahead log into the database, and releases the directory.
///
/// Operators may read the database, `device-pool.sqlite3`, with the `sqlite3` shell, also while the
/// store is open. It has one table `record (kind, id, version, expires_at, body)`, whose bodies are
/// JSON.
pub struct SqliteStore {
    // Dropped in this order: closing the last connection, the writer's, folds in the write-ahead
    // log, and only then may another process take the directory.
    readers: Readers,
    writer: Writer,
    recent: Arc<Recent>,
    _lock: File,
    database: PathBuf,
}

impl SqliteStore {
    /// Opens the store in `directory`, which is created if it does not exist.
    ///
    /// On Unix, created directories and files are accessible only to their owner (0700 and 0600).
    /// The directory must be on a local file system: locks and shared memory are unreliable over a
    /// network.
    ///
    /// # Errors
    ///
    /// [`OpenError`], which says what is wrong and what to do. Existing data is unchanged.
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
        if version == 0 {
            // So that the file gives space back. Nothing can be in it before this.
            connection.pragma_update(None, "auto_vacuum", "incremental").map_err(failed)?;
        }
        configure_writer(&connection).map_err(failed)?;
        schema::migrate(&mut connection, version).map_err(failed)?;

        let readers =
            Readers::open(|| connect(&database, flags | OpenFlags::SQLITE_OPEN_READ_ONLY))
                .map_err(failed)?;
        let recent = Arc::<Recent>::default();
        let writer = Writer::new(connection, Arc::clone(&recent));
        Ok(Self { readers, writer, recent, _lock: lock, database })
    }

    /// Opens the store in `directory` only if it exists.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); [`OpenError::Missing`] if the directory has no store. Nothing is
    /// created then.
    pub fn open_existing(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        let directory = directory.as_ref();
        directory::existing(directory)?;
        Self::open(directory)
    }
}

/// Access for copies.
#[cfg(feature = "postgres")]
impl SqliteStore {
    /// The number of records.
    pub(crate) fn count(&self) -> Result<u64, StoreError> {
        let count = |connection: &Connection| {
            connection.query_row("SELECT count(*) FROM record", [], |row| row.get::<_, i64>(0))
        };
        self.readers.read(count).map(i64::cast_unsigned)
    }
}

fn connect(database: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Configures the connection so that an acknowledged change is durable.
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
    // In WAL mode a weaker setting loses the last commits in a power cut.
    connection.pragma_update(None, "synchronous", "full")?;
    // On macOS a plain fsync stops at the drive's cache; elsewhere this has no effect.
    connection.pragma_update(None, "fullfsync", true)?;
    // Records hold verifiers, keys and names: what is deleted is overwritten in the file.
    connection.pragma_update(None, "secure_delete", true)
}

impl Store for SqliteStore {
    fn waits(&self) -> Waits {
        Waits::ToWrite
    }

    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let before = match self.recent.look(key, |record| record.cloned()) {
            Ok(record) => return Ok(record),
            Err(before) => before,
        };
        let record = self.readers.read(|connection| reads::get(connection, key))?;
        self.recent.keep(key, record.as_ref(), before);
        Ok(record)
    }

    fn get_unless(&self, key: &Key, known: Version) -> Result<Lookup, StoreError> {
        let is_known = |record: Option<&Record>| record.map(|record| record.version) == Some(known);
        Ok(match self.recent.look(key, is_known) {
            Ok(true) => Lookup::Unchanged,
            _ => match self.get(key)? {
                Some(record) if record.version == known => Lookup::Unchanged,
                other => Lookup::Changed(other),
            },
        })
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let entries = self.entries(table, prefix, after, limit)?;
        Ok(entries.into_iter().map(|entry| (entry.key, entry.record)).collect())
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
                break;
            }
        }
        for _ in 0..MAX_STEPS {
            if self.writer.submit(Task::GiveBack { pages: PAGES })? == 0 {
                break;
            }
        }
        Ok(total)
    }
}

impl Entries for SqliteStore {
    fn entries(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.readers.read(|connection| reads::entries(connection, table, prefix, after, limit))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("database", &self.database).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No test can cut the power; this one checks that SQLite is configured for it.
    #[test]
    fn the_writer_syncs_every_commit() {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::open(directory.path().join("database")).unwrap();
        configure_writer(&connection).unwrap();
        let pragma = |name| connection.pragma_query_one::<i64>(None, name).unwrap();
        assert_eq!(
            (pragma("synchronous"), pragma("fullfsync"), pragma("secure_delete")),
            (2, 1, 1)
        );
        assert_eq!(connection.pragma_query_one::<String>(None, "journal_mode").unwrap(), "wal");
    }

    /// A database in memory cannot use WAL mode. The same holds on a file system without shared
    /// memory.
    #[test]
    fn no_writer_starts_without_a_write_ahead_log() {
        let error = configure_writer(&Connection::open_in_memory().unwrap()).unwrap_err();
        let text = OpenError::sqlite(Path::new("/net/database"), &error).to_string();
        assert!(text.contains("/net/database") && text.contains("no write-ahead log"), "{text}");
    }
}
