//! Whether the store can read and write.

use std::sync::Arc;
use std::time::Duration;

use device_pool::ServiceError;
use device_pool::store::{Change, Key, Store, Table, Write};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a result is valid: anyone may ask, and every write keeps a disk from sleeping.
const RESULT_LIFE: Duration = Duration::from_secs(5);

/// The store's health, with its last result.
pub(crate) struct Health {
    store: Arc<dyn Store>,
    last: Mutex<Option<(Instant, Result<(), ServiceError>)>>,
}

impl Health {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, last: Mutex::new(None) }
    }

    /// The last result if it is recent, otherwise that of `probe`. Concurrent callers share one
    /// probe.
    pub(crate) async fn check<F>(&self, probe: impl FnOnce() -> F) -> Result<(), ServiceError>
    where
        F: Future<Output = Result<(), ServiceError>>,
    {
        let mut last = self.last.lock().await;
        if let Some((at, result)) = &*last
            && at.elapsed() < RESULT_LIFE
        {
            return result.clone();
        }
        let result = probe().await;
        *last = Some((Instant::now(), result.clone()));
        result
    }

    /// Writes a record and reads it back. Reads alone would succeed on a full disk, where every
    /// sign-in fails. `now` is in milliseconds since the epoch.
    pub(crate) fn probe(&self, now: i64) -> Result<(), ServiceError> {
        let key = Key { table: Table::Spent, id: "health".to_owned() };
        let write = Write::Put { body: b"{}".to_vec(), expires_at: Some(now) };
        self.store.apply(Change { expect: Vec::new(), writes: vec![(key.clone(), write)] })?;
        self.store.get(&key)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use device_store::MemoryStore;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_result_is_repeated_for_five_seconds() {
        let health = Health::new(Arc::new(MemoryStore::new()));
        let probes = AtomicUsize::new(0);
        let ask = || {
            health.check(|| async {
                probes.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
        };
        for (wait, expected) in [(0, 1), (4, 1), (1, 2)] {
            tokio::time::advance(Duration::from_secs(wait)).await;
            ask().await.unwrap();
            assert_eq!(probes.load(Ordering::Relaxed), expected, "{wait}");
        }
    }
}
