//! Where the engine's records are kept.
//!
//! [`device_pool::store::Store`] says what the engine asks of persistence; this crate answers it:
//!
//! - [`SqliteStore`] keeps them in one directory on the local disk. A change it has acknowledged
//!   survives a kill and a power cut; changes that wait at the same time share one disk sync.
//! - `PostgresStore` keeps them in a PostgreSQL database that any number of servers share (feature
//!   `postgres`).
//! - [`MemoryStore`] keeps them until the process ends.
//!
//! All pass one conformance suite (`tests/conformance/cases.rs`), which is also the entrance test
//! for another backend.
//!
//! What it deliberately does not do: it knows no user or device, takes no decision beyond "does
//! this key still have this version", and has no clock. The time that a purge goes by is told to
//! it.
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
//! // It exists by now, so what expects its absence no longer holds.
//! assert!(matches!(store.apply(create), Err(StoreError::Conflict)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "postgres")]
mod copy;
#[cfg(feature = "postgres")]
mod entry;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod sqlite;

#[cfg(feature = "postgres")]
pub use copy::{Copied, CopyError, copy};
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresError, PostgresStore};
pub use sqlite::{OpenError, SqliteStore};
