//! The database schema and its versions.

use deadpool_postgres::{ClientWrapper, Transaction};

use super::open_error::PostgresError;

/// A step from one version of the schema to the next.
struct Migration {
    /// What it does, for an operator.
    what: &'static str,
    sql: &'static str,
}

/// The migrations, in order; `device_store.schema` counts those that have run.
///
/// Version 1: `owner` is the hash of the id's first two parts (pool and user), computed by the
/// program, since a primary key must hold the partition key as a column. Versions are random rather
/// than counted: after a failover that lost changes, a counter would return a number that a replica
/// has seen with another state. See `commit.rs` for `apply`.
const MIGRATIONS: [Migration; 1] = [Migration {
    what: "create the schema device_store with the table of records",
    sql: include_str!("schema/1.sql"),
}];

/// The lock held during a migration. Replicas that start together thus migrate one after the other.
/// `deva` in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1684371041)";

/// Migrates the database to the latest schema, in one transaction. The schema of a newer version is
/// left unchanged.
pub(super) async fn migrate(client: &mut ClientWrapper, name: &str) -> Result<(), PostgresError> {
    let (transaction, _) = begin(client, name).await?;
    transaction.commit().await.map_err(|error| PostgresError::migration(name, &error))
}

/// Runs the same steps and undoes them. Returns the version found and what each step does.
pub(super) async fn try_migrate(
    client: &mut ClientWrapper,
    name: &str,
) -> Result<(usize, Vec<&'static str>), PostgresError> {
    let (transaction, found) = begin(client, name).await?;
    transaction.rollback().await.map_err(|error| PostgresError::migration(name, &error))?;
    let steps = MIGRATIONS.iter().skip(found).map(|migration| migration.what).collect();
    Ok((found, steps))
}

/// A transaction in which the steps have run, and the version before them.
async fn begin<'c>(
    client: &'c mut ClientWrapper,
    name: &str,
) -> Result<(Transaction<'c>, usize), PostgresError> {
    let refused = |error| PostgresError::migration(name, &error);
    let transaction = client.transaction().await.map_err(refused)?;
    transaction.batch_execute(LOCK).await.map_err(refused)?;
    let row = transaction
        .query_one(
            "SELECT to_regnamespace('device_store') IS NULL,
                    to_regclass('device_store.schema') IS NOT NULL",
            &[],
        )
        .await
        .map_err(refused)?;
    let (empty, ours): (bool, bool) = (row.get(0), row.get(1));
    let found = match (empty, ours) {
        (true, _) => 0,
        (false, false) => return Err(PostgresError::Foreign { name: name.to_owned() }),
        (false, true) => {
            let row = transaction
                .query_one("SELECT version FROM device_store.schema", &[])
                .await
                .map_err(refused)?;
            usize::try_from(row.get::<_, i32>(0)).unwrap_or(usize::MAX)
        }
    };
    if found > MIGRATIONS.len() {
        let supported = MIGRATIONS.len();
        return Err(PostgresError::NewerSchema { name: name.to_owned(), found, supported });
    }
    for migration in MIGRATIONS.iter().skip(found) {
        transaction.batch_execute(migration.sql).await.map_err(refused)?;
    }
    Ok((transaction, found))
}
