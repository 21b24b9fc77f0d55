//! Which store a server runs on.

use std::path::PathBuf;
use std::sync::Arc;

use device_pool::store::Store;
use device_store::{MemoryStore, OpenError, SqliteStore};

/// Where a server keeps its records.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// In memory, until the process ends.
    InMemory,
    /// In this directory, which is made if need be. What was acknowledged survives the process and
    /// the machine's power.
    Directory(PathBuf),
}

impl Storage {
    /// Opens the store.
    ///
    /// # Errors
    /// [`OpenError`], worded for the person who chose the directory.
    pub fn open(&self) -> Result<Arc<dyn Store>, OpenError> {
        Ok(match self {
            Self::InMemory => Arc::new(MemoryStore::new()),
            Self::Directory(directory) => Arc::new(SqliteStore::open(directory)?),
        })
    }
}
