//! Where device records and sessions are kept.

mod file;
#[cfg(feature = "keyring")]
mod keychain;
mod memory;
mod records;

use std::fmt;

use device_http::BoxFuture;
use device_proto::{DeviceOwner, DeviceRecord};

use zeroize::Zeroizing;

use crate::SessionRecord;

pub use file::FileStore;
#[cfg(feature = "keyring")]
pub use keychain::KeychainStore;
pub use memory::MemoryStore;

/// A place for device records, at most one for each user of an app client.
///
/// A record is found under its user's internal name and under every name that was typed to sign in,
/// and where there is none under one that differs in case alone. Each change is whole: seen by
/// others from one moment to the next, and durable when the future is ready, for a store that
/// outlives the process. Dropping a future leaves the change done or not done, never half.
pub trait DeviceStore: Send + Sync + 'static {
    /// The record of the user whom `owner` names, by the internal name or one that was typed.
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Option<DeviceRecord>, StoreError>>;

    /// Keeps the record in place of any other of the same owner, to be found under `alias` too.
    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Deletes the owner's record if it is of that device still, with every name that it was found
    /// under.
    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// A place for sessions, at most one for each app client, so that a user stays signed in when the
/// app starts anew.
///
/// What is kept lets its reader act as the user: a place for it is one that only the user can read.
/// The promises of [`DeviceStore`] about changes hold here as well.
///
/// Several clients, in one process or more, may share a session: whoever is to refresh it [takes a
/// turn](Self::take_turn), and looks first whether another has done so.
pub trait SessionStore: Send + Sync + 'static {
    /// The session at that app client.
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

    /// Waits until no other client refreshes the session at that app client, and keeps others from
    /// it until the turn is dropped.
    ///
    /// A store that only ever serves one client at a time can do without, as it is here. Where
    /// clients share one and refresh at the same time, a service that rotates refresh tokens takes
    /// the second of them for a thief, and ends the session.
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

/// A buffer to write secrets in, large enough for those of a device's users, so that none is left
/// behind by its growing.
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
    /// An error of that description.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), source: None }
    }

    /// The same with what caused it. Neither may hold any of a record.
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
