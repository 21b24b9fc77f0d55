//! Where device records are kept.

mod file;
mod memory;
mod records;

use std::fmt;

use device_http::BoxFuture;
use device_proto::{DeviceOwner, DeviceRecord};

pub use file::FileStore;
pub use memory::MemoryStore;

/// A place for device records, at most one for each user of an app client.
///
/// A record is found under its user's internal name and under every name that was typed to sign in, and where there is none
/// under one that differs in case alone. Each change is whole: seen by others from one moment to the next, and durable when the future is ready, for a store that outlives the process. Dropping
/// a future leaves the change done or not done, never half.
pub trait DeviceStore: Send + Sync + 'static {
    /// The record of the user whom `owner` names, by the internal name or one that was typed.
    fn find<'a>(&'a self, owner: &'a DeviceOwner) -> BoxFuture<'a, Result<Option<DeviceRecord>, StoreError>>;

    /// Keeps the record in place of any other of the same owner, to be found under `alias` too.
    fn save<'a>(&'a self, record: &'a DeviceRecord, alias: &'a str) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Deletes the owner's record if it is of that device still, with every name that it was found under.
    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>>;
}

/// Why device records could not be read or written.
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
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
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
