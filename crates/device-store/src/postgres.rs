//! Records in a PostgreSQL database that any number of servers share.

mod address;
mod commit;
mod connections;
mod hosts;
mod open_error;
mod place;
mod schema;
mod snapshot;

use std::fmt;
use std::time::Duration;

use deadpool_postgres::Object;
use device_pool::store::{Change, Key, Record, Store, StoreError, Table, Version};
use tokio::runtime::{self, Runtime};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use self::address::Address;
use self::commit::Commit;
use self::connections::{Connections, Fault};
pub use self::open_error::PostgresError;
use self::place::{Place, owner_of_prefix};
pub use self::snapshot::PostgresSnapshot;
use crate::entry::{Entries, Entry};

const GET: &str = "SELECT version, body FROM device_store.record
    WHERE kind = $1 AND id = $2 AND owner = $3";

/// Records by their keys, each with the position of its key. The limit keeps the planner from
/// joining in another way than by looking up each key.
const GET_ALL: &str = "SELECT r.version, r.body, k.position
    FROM unnest($1::text[], $2::bytea[], $3::bigint[]) WITH ORDINALITY
        AS k (kind, id, owner, position),
    LATERAL (SELECT version, body FROM device_store.record
        WHERE kind = k.kind AND id = k.id AND owner = k.owner LIMIT 1) AS r";

/// A page of records. PostgreSQL compares `bytea` as bytes, which is the order of ids.
const SCAN: &str = "SELECT version, body, id, expires_at FROM device_store.record
    WHERE kind = $1 AND id >= $2 AND id < $3 ORDER BY id LIMIT $4";

/// A page of records within one partition, for a prefix that determines the owner.
const SCAN_OWNER: &str = "SELECT version, body, id, expires_at FROM device_store.record
    WHERE kind = $1 AND id >= $2 AND id < $3 AND owner = $5 ORDER BY id LIMIT $4";

/// Removes expired records. `SKIP LOCKED` keeps a purge from waiting for a change, so they cannot
/// deadlock.
const PURGE: &str = "WITH expired AS MATERIALIZED (
        SELECT kind, id, owner FROM device_store.record WHERE expires_at < $1
        LIMIT $2 FOR UPDATE SKIP LOCKED),
    removed AS (
        DELETE FROM device_store.record AS r USING expired AS e
        WHERE r.kind = e.kind AND r.id = e.id AND r.owner = e.owner RETURNING 1)
    SELECT count(*) FROM removed";

/// The number of records removed by one statement of a purge, as with SQLite.
const PURGE_BATCH: i64 = 500;

/// The maximum time of a call, failovers included.
const PATIENCE: Duration = Duration::from_secs(10);

/// The threads that drive the connections; callers' threads only wait.
const THREADS: usize = 2;

/// A [`Store`] in a PostgreSQL database.
///
/// Any number of stores, in as many processes, may share a database. A change that
/// [`apply`](Store::apply) has acknowledged was committed by the server; whether it survives the
/// loss of that server depends on its replication (`docs/storage.md`).
///
/// The records are in one table, `device_store.record (kind, id, owner, version, expires_at,
/// body)`, whose bodies are JSON. Give the store a database of its own: it takes advisory locks,
/// whose numbers all users of a database share.
pub struct PostgresStore {
    connections: Connections,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
    name: String,
}

impl PostgresStore {
    /// Connects to a database and brings its schema to the latest version.
    ///
    /// `url` is a connection string of PostgreSQL, such as
    /// `postgres://user:password@one.example.com,two.example.com/device`. Of several hosts, the
    /// first that accepts writes is used. `sslrootcert=FILE` names the certificates (PEM) to trust
    /// instead of the system's. TLS is required for other machines, unless `sslmode=disable` or
    /// `sslmode=prefer` is given. If TLS is used, certificate and name are checked.
    ///
    /// # Errors
    /// [`PostgresError`], which says what is wrong and what to do.
    pub fn open(url: &str) -> Result<Self, PostgresError> {
        let store = Self::connect(url)?;
        store.wait(async {
            let mut client = store.first().await?;
            schema::migrate(&mut client, &store.name).await
        })?;
        Ok(store)
    }

    /// What migrating a database would do, one line for each step. Nothing is changed.
    ///
    /// The steps are tried and undone, if there are any.
    ///
    /// # Errors
    /// [`PostgresError`].
    pub fn pending_migrations(url: &str) -> Result<Vec<&'static str>, PostgresError> {
        let store = Self::connect(url)?;
        store.wait(store.try_migrate()).map(|(_, steps)| steps)
    }

    async fn try_migrate(&self) -> Result<(usize, Vec<&'static str>), PostgresError> {
        let mut client = self.first().await?;
        schema::try_migrate(&mut client, &self.name).await
    }

    /// A store whose connections are not yet made.
    fn connect(url: &str) -> Result<Self, PostgresError> {
        let address = Address::parse(url)?;
        let name = address.name();
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("device-store-postgres")
            .enable_all()
            .build()
            .map_err(PostgresError::Runtime)?;
        let connections = Connections::new(address)?;
        Ok(Self { connections, runtime: Some(runtime), name })
    }

    /// The first connection, or why there is none.
    async fn first(&self) -> Result<Object, PostgresError> {
        let connected = self.connections.first().await;
        connected.map_err(|detail| PostgresError::Unreachable { name: self.name.clone(), detail })
    }

    /// Blocks this thread until `future` completes, inside or outside of an async runtime.
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let _context = self.runtime.as_ref().map(Runtime::enter);
        pollster::block_on(future)
    }

    /// Runs a repeatable statement, again if the connection fails.
    fn read(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.wait(self.connections.read(statement, parameters)).map_err(failed)
    }
}

/// A page of records in the order of their ids.
struct Page {
    kind: &'static str,
    start: Vec<u8>,
    end: Vec<u8>,
    limit: i64,
    owner: Option<i64>,
}

impl Page {
    fn new(table: Table, prefix: &str, after: Option<&str>, limit: usize) -> Self {
        // The next possible id is `after` and a zero byte. Ids are UTF-8, which has no byte 0xff.
        let start = match after {
            Some(after) if after >= prefix => [after.as_bytes(), b"\0"].concat(),
            _ => prefix.as_bytes().to_vec(),
        };
        let end = [prefix.as_bytes(), b"\xff"].concat();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Self { kind: table.name(), start, end, limit, owner: owner_of_prefix(prefix) }
    }

    fn statement(&self) -> &'static str {
        if self.owner.is_some() { SCAN_OWNER } else { SCAN }
    }

    fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let Self { kind, start, end, limit, owner } = self;
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![kind, start, end, limit];
        if let Some(owner) = owner {
            parameters.push(owner);
        }
        parameters
    }
}

impl Store for PostgresStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let place = Place::of(key);
        let rows = self.read(GET, &[&place.kind, &place.id, &place.owner])?;
        rows.first().map(record).transpose()
    }

    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        let places: Vec<Place<'_>> = keys.iter().map(Place::of).collect();
        let kinds: Vec<&str> = places.iter().map(|place| place.kind).collect();
        let ids: Vec<&[u8]> = places.iter().map(|place| place.id).collect();
        let owners: Vec<i64> = places.iter().map(|place| place.owner).collect();
        let mut found = vec![None; keys.len()];
        for row in self.read(GET_ALL, &[&kinds, &ids, &owners])? {
            // Positions count from 1.
            let position: i64 = row.try_get(2).map_err(unreadable)?;
            let place = usize::try_from(position - 1).ok().and_then(|at| found.get_mut(at));
            if let Some(place) = place {
                *place = Some(record(&row)?);
            }
        }
        Ok(found)
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
        let commit = Commit::new(&change, rand::random());
        match self.wait(commit.run(&self.connections)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(StoreError::Conflict),
            Err(fault) => Err(failed(fault)),
        }
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        let mut total = 0;
        loop {
            // May be repeated: expired records stay expired.
            let rows = self
                .wait(self.connections.repeat(PURGE, &[&now_millis, &PURGE_BATCH]))
                .map_err(failed)?;
            let removed: i64 =
                rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(unreadable)?;
            total += usize::try_from(removed).unwrap_or_default();
            if removed < PURGE_BATCH {
                return Ok(total);
            }
        }
    }
}

impl Entries for PostgresStore {
    fn entries(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let page = Page::new(table, prefix, after, limit);
        let rows = self.read(page.statement(), &page.parameters())?;
        rows.iter().map(|row| entry(table, row)).collect()
    }
}

fn failed(fault: Fault) -> StoreError {
    StoreError::Failed(fault.to_string())
}

fn unreadable(error: tokio_postgres::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

/// The record in a row that starts with `version, body`.
fn record(row: &Row) -> Result<Record, StoreError> {
    let version: i64 = row.try_get(0).map_err(unreadable)?;
    let body: &str = row.try_get(1).map_err(unreadable)?;
    Ok(Record { version: Version(version.cast_unsigned()), body: body.as_bytes().to_vec() })
}

/// The entry in a row `version, body, id, expires_at`.
fn entry(table: Table, row: &Row) -> Result<Entry, StoreError> {
    let id: Vec<u8> = row.try_get(2).map_err(unreadable)?;
    let id = String::from_utf8(id)
        .map_err(|_| StoreError::Failed(format!("a {} has an id not in UTF-8", table.name())))?;
    let expires_at = row.try_get(3).map_err(unreadable)?;
    Ok(Entry { key: Key { table, id }, record: record(row)?, expires_at })
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        // Dropping a runtime waits for its threads, which panics inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Shows hosts and database, never the password.
impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("database", &self.name).finish_non_exhaustive()
    }
}
