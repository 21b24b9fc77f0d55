//! What a deleted pool leaves behind, and its removal.
//!
//! A pool may have more records than one change should hold. Deleting it takes its settings and
//! keys away, and with them every way in; what is left of its users is then removed in batches, and
//! picked up again after a restart.

use crate::command::transaction::id_of;
use crate::records::app_client::PoolClient;
use crate::store::{Change, Key, Store, StoreError, Table, Write};

/// Records that one change removes.
const BATCH: usize = 500;

/// Removes all that deleted pools left behind; returns how many records.
pub(crate) fn erase(store: &dyn Store) -> Result<usize, StoreError> {
    let mut erased = 0;
    loop {
        let pools = store.scan(Table::DeletedPool, "", None, BATCH)?;
        if pools.is_empty() {
            return Ok(erased);
        }
        for (marker, _) in pools {
            erased += erase_pool(store, &marker.id)?;
            store.apply(deletion([marker]))?;
        }
    }
}

/// Nothing new can appear meanwhile: whatever writes for a pool has read its settings, and holds
/// only if they are still there.
fn erase_pool(store: &dyn Store, pool_id: &str) -> Result<usize, StoreError> {
    let prefix = id_of([pool_id, ""]);
    let mut erased = 0;
    // Records that are not kept under their pool's id have no such prefix; they expire, or are
    // found through one that has.
    for table in Table::ALL {
        loop {
            let found = store.scan(table, &prefix, None, BATCH)?;
            if found.is_empty() {
                break;
            }
            erased += found.len();
            let clients: Vec<Key> = found
                .iter()
                .filter(|(key, _)| key.table == Table::PoolClient)
                .filter_map(|(_, record)| serde_json::from_slice::<PoolClient>(&record.body).ok())
                .map(|listed| Key { table: Table::Client, id: listed.client_id })
                .collect();
            store.apply(deletion(found.into_iter().map(|(key, _)| key).chain(clients)))?;
        }
    }
    Ok(erased)
}

fn deletion(keys: impl IntoIterator<Item = Key>) -> Change {
    Change {
        expect: Vec::new(),
        writes: keys.into_iter().map(|key| (key, Write::Delete)).collect(),
    }
}
