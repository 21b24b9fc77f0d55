//! Whether the store can read and write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use device_pool::ServiceError;
use device_pool::store::{Change, Key, Store, Table, Write};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a result is valid: anyone may ask, and every write keeps a disk from sleeping.
const RESULT_LIFE: Duration = Duration::from_secs(5);

/// The room that must be there before tokens are refreshed again, in bytes: many times what a
/// revocation writes.
const ROOM: usize = 256 * 1024;

/// Why the store is not healthy.
#[derive(Clone, Debug)]
pub(crate) struct Unhealthy {
    /// Whether it can still be read.
    pub(crate) reads: bool,
    pub(crate) cause: ServiceError,
}

/// The store's health, with its last result.
pub(crate) struct Health {
    store: Arc<dyn Store>,
    last: Mutex<Option<(Instant, Result<(), Unhealthy>)>>,
    /// Whether something failed since the store last had room.
    in_doubt: AtomicBool,
    /// Held by the one that looks for room.
    room: std::sync::Mutex<()>,
}

impl Health {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            last: Mutex::new(None),
            in_doubt: AtomicBool::new(false),
            room: std::sync::Mutex::default(),
        }
    }

    /// The last result if it is recent, otherwise that of `probe`. Concurrent callers share one
    /// probe.
    pub(crate) async fn check<F>(&self, probe: impl FnOnce() -> F) -> Result<(), Unhealthy>
    where
        F: Future<Output = Result<(), Unhealthy>>,
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
    pub(crate) fn probe(&self, now: i64) -> Result<(), Unhealthy> {
        let written = self.write("health", b"{}".to_vec(), now);
        let unhealthy = |reads| move |cause| Unhealthy { reads, cause };
        self.store.get(&key("health")).map_err(|cause| unhealthy(false)(cause.into()))?;
        written.map_err(unhealthy(true))
    }

    /// Notes that something failed, perhaps a revocation that found no room.
    pub(crate) fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Release);
    }

    /// Fails if something failed before, and the store still has no room for what failed.
    ///
    /// A refresh writes less than a revocation does. Without this, a disk could be so full that a
    /// session cannot be revoked and yet goes on.
    pub(crate) fn require_room(&self, now: i64) -> Result<(), ServiceError> {
        if !self.in_doubt.load(Ordering::Acquire) {
            return Ok(());
        }
        // One at a time: each writes a lot, and anyone may ask.
        let _one = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        if self.in_doubt.load(Ordering::Acquire) {
            let body = format!("{{\"room\":\"{}\"}}", "x".repeat(ROOM));
            self.write("room", body.into_bytes(), now)?;
            self.write("room", b"{}".to_vec(), now)?;
            self.in_doubt.store(false, Ordering::Release);
        }
        Ok(())
    }

    fn write(&self, id: &str, body: Vec<u8>, now: i64) -> Result<(), ServiceError> {
        let write = Write::Put { body, expires_at: Some(now) };
        Ok(self.store.apply(Change { expect: Vec::new(), writes: vec![(key(id), write)] })?)
    }
}

/// Whether this is the key of a record that is written here.
pub(crate) fn is_record(found: &Key) -> bool {
    [key("health"), key("room")].contains(found)
}

fn key(id: &str) -> Key {
    Key { table: Table::Spent, id: id.to_owned() }
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
