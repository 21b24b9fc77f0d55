//! A store whose changes are measured, and whose callers lend their turns.

use std::sync::Arc;
use std::time::Instant;

use device_pool::store::{Change, Key, Lookup, Record, Store, StoreError, Table, Version, Waits};

use super::Metrics;
use crate::admission::{WaitsFor, lending_turn};

/// A store, with figures of what it does. A call that waits for it lends its turn to others.
pub(crate) struct MeasuredStore {
    store: Arc<dyn Store>,
    waits: Waits,
    metrics: Arc<Metrics>,
}

impl MeasuredStore {
    pub(crate) fn new(store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        Self { waits: store.waits(), store, metrics }
    }

    fn read<T>(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.counted(self.waits == Waits::Always, ask)
    }

    fn write<T>(
        &self,
        ask: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.counted(self.waits != Waits::Never, ask)
    }

    /// Counts failures. A call that waits for a core alone keeps its turn: otherwise each of its
    /// reads would start another call beside it.
    fn counted<T>(
        &self,
        waits: bool,
        ask: impl FnOnce(&dyn Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let ask = || ask(&*self.store);
        let result = if waits { lending_turn(WaitsFor::Store, ask) } else { ask() };
        match &result {
            Err(StoreError::Conflict) => _ = self.metrics.store_conflicts.inc(),
            Err(_) => _ = self.metrics.store_failures.inc(),
            Ok(_) => {}
        }
        result
    }
}

impl Store for MeasuredStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.read(|store| store.get(key))
    }

    fn get_unless(&self, key: &Key, known: Version) -> Result<Lookup, StoreError> {
        self.read(|store| store.get_unless(key, known))
    }

    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        self.read(|store| store.get_all(keys))
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        self.read(|store| store.scan(table, prefix, after, limit))
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        self.metrics.commits_waiting.inc();
        let started = Instant::now();
        let result = self.write(|store| store.apply(change));
        self.metrics.commits.observe(started.elapsed().as_secs_f64());
        self.metrics.commits_waiting.dec();
        result
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        self.write(|store| store.purge(now_millis))
    }

    fn waits(&self) -> Waits {
        self.waits
    }
}
