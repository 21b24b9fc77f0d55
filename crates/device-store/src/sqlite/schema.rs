//! The physical schema and its versions.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::OpenError;

/// Identifies the file as ours; `deva` in ASCII.
const APPLICATION_ID: i32 = 0x6465_7661;

/// A step from one version of the schema to the next.
struct Migration {
    /// What it does, for an operator.
    what: &'static str,
    sql: &'static str,
}

/// The latest version of the schema.
pub(super) const LATEST: usize = MIGRATIONS.len();

/// The migrations, in order. `PRAGMA user_version` counts those that have run.
///
/// Version 1: the table has row ids, because a body of a kilobyte or more does not stay in the
/// B-tree of a table without them: measured at 1.1 kB, such a table was three times the size and
/// wrote twice the pages. `sequence` counts changes; a record's version is the number of the change
/// that wrote it, so none is ever used twice.
const MIGRATIONS: [Migration; 1] = [Migration {
    what: "create the table of records",
    sql: "
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
    ",
}];

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

/// The steps from schema `version` to the latest.
pub(super) fn steps(version: usize) -> Vec<&'static str> {
    MIGRATIONS.iter().skip(version).map(|migration| migration.what).collect()
}

/// Migrates a database from schema `version` to the latest, in one transaction.
pub(super) fn migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    match begin(connection, version, &MIGRATIONS)? {
        Some(transaction) => transaction.commit(),
        None => Ok(()),
    }
}

/// Runs the same steps and undoes them.
pub(super) fn try_migrate(connection: &mut Connection, version: usize) -> rusqlite::Result<()> {
    match begin(connection, version, &MIGRATIONS)? {
        Some(transaction) => transaction.rollback(),
        None => Ok(()),
    }
}

/// A transaction in which the steps have run; `None` if there are none.
fn begin<'c>(
    connection: &'c mut Connection,
    version: usize,
    migrations: &[Migration],
) -> rusqlite::Result<Option<Transaction<'c>>> {
    if version == migrations.len() {
        return Ok(None);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for migration in migrations.iter().skip(version) {
        transaction.execute_batch(migration.sql)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(&format!("PRAGMA user_version = {}", migrations.len()))?;
    Ok(Some(transaction))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEXT: Migration = Migration {
        what: "add a table",
        sql: "CREATE TABLE added (x INTEGER) STRICT; SELECT nonsense",
    };

    fn state(connection: &Connection) -> (i32, i64) {
        let version = connection.pragma_query_one(None, "user_version").unwrap();
        let count = "SELECT count(*) FROM sqlite_schema";
        (version, connection.query_row(count, [], |row| row.get(0)).unwrap())
    }

    #[test]
    fn a_migration_runs_once_and_a_tried_one_leaves_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let empty = state(&connection);
        try_migrate(&mut connection, 0).unwrap();
        assert_eq!(state(&connection), empty);
        assert_eq!(steps(0).len(), LATEST);

        migrate(&mut connection, 0).unwrap();
        let migrated = state(&connection);
        assert_eq!(usize::try_from(migrated.0), Ok(LATEST));
        migrate(&mut connection, LATEST).unwrap();
        assert_eq!(state(&connection), migrated);
        assert!(steps(LATEST).is_empty());
    }

    #[test]
    fn a_failed_migration_leaves_the_earlier_schema() {
        let mut connection = Connection::open_in_memory().unwrap();
        let first = Migration { what: "", sql: "CREATE TABLE first (x INTEGER) STRICT" };
        let migrations = [first, NEXT];
        begin(&mut connection, 0, &migrations[..1]).unwrap().unwrap().commit().unwrap();
        let before = state(&connection);
        assert!(begin(&mut connection, 1, &migrations).is_err());
        assert_eq!(state(&connection), before);
    }
}
