//! Storage for the engine's records.
//!
//! The crate implements [`device_pool::store::Store`] three times:
//!
//! - [`SqliteStore`] uses one directory on the local disk. An acknowledged change survives a kill
//!   and a power cut; changes that wait at the same time share one disk sync.
//! - `PostgresStore` uses a PostgreSQL database that any number of servers share (feature
//!   `postgres`).
//! - [`MemoryStore`] uses memory, and loses the records when the process ends.
//!
//! [`SealedStore`] keeps its records in one of them, with their secrets encrypted under a key from
//! outside of the database.
//!
//! All pass one conformance suite (`tests/conformance/cases.rs`), which is also the entrance test
//! for another backend.
//!
//! What it deliberately does not do: it knows nothing of users or devices, decides only whether a
//! key still has a version, and has no clock. A purge receives the time as an argument.
//!
//! ```
//! use device_pool::store::{Change, Key, Store, StoreError, Table, Write};
//! use device_store::SqliteStore;
//!
//! let directory = tempfile::tempdir()?;
//! let store = SqliteStore::open(directory.path())?;
//!
//! let key = Key { table: Table::Pool, id: "us-east-1_example".to_owned() };
//! let write = Write::Put { body: br#"{"name":"example"}"#.to_vec(), expires_at: None };
//! let create = Change { expect: vec![(key.clone(), None)], writes: vec![(key.clone(), write)] };
//!
//! store.apply(create.clone())?;
//! assert_eq!(store.get(&key)?.unwrap().body, br#"{"name":"example"}"#);
//! // The record exists now, so the expectation of its absence does not hold.
//! assert!(matches!(store.apply(create), Err(StoreError::Conflict)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "postgres")]
mod copy;
mod entry;
mod memory;
mod observed;
#[cfg(feature = "postgres")]
mod postgres;
mod sealed;
mod sqlite;

#[cfg(feature = "postgres")]
pub use copy::{Copied, CopyError, copy};
pub use entry::{Entries, Entry};
pub use memory::MemoryStore;
pub use observed::ObservedStore;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresError, PostgresSnapshot, PostgresStore};
pub use sealed::{
    Defect, MasterKeyError, MasterKeySource, MasterKeys, Renewed, SealError, SealedStore,
};
pub use sqlite::{Compacted, OpenError, SqliteSnapshot, SqliteStore};
