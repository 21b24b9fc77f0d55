//! A store that tells what was added to one table, once it is committed.

use std::sync::Arc;

use device_pool::store::{
    Change, Key, Lookup, Record, Store, StoreError, Table, Version, Waits, Write,
};

/// Receives the body of a record that was added.
type Observer = Box<dyn Fn(&[u8]) + Send + Sync>;

/// A store that calls a function with each record that is added to one table.
///
/// The function is called after the commit, on the thread that made it, and before the caller
/// learns of it. Records that a process had committed when it was killed may not have been told.
/// Replaced and deleted records are not told.
pub struct ObservedStore {
    store: Arc<dyn Store>,
    table: Table,
    observer: Observer,
}

impl ObservedStore {
    /// Observes what is added to `table` through this store.
    pub fn new(
        store: Arc<dyn Store>,
        table: Table,
        observer: impl Fn(&[u8]) + Send + Sync + 'static,
    ) -> Self {
        Self { store, table, observer: Box::new(observer) }
    }

    /// The bodies of the records that a change adds.
    fn added(&self, change: &Change) -> Vec<Vec<u8>> {
        let is_replaced = |key: &Key| {
            change.expect.iter().any(|(expected, version)| expected == key && version.is_some())
        };
        let puts = change.writes.iter().filter_map(|(key, write)| match write {
            Write::Put { body, .. } if key.table == self.table => Some((key, body)),
            _ => None,
        });
        puts.filter(|(key, _)| !is_replaced(key)).map(|(_, body)| body.clone()).collect()
    }
}

impl Store for ObservedStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.store.get(key)
    }

    fn get_unless(&self, key: &Key, known: Version) -> Result<Lookup, StoreError> {
        self.store.get_unless(key, known)
    }

    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        self.store.get_all(keys)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        self.store.scan(table, prefix, after, limit)
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        let added = self.added(&change);
        self.store.apply(change)?;
        for body in added {
            (self.observer)(&body);
        }
        Ok(())
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        self.store.purge(now_millis)
    }

    fn waits(&self) -> Waits {
        self.store.waits()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::MemoryStore;

    #[test]
    fn what_is_added_and_committed_is_told() {
        let told: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let heard = Arc::clone(&told);
        let observer = move |body: &[u8]| heard.lock().unwrap().push(body.to_vec());
        let inner = Arc::new(MemoryStore::new());
        let store = ObservedStore::new(inner, Table::AuditEvent, observer);
        let key = |table, id: &str| Key { table, id: id.to_owned() };
        let put = |body: &[u8]| Write::Put { body: body.to_vec(), expires_at: None };
        let event = key(Table::AuditEvent, "a");
        let added = Change {
            expect: vec![(event.clone(), None)],
            writes: vec![(event.clone(), put(b"{\"n\":1}")), (key(Table::Pool, "p"), put(b"{}"))],
        };
        store.apply(added.clone()).unwrap();
        assert!(matches!(store.apply(added), Err(StoreError::Conflict)));
        let version = store.get(&event).unwrap().unwrap().version;
        let replaced = Change {
            expect: vec![(event.clone(), Some(version))],
            writes: vec![(event, put(b"{\"n\":2}"))],
        };
        store.apply(replaced).unwrap();
        assert_eq!(*told.lock().unwrap(), [b"{\"n\":1}".to_vec()]);
    }
}
