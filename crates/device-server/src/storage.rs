//! The stores that a server can use.

use std::path::PathBuf;
use std::sync::Arc;

use device_pool::store::{Store, StoreError, Table};
use device_store::{Entries, MasterKeySource, MemoryStore, SealedStore, SqliteStore};
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
    /// Opens the store, which keeps records as they are, secrets included.
    ///
    /// # Errors
    /// [`SetupError`], which says what to do. Data that is sealed is refused.
    pub fn open(&self) -> Result<Arc<dyn Store>, SetupError> {
        let store = self.open_as_it_is()?;
        if !store.entries(Table::DataKey, "", None, 1).map_err(unreadable)?.is_empty() {
            return Err(SetupError::setting(
                "the data is sealed: open it with the master key that it was sealed under",
            ));
        }
        Ok(store)
    }

    /// Opens the store, and seals what it keeps under a master key.
    ///
    /// # Errors
    /// [`SetupError`], which says what to do. If there is no master key, nothing is created.
    pub fn open_sealed(&self, key: MasterKeySource) -> Result<Arc<SealedStore>, SetupError> {
        key.check()?;
        Ok(Arc::new(SealedStore::open(self.open_as_it_is()?, key)?))
    }

    fn open_as_it_is(&self) -> Result<Arc<dyn Entries>, SetupError> {
        Ok(match self {
            Self::InMemory => Arc::new(MemoryStore::new()),
            Self::Directory(directory) => Arc::new(SqliteStore::open(directory)?),
            #[cfg(feature = "postgres")]
            Self::Postgres(url) => Arc::new(PostgresStore::open(url).map_err(OpenError::from)?),
        })
    }
}

fn unreadable(error: StoreError) -> SetupError {
    SetupError::Seal(error.into())
}
