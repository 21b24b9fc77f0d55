//! One state of a database, read while a server may write.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use device_pool::store::{Change, Key, Record, Store, StoreError, Table};
use rusqlite::{Connection, OpenFlags};

use super::{OpenError, connect, directory, reads, schema};
use crate::entry::{Entries, Entry};

/// The records of a directory or a backup, as they were when it was opened.
///
/// It reads and never writes. While it is open, the write-ahead log of a running server grows.
pub struct SqliteSnapshot {
    connection: Mutex<Connection>,
}

impl SqliteSnapshot {
    /// Opens the records in a server's data directory. The server may run.
    ///
    /// # Errors
    /// [`OpenError`]. Nothing is created.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::of_database(&directory::existing(directory.as_ref())?)
    }

    /// Opens the records in a backup.
    ///
    /// # Errors
    /// [`OpenError`]. Nothing is created.
    pub fn open_backup(file: impl AsRef<Path>) -> Result<Self, OpenError> {
        let file = file.as_ref();
        directory::require_file(file)?;
        Self::of_database(file)
    }

    fn of_database(database: &Path) -> Result<Self, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_READ_ONLY;
        let connection =
            connect(database, flags).map_err(|error| OpenError::sqlite(database, &error))?;
        match schema::inspect(&connection, database)? {
            0 => return Err(OpenError::Missing { path: database.to_owned() }),
            found if found < schema::LATEST => {
                return Err(OpenError::OlderSchema { path: database.to_owned(), found });
            }
            _ => {}
        }
        // Until it ends, a transaction sees the state of its first read.
        connection
            .execute_batch("BEGIN; SELECT last FROM sequence")
            .map_err(|error| OpenError::sqlite(database, &error))?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// What is wrong with the database itself: pages, indexes, and kinds of record that this
    /// program does not know. Empty if it is sound.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub fn damage(&self) -> Result<Vec<String>, StoreError> {
        self.read(|connection| {
            let mut found: Vec<String> = connection
                .prepare("PRAGMA integrity_check")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            found.retain(|line| line != "ok");
            let kinds: Vec<(String, i64)> = connection
                .prepare("SELECT kind, count(*) FROM record GROUP BY kind")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let is_known = |kind: &str| Table::ALL.iter().any(|table| table.name() == kind);
            let unknown = kinds.into_iter().filter(|(kind, _)| !is_known(kind));
            found.extend(unknown.map(|(kind, count)| format!("{count} of unknown kind {kind}")));
            Ok(found)
        })
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        read(&connection).map_err(|error| StoreError::Failed(error.to_string()))
    }
}

impl Store for SqliteSnapshot {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.read(|connection| reads::get(connection, key))
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

    fn apply(&self, _: Change) -> Result<(), StoreError> {
        Err(StoreError::Failed("a snapshot cannot be changed".to_owned()))
    }

    fn purge(&self, _: i64) -> Result<usize, StoreError> {
        Err(StoreError::Failed("a snapshot cannot be changed".to_owned()))
    }
}

impl Entries for SqliteSnapshot {
    fn entries(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.read(|connection| reads::entries(connection, table, prefix, after, limit))
    }
}
