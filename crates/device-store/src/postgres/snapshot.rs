//! One state of a database, read while servers may write.

use std::sync::{Mutex, PoisonError};

use deadpool_postgres::Object;
use device_pool::store::{Change, Key, Record, Store, StoreError, Table};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::open_error::{PostgresError, detail};
use super::place::Place;
use super::{GET, Page, PostgresStore, entry, record};
use crate::entry::{Entries, Entry};

/// The transaction that sees one state. Servers are not delayed by it.
const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The records of a PostgreSQL database, as they were when it was opened.
///
/// It reads and never writes. A lost connection ends it.
pub struct PostgresSnapshot {
    /// `None` only while it is being dropped.
    client: Mutex<Option<Object>>,
    store: PostgresStore,
}

impl PostgresSnapshot {
    /// Opens the records at the URL of [`PostgresStore::open`]. Servers may use them.
    ///
    /// # Errors
    /// [`PostgresError`]. Nothing is created.
    pub fn open(url: &str) -> Result<Self, PostgresError> {
        let store = PostgresStore::connect(url)?;
        let name = store.name.clone();
        let client = store.wait(async {
            match store.try_migrate().await? {
                (_, steps) if steps.is_empty() => {}
                (0, _) => return Err(PostgresError::Missing { name }),
                (found, _) => return Err(PostgresError::OlderSchema { name, found }),
            }
            let client = store.first().await?;
            let begun = client.batch_execute(BEGIN).await;
            begun.map_err(|error| PostgresError::migration(&store.name, &error))?;
            Ok(client)
        })?;
        Ok(Self { client: Mutex::new(Some(client)), store })
    }

    fn read(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let client =
            client.as_ref().ok_or_else(|| StoreError::Failed("it is closed".to_owned()))?;
        let rows = self.store.wait(async {
            let prepared = client.prepare_cached(statement).await?;
            client.query(&prepared, parameters).await
        });
        rows.map_err(|error| StoreError::Failed(detail(&error)))
    }
}

impl Store for PostgresSnapshot {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let place = Place::of(key);
        let rows = self.read(GET, &[&place.kind, &place.id, &place.owner])?;
        rows.first().map(record).transpose()
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

impl Entries for PostgresSnapshot {
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

impl Drop for PostgresSnapshot {
    fn drop(&mut self) {
        // Its transaction must not go back to the pool.
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(client.map(Object::take));
    }
}
