//! A store in memory that runs a function of the test with each call.

use std::sync::{Arc, Mutex, RwLock};

use device_pool::store::{Change, Key, Record, Store, StoreError, Table};
use device_store::MemoryStore;

/// A call to the store.
pub(crate) enum Call<'a> {
    /// A record was read, if it is there.
    Get(&'a Key, Option<&'a Record>),
    /// Records were read at once.
    GetAll,
    /// Records with this prefix were read.
    Scan(Table, &'a str),
    /// This change is about to be written.
    Apply(&'a Change),
}

type Meddle = dyn Fn(&Call<'_>) -> Result<(), StoreError> + Send + Sync;

/// A store that runs a function after each read, and before each change.
pub(crate) struct Meddled {
    inner: MemoryStore,
    meddle: RwLock<Arc<Meddle>>,
}

impl Default for Meddled {
    fn default() -> Self {
        Self { inner: MemoryStore::new(), meddle: RwLock::new(Arc::new(|_| Ok(()))) }
    }
}

impl Meddled {
    /// Sets the function. If it fails, so does the call.
    pub(crate) fn meddle(
        &self,
        meddle: impl Fn(&Call<'_>) -> Result<(), StoreError> + Send + Sync + 'static,
    ) {
        *self.meddle.write().unwrap() = Arc::new(meddle);
    }

    /// Sets a function that runs once, with the first call that `is_due`.
    pub(crate) fn meddle_once(
        &self,
        is_due: fn(&Call<'_>) -> bool,
        meddle: impl FnOnce() + Send + 'static,
    ) {
        let meddle = Mutex::new(Some(meddle));
        self.meddle(move |call| {
            if is_due(call) {
                // A separate statement, so that the lock is not held while the function runs.
                let meddle = meddle.lock().unwrap().take();
                meddle.into_iter().for_each(|meddle| meddle());
            }
            Ok(())
        });
    }

    fn tell(&self, call: &Call<'_>) -> Result<(), StoreError> {
        let meddle = self.meddle.read().unwrap().clone();
        meddle(call)
    }
}

impl Store for Meddled {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        let found = self.inner.get(key)?;
        self.tell(&Call::Get(key, found.as_ref()))?;
        Ok(found)
    }

    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        let found = self.inner.get_all(keys)?;
        self.tell(&Call::GetAll)?;
        Ok(found)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let found = self.inner.scan(table, prefix, after, limit)?;
        self.tell(&Call::Scan(table, prefix))?;
        Ok(found)
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        self.tell(&Call::Apply(&change))?;
        self.inner.apply(change)
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        self.inner.purge(now_millis)
    }
}
