//! A record with everything that a store keeps of it.

use device_pool::store::{Key, Record, Store, StoreError, Table};

/// The data of a record that a copy transfers. Versions are not transferred; each store has its
/// own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a row of a store, whose columns are these")]
pub struct Entry {
    /// The table and id.
    pub key: Key,
    /// The body as it is stored, and its version.
    pub record: Record,
    /// When the record may be purged, in milliseconds since the epoch; `None` keeps it.
    pub expires_at: Option<i64>,
}

/// A store that shows its records as it keeps them.
pub trait Entries: Store {
    /// Up to `limit` entries of a table whose id starts with `prefix` and is greater than `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`].
    fn entries(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;
}
