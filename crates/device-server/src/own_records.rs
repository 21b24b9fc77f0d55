//! The records that are the server's own and no rule reads.

use device_pool::store::{Key, Table};

use crate::{access_keys, admin_sessions, health};

/// Whether a record is the server's own, and reads as what it should be.
///
/// For [`device_pool::check_records`].
#[must_use]
pub fn is_own_record(key: &Key, body: &[u8]) -> bool {
    match key.table {
        Table::AdminSession => admin_sessions::is_session(key, body),
        Table::AccessKey => access_keys::is_record(key, body),
        Table::Spent => health::is_record(key),
        _ => false,
    }
}
