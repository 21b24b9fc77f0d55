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
use device_store::{MemoryStore, SqliteStore};

fn sqlite() -> (SqliteStore, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (SqliteStore::open(directory.path()).unwrap(), directory)
}

conformance!(in_memory, (MemoryStore::new(), ()));
conformance!(in_sqlite, sqlite());
