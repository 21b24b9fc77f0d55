//! A command's view of the store: typed reads that are remembered, and writes that are held back until it has decided.

use std::any::type_name;
use std::collections::BTreeMap;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::ServiceError;
use crate::store::{Change, Key, Store, StoreError, Table, Version, Write};

/// Something that is kept as one record.
pub(crate) trait Entity: Serialize + DeserializeOwned {
    const TABLE: Table;

    /// The id under which this is kept.
    fn id(&self) -> String;

    /// When it may be purged (milliseconds since the epoch).
    fn expires_at(&self) -> Option<i64> {
        None
    }
}

/// Reads with their versions, and two sets of writes.
///
/// What a command `put`s happens only if it succeeds. What it `record`s (failed attempts, audit events) happens
/// either way: a refusal must still count towards a lockout.
pub(crate) struct Transaction<'s> {
    store: &'s dyn Store,
    read: BTreeMap<Key, Option<Version>>,
    on_success: BTreeMap<Key, Write>,
    always: BTreeMap<Key, Write>,
}

impl<'s> Transaction<'s> {
    pub(crate) fn new(store: &'s dyn Store) -> Self {
        Self { store, read: BTreeMap::new(), on_success: BTreeMap::new(), always: BTreeMap::new() }
    }

    /// Loads a record; the commit will hold only if it has not changed by then.
    pub(crate) fn find<E: Entity>(&mut self, id: &str) -> Result<Option<E>, ServiceError> {
        let key = Key { table: E::TABLE, id: id.to_owned() };
        if let Some(Write::Put { body, .. }) = self.on_success.get(&key) {
            return decode(body).map(Some);
        }
        let record = self.store.get(&key).map_err(ServiceError::from)?;
        self.read.insert(key, record.as_ref().map(|r| r.version));
        record.map(|r| decode(&r.body)).transpose()
    }

    /// Up to `limit` records in id order. A scan pins nothing: a record added meanwhile is no conflict.
    pub(crate) fn scan<E: Entity>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<E>, ServiceError> {
        let rows = self.store.scan(E::TABLE, prefix, after, limit).map_err(ServiceError::from)?;
        rows.iter().map(|(_, record)| decode(&record.body)).collect()
    }

    /// Writes `entity` if the command succeeds. One that was not read before must not exist.
    pub(crate) fn put<E: Entity>(&mut self, entity: &E) -> Result<(), ServiceError> {
        let (key, write) = self.prepare(entity)?;
        self.on_success.insert(key, write);
        Ok(())
    }

    /// Writes `entity` whether or not the command succeeds.
    pub(crate) fn record<E: Entity>(&mut self, entity: &E) -> Result<(), ServiceError> {
        let (key, write) = self.prepare(entity)?;
        self.always.insert(key, write);
        Ok(())
    }

    /// Removes the record at `id` if the command succeeds.
    pub(crate) fn delete<E: Entity>(&mut self, id: &str) {
        self.on_success.insert(Key { table: E::TABLE, id: id.to_owned() }, Write::Delete);
    }

    fn prepare<E: Entity>(&mut self, entity: &E) -> Result<(Key, Write), ServiceError> {
        let key = Key { table: E::TABLE, id: entity.id() };
        let body = serde_json::to_vec(entity)
            .map_err(|e| ServiceError::internal(format!("{}: {e}", type_name::<E>())))?;
        self.read.entry(key.clone()).or_insert(None);
        Ok((key, Write::Put { body, expires_at: entity.expires_at() }))
    }

    /// Hands the decided change to the store. A command that wrote nothing costs nothing here.
    pub(crate) fn commit(self, succeeded: bool) -> Result<(), StoreError> {
        let mut writes = self.always;
        if succeeded {
            writes.extend(self.on_success);
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.store
            .apply(Change { expect: self.read.into_iter().collect(), writes: writes.into_iter().collect() })
    }
}

fn decode<E: DeserializeOwned>(body: &[u8]) -> Result<E, ServiceError> {
    // The parser's own text may quote the value, and values are secrets here: only the place is told.
    serde_json::from_slice(body).map_err(|e| {
        ServiceError::internal(format!("a stored {} does not parse, column {}", type_name::<E>(), e.column()))
    })
}
