//! Removal of the records that a deleted pool leaves.
//!
//! A pool may have more records than one change should hold. Deleting it removes its settings and
//! keys, and so all access. The records of its users are then removed in batches, continued after a
//! restart.

use crate::command::transaction::id_of;
use crate::records::app_client::PoolClient;
use crate::store::{Change, Key, Store, StoreError, Table, Write};

/// The number of records that one change removes.
const BATCH: usize = 500;

/// Removes all records of deleted pools; returns their number.
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

/// Removes a deleted pool's records. No new ones can appear: every write for a pool depends on its
/// settings being unchanged.
fn erase_pool(store: &dyn Store, pool_id: &str) -> Result<usize, StoreError> {
    let prefix = id_of([pool_id, ""]);
    let mut erased = 0;
    // Tables not keyed by pool id have no such prefix; their records expire, or are found through a
    // table that has one.
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
