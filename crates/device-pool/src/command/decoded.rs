//! Decoded records that hardly change and that every step reads: pools, their keys, app clients.
//!
//! The store is still asked each time, and a decoded record is used only if the store has its
//! version. So a change by any server of the store is seen at once, and a deleted record is gone.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use zeroize::Zeroize as _;

use crate::store::{Key, Record};

/// The most decoded records that are kept. A busier server decodes more often.
const MAX_RECORDS: usize = 4096;

/// A record, and what was decoded from it.
pub(crate) struct Decoded {
    pub(crate) record: Record,
    pub(crate) entity: Arc<dyn Any + Send + Sync>,
}

impl Drop for Decoded {
    fn drop(&mut self) {
        // It was kept for long, and may hold keys.
        self.record.body.zeroize();
    }
}

/// The decoded records, by their keys.
#[derive(Default)]
pub(crate) struct DecodedRecords {
    records: RwLock<HashMap<Key, Arc<Decoded>>>,
}

impl DecodedRecords {
    pub(crate) fn find(&self, key: &Key) -> Option<Arc<Decoded>> {
        self.records.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(crate) fn keep(&self, key: Key, decoded: Arc<Decoded>) {
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        if records.len() >= MAX_RECORDS && !records.contains_key(&key) {
            records.clear();
        }
        records.insert(key, decoded);
    }

    pub(crate) fn forget(&self, key: &Key) {
        self.records.write().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
