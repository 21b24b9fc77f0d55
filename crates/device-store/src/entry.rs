//! A record with all that a store keeps of it.

use device_pool::store::{Key, Record};

/// What a copy of a store has to bring over. The version is each store's own.
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) record: Record,
    /// When it may be purged, in milliseconds since the epoch.
    pub(crate) expires_at: Option<i64>,
}
