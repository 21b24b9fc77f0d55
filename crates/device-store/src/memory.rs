//! Records in a map, for tests and for servers that may lose them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::entry::{Entries, Entry};
use device_pool::store::{
    Change, Key, Lookup, Record, Store, StoreError, Table, Version, Waits, Write,
};

/// A [`Store`] that holds its records in memory and loses them when it is dropped.
#[derive(Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    records: BTreeMap<Key, Held>,
    /// The number of the last change. Never reused, so a key that is deleted and created again gets
    /// a new version.
    last_version: u64,
}

struct Held {
    record: Record,
    expires_at: Option<i64>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // A poisoned lock may be used: nothing that runs under it can panic in the middle of a change.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn waits(&self) -> Waits {
        Waits::Never
    }

    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        Ok(self.read().records.get(key).map(|entry| entry.record.clone()))
    }

    fn get_unless(&self, key: &Key, known: Version) -> Result<Lookup, StoreError> {
        Ok(match self.read().records.get(key) {
            Some(entry) if entry.record.version == known => Lookup::Unchanged,
            other => Lookup::Changed(other.map(|entry| entry.record.clone())),
        })
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let entries = self.entries(table, prefix, after, limit)?;
        Ok(entries.into_iter().map(|entry| (entry.key, entry.record)).collect())
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        let State { records, last_version } = &mut *self.write();
        let holds = |(key, expected): &(Key, Option<Version>)| {
            records.get(key).map(|entry| entry.record.version) == *expected
        };
        if !change.expect.iter().all(holds) {
            return Err(StoreError::Conflict);
        }
        *last_version += 1;
        for (key, write) in change.writes {
            match write {
                Write::Put { body, expires_at } => {
                    let record = Record { version: Version(*last_version), body };
                    records.insert(key, Held { record, expires_at });
                }
                Write::Delete => {
                    records.remove(&key);
                }
            }
        }
        Ok(())
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        let records = &mut self.write().records;
        let before = records.len();
        records.retain(|_, entry| entry.expires_at.is_none_or(|at| at >= now_millis));
        Ok(before - records.len())
    }
}

impl Entries for MemoryStore {
    fn entries(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let key = |id: &str| Key { table, id: id.to_owned() };
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(key(after)),
            _ => Bound::Included(key(prefix)),
        };
        let entry = |(key, held): (&Key, &Held)| Entry {
            key: key.clone(),
            record: held.record.clone(),
            expires_at: held.expires_at,
        };
        Ok(self
            .read()
            .records
            .range((start, Bound::Unbounded))
            .take_while(|(key, _)| key.table == table && key.id.starts_with(prefix))
            .take(limit)
            .map(entry)
            .collect())
    }
}

/// Shows the number of records, never their contents.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.read().records.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_counts_the_records_and_shows_none() {
        let store = MemoryStore::new();
        let key = Key { table: Table::PoolKeys, id: "pool".to_owned() };
        let write = Write::Put { body: b"{\"key\":\"secret\"}".to_vec(), expires_at: None };
        store.apply(Change { expect: vec![], writes: vec![(key, write)] }).unwrap();
        assert_eq!(format!("{store:?}"), "MemoryStore { records: 1 }");
    }
}
