//! The physical schema and its versions.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// Identifies the file as ours; `deva` in ASCII.
const APPLICATION_ID: i32 = 0x6465_7661;

/// The migrations from each version of the schema to the next. `PRAGMA user_version` counts those
/// that have run.
///
/// Version 1: the table has row ids, because a body of a kilobyte or more does not stay in the
/// B-tree of a table without them: measured at 1.1 kB, such a table was three times the size and
/// wrote twice the pages. `sequence` counts changes; a record's version is the number of the change
/// that wrote it, so none is ever used twice.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE record (
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires_at INTEGER, -- milliseconds since the epoch
        body TEXT NOT NULL, -- JSON
        PRIMARY KEY (kind, id)
    ) STRICT;
    CREATE INDEX record_expiry ON record (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE sequence (last INTEGER NOT NULL) STRICT;
    INSERT INTO sequence VALUES (0);
"];

/// The schema version of this database, 0 for an empty one. An error if it is not ours to change.
pub(super) fn inspect(connection: &Connection, path: &Path) -> Result<usize, OpenError> {
    let failed = |error| OpenError::sqlite(path, &error);
    let application: i32 = connection.pragma_query_one(None, "application_id").map_err(failed)?;
    let version: i32 = connection.pragma_query_one(None, "user_version").map_err(failed)?;
    let empty = connection
        .query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| {
            row.get::<_, bool>(0)
        })
        .map_err(failed)?;

    match (application, usize::try_from(version)) {
        (0, Ok(0)) if empty => Ok(0),
        (APPLICATION_ID, Ok(found)) if found > MIGRATIONS.len() => Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found,
            supported: MIGRATIONS.len(),
        }),
        (APPLICATION_ID, Ok(found)) => Ok(found),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

/// Migrates a database from schema `version` to the latest, in one transaction.
pub(super) fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(&format!("PRAGMA user_version = {}", MIGRATIONS.len()))?;
    transaction.commit()
}
