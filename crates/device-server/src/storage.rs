//! The stores that a server can use.

use std::path::PathBuf;
use std::sync::Arc;

use device_pool::store::Store;
use device_store::{MemoryStore, SqliteStore};
#[cfg(feature = "postgres")]
use device_store::{OpenError, PostgresStore};
#[cfg(feature = "postgres")]
use device_wire::Sensitive;

use crate::setup_error::SetupError;

/// The place of a server's records.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// In memory, until the process ends.
    InMemory,
    /// In this directory, which is created if it does not exist. Acknowledged writes survive the
    /// end of the process and a power cut.
    Directory(PathBuf),
    /// In the PostgreSQL database at this URL, which other servers may share. The URL may contain a
    /// password.
    #[cfg(feature = "postgres")]
    Postgres(Sensitive<String>),
}

impl Storage {
    /// Opens the store.
    ///
    /// # Errors
    /// [`SetupError::Store`], which says what to do.
    pub fn open(&self) -> Result<Arc<dyn Store>, SetupError> {
        Ok(match self {
            Self::InMemory => Arc::new(MemoryStore::new()),
            Self::Directory(directory) => Arc::new(SqliteStore::open(directory)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Arc::new(PostgresStore::open(url).map_err(OpenError::from)?),
        })
    }
}
