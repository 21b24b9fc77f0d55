//! A record with everything that a store keeps of it.

use device_pool::store::{Key, Record};

/// The data of a record that a copy transfers. Versions are not transferred; each store has its
/// own.
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) record: Record,
    /// When the record may be purged, in milliseconds since the epoch.
    pub(crate) expires_at: Option<i64>,
}
