//! Device records and sessions in memory.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use device_http::BoxFuture;
use device_proto::{DeviceOwner, DeviceRecord};

use super::records::Records;
use super::turns::Turns;
use super::{DeviceStore, SessionStore, StoreError, Turn};
use crate::session::SessionRecord;

/// Stores device records and sessions in memory. After a restart the device is new again.
///
/// Clones share their contents.
#[derive(Clone, Default)]
pub struct MemoryStore {
    records: Arc<Mutex<Records>>,
    refreshing: Turns,
    proving: Turns,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn with<T>(
        &self,
        work: impl FnOnce(&mut Records) -> T,
    ) -> BoxFuture<'static, Result<T, StoreError>>
    where
        T: Send + 'static,
    {
        // No change here can panic halfway, so the records are valid even if the lock is poisoned.
        let done = work(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner));
        Box::pin(std::future::ready(Ok(done)))
    }
}

impl DeviceStore for MemoryStore {
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, StoreError>> {
        self.with(|records| records.find(owner))
    }

    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(|records| records.save(record, alias))
    }

    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(|records| {
            records.remove(owner, device_key);
        })
    }

    fn take_device_turn<'a>(
        &'a self,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<Turn, StoreError>> {
        Box::pin(async { Ok(Turn::held(self.proving.take(device_key).await)) })
    }
}

impl SessionStore for MemoryStore {
    fn load_session<'a>(
        &'a self,
        client_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>> {
        self.with(|records| records.session(client_id).cloned())
    }

    fn save_session<'a>(
        &'a self,
        session: &'a SessionRecord,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(|records| records.save_session(session))
    }

    fn remove_session<'a>(&'a self, client_id: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        self.with(|records| {
            records.remove_session(client_id);
        })
    }

    fn take_turn<'a>(&'a self, client_id: &'a str) -> BoxFuture<'a, Result<Turn, StoreError>> {
        Box::pin(async { Ok(Turn::held(self.refreshing.take(client_id).await)) })
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}
