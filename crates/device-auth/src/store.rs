//! Stores for device records and sessions.

mod file;
#[cfg(feature = "keyring")]
mod keychain;
pub(crate) mod memory;
mod records;
mod turns;

use std::fmt;
use std::time::Duration;

use device_http::BoxFuture;
use device_proto::{DeviceOwner, DeviceRecord};
use zeroize::Zeroizing;

use crate::session::SessionRecord;

pub use file::FileStore;
#[cfg(feature = "keyring")]
pub use keychain::KeychainStore;
pub use memory::MemoryStore;

/// A store for device records.
///
/// A record belongs to its owner and its device key. Most owners have one record. There may be a
/// second one if a sign-in could not find the first: a password that is sent to the service is
/// answered with tokens before the client learns the user's internal name.
///
/// Each change is atomic: readers see all of it or nothing. When the future completes, the change
/// is durable if the store outlives the process. Dropping a future leaves the change done or not
/// done, never half done.
///
/// With the feature `conformance`, `device_store_conformance!` makes tests of these promises.
pub trait DeviceStore: Send + Sync + 'static {
    /// Finds the records of one user, in the order in which they were last saved.
    ///
    /// `owner` gives the internal name, or a name that was typed to sign in (the `alias` of
    /// [`save`](Self::save)), or either in another letter case. An exact internal name takes
    /// precedence, since names that differ only in case can belong to two users.
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, StoreError>>;

    /// Saves a record, replacing the one with the same owner and device key. Other records of the
    /// owner stay.
    ///
    /// From then on `alias` finds this owner and no other.
    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Deletes the owner's record of that device, if it exists.
    ///
    /// Here `owner` is matched exactly, by the internal name only.
    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Waits until no other sign-in proves the secret of this device. Others wait until the turn is
    /// dropped. Sign-ins of other devices should not wait.
    ///
    /// The default does not wait, which is enough for a store that serves one sign-in at a time. In
    /// a pool that replaces device secrets, two sign-ins of a device at the same time could
    /// otherwise lose each other's new secret, or present one that was replaced meanwhile. Clients
    /// take a turn only in such a pool, and after ten seconds go on without one. The future must
    /// not block a thread while it waits: the holder of the turn may need that thread.
    fn take_device_turn<'a>(
        &'a self,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<Turn, StoreError>> {
        let _ = device_key;
        Box::pin(std::future::ready(Ok(Turn::free())))
    }
}

/// A store for sessions, so that users stay signed in across restarts of the app.
///
/// It keeps at most one session for each app client. Anyone who reads a session can act as the
/// user, so store it where only the user can read it. The promises of [`DeviceStore`] about changes
/// apply here as well.
///
/// Several clients may share a session, in one process or in several. Before a client refreshes it,
/// the client [takes a turn](Self::take_turn), and then checks whether another has refreshed it.
pub trait SessionStore: Send + Sync + 'static {
    /// Loads the session at that app client.
    fn load_session<'a>(
        &'a self,
        client_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>>;

    /// Saves the session, replacing any other at the same app client.
    fn save_session<'a>(
        &'a self,
        session: &'a SessionRecord,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Deletes the session at that app client, if it exists.
    fn remove_session<'a>(&'a self, client_id: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Waits until no other client refreshes the session at that app client. Others wait until the
    /// turn is dropped.
    ///
    /// The default does not wait, which is enough for a store that serves one client at a time. If
    /// clients share a session and refresh it at the same time, a service that rotates refresh
    /// tokens treats the second use as theft and ends the session. After two minutes a client goes
    /// on without a turn, since its holder may be suspended.
    fn take_turn<'a>(&'a self, client_id: &'a str) -> BoxFuture<'a, Result<Turn, StoreError>> {
        let _ = client_id;
        Box::pin(std::future::ready(Ok(Turn::free())))
    }
}

/// The right to refresh a session, or to prove a device, until it is dropped.
#[must_use = "the turn ends when it is dropped"]
pub struct Turn(Option<Box<dyn Send>>);

impl Turn {
    /// A turn that blocks no other.
    pub fn free() -> Self {
        Self(None)
    }

    /// A turn that ends when that guard is dropped.
    pub fn held(guard: impl Send + 'static) -> Self {
        Self(Some(Box::new(guard)))
    }

    /// The turn; a free one if the store fails, or if others hold it for too long.
    pub(crate) async fn within(
        patience: Duration,
        taken: BoxFuture<'_, Result<Self, StoreError>>,
    ) -> Self {
        let waited = tokio::time::timeout(patience, taken).await;
        waited.unwrap_or_else(|_| Err(StoreError::new("another holds the turn"))).unwrap_or_else(
            |error| {
                tracing::warn!(%error, "the client goes on without regard to others");
                Self::free()
            },
        )
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("held", &self.0.is_some()).finish()
    }
}

/// A buffer for secrets, large enough not to grow. Growing leaves copies behind.
fn roomy_buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(64 * 1024))
}

/// Why the store could not be read or written.
#[derive(Debug)]
pub struct StoreError {
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error with this description.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// Adds the cause. Neither text may contain any part of a record.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().and_then(|source| source.source())
    }
}
