//! Where device records and sessions are kept.

mod file;
#[cfg(feature = "keyring")]
mod keychain;
pub(crate) mod memory;
mod records;

use std::fmt;

use device_http::BoxFuture;
use device_proto::{DeviceOwner, DeviceRecord};
use zeroize::Zeroizing;

use crate::session::SessionRecord;

pub use file::FileStore;
#[cfg(feature = "keyring")]
pub use keychain::KeychainStore;
pub use memory::MemoryStore;

/// A place for device records.
///
/// A record belongs to its owner and its device key. Most owners have one record. A second one
/// comes of a sign-in that could not find the first: a password that is sent is answered with
/// tokens before anything tells whose name was typed.
///
/// Each change is whole: others see all of it or nothing. It is durable when the future is ready,
/// if the store outlives the process. Dropping a future leaves the change done or not done, never
/// half.
///
/// With the feature `conformance`, `device_store_conformance!` makes tests of these promises.
pub trait DeviceStore: Send + Sync + 'static {
    /// Finds the records of one user, in the order in which they were saved last.
    ///
    /// `owner` names the user by the internal name, or else by a name that was typed to sign in
    /// (the `alias` of [`save`](Self::save)), or else by either in another letter case. The
    /// internal name counts first, since names that differ in case alone can be two users'.
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, StoreError>>;

    /// Keeps a record, in place of the one of the same owner and device key. Other records of the
    /// owner stay.
    ///
    /// From now on `alias` leads to this owner, and to no other.
    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Deletes the owner's record of that device, if there is one.
    ///
    /// Here `owner` counts as it is: by the internal name alone.
    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// A place for sessions, so that a user stays signed in when the app starts again.
///
/// It keeps at most one session for each app client. A session lets its reader act as the user, so
/// keep it where only the user can read it. The promises of [`DeviceStore`] about changes hold here
/// as well.
///
/// Several clients may share a session, in one process or in several. A client that is about to
/// refresh it [takes a turn](Self::take_turn), and checks first whether another has done so.
pub trait SessionStore: Send + Sync + 'static {
    /// Loads the session at that app client.
    fn load_session<'a>(
        &'a self,
        client_id: &'a str,
    ) -> BoxFuture<'a, Result<Option<SessionRecord>, StoreError>>;

    /// Keeps the session in place of any other at the same app client.
    fn save_session<'a>(
        &'a self,
        session: &'a SessionRecord,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Deletes the session at that app client, if there is one.
    fn remove_session<'a>(&'a self, client_id: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Waits until no other client refreshes the session at that app client. Others wait until the
    /// turn is dropped.
    ///
    /// The default waits for nobody: enough for a store that serves one client at a time. If
    /// clients share a session and refresh it at the same time, a service that rotates refresh
    /// tokens takes the second of them for a thief, and ends the session.
    fn take_turn<'a>(
        &'a self,
        client_id: &'a str,
    ) -> BoxFuture<'a, Result<RefreshTurn, StoreError>> {
        let _ = client_id;
        Box::pin(std::future::ready(Ok(RefreshTurn::free())))
    }
}

/// The right to refresh a session, until it is dropped.
#[must_use = "the turn ends when it is dropped"]
pub struct RefreshTurn(Option<Box<dyn Send>>);

impl RefreshTurn {
    /// A turn that keeps nobody waiting.
    pub fn free() -> Self {
        Self(None)
    }

    /// A turn that ends when that guard is dropped.
    pub fn held(guard: impl Send + 'static) -> Self {
        Self(Some(Box::new(guard)))
    }
}

impl fmt::Debug for RefreshTurn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTurn").field("held", &self.0.is_some()).finish()
    }
}

/// A buffer to write secrets in, large enough not to grow: a buffer that grows leaves copies
/// behind.
fn roomy_buffer() -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Vec::with_capacity(64 * 1024))
}

/// Why records could not be read or written.
#[derive(Debug)]
pub struct StoreError {
    what: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error with that description.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// Adds the cause. Neither text may hold any part of a record.
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
