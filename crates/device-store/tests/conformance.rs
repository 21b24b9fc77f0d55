//! The conformance suite, run on the stores that need no other process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its own functions too"
)]

#[path = "conformance/cases.rs"]
mod cases;

use cases::conformance;
use std::sync::Arc;

use device_store::{Entries, MasterKeySource, MemoryStore, SealedStore, SqliteStore};

fn sqlite() -> (SqliteStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteStore::open(directory.path()).unwrap(), directory)
}

/// A store that seals what `inner` keeps.
fn sealed<T>((inner, outlives): (impl Entries + 'static, T)) -> (SealedStore, T) {
    let key =
        MasterKeySource::Given("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned().into());
    (SealedStore::open(Arc::new(inner), key).unwrap(), outlives)
}

conformance!(in_memory, (MemoryStore::new(), ()));
conformance!(in_sqlite, sqlite());
conformance!(sealed_in_memory, sealed((MemoryStore::new(), ())));
conformance!(sealed_in_sqlite, sealed(sqlite()));
