//! A command's view of the store: typed, remembered reads, and writes held back until it has
//! decided.

use std::any::type_name;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::command::beside::{Beside, Difference};
use crate::command::decoded::{Decoded, DecodedRecords};
#[cfg(debug_assertions)]
use crate::crypto::secret::undeclared;
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::store::{Change, Key, Lookup, Record, Store, StoreError, Table, Write};

/// A type that is stored as one record.
pub(crate) trait Entity: Serialize + DeserializeOwned {
    const TABLE: Table;

    /// The id of its record.
    fn id(&self) -> String;

    /// When the record may be purged; `None` keeps it.
    fn expires_at(&self) -> Option<Moment> {
        None
    }

    /// Whether anything is kept beside its records.
    const HAS_BESIDE: bool = false;

    /// What is kept beside the record.
    fn beside(&self) -> Beside {
        Beside::default()
    }
}

/// A record's id: its parts joined by `/`.
///
/// Within a part, `~` becomes `~0` and `/` becomes `~1` (as in RFC 6901), because names may contain
/// a `/`. So different lists of parts have different ids, and no id starts with the parts of
/// another.
pub(crate) fn id_of<const N: usize>(parts: [&str; N]) -> String {
    let mut id = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (position, part) in parts.into_iter().enumerate() {
        if position > 0 {
            id.push('/');
        }
        for piece in part.split_inclusive(['~', '/']) {
            if let Some(plain) = piece.strip_suffix('~') {
                id.push_str(plain);
                id.push_str("~0");
            } else if let Some(plain) = piece.strip_suffix('/') {
                id.push_str(plain);
                id.push_str("~1");
            } else {
                id.push_str(piece);
            }
        }
    }
    id
}

/// The part of an id at `place`, as [`id_of`] got it; empty if there is none.
pub(crate) fn part_of(id: &str, place: usize) -> String {
    let part = id.split('/').nth(place).unwrap_or_default();
    part.replace("~1", "/").replace("~0", "~")
}

/// Reads, and two sets of writes.
///
/// What a command `put`s is written only if it succeeds. What it `record`s (failed attempts, audit
/// events) is always written: a refused attempt must count towards a lockout.
pub(crate) struct Transaction<'s> {
    store: &'s dyn Store,
    decoded: Option<&'s DecodedRecords>,
    read: BTreeMap<Key, Read>,
    pinned: bool,
    on_success: BTreeMap<Key, Planned>,
    always: BTreeMap<Key, Planned>,
    /// What the written records had beside them.
    beside_before: BTreeMap<Key, Beside>,
}

/// What a read found.
enum Read {
    Own(Option<Record>),
    Decoded(Arc<Decoded>),
}

impl Read {
    fn record(&self) -> Option<&Record> {
        match self {
            Self::Own(record) => record.as_ref(),
            Self::Decoded(decoded) => Some(&decoded.record),
        }
    }
}

/// A write, and what its record will have beside it.
#[derive(Clone)]
struct Planned {
    write: Write,
    beside: Beside,
}

impl<'s> Transaction<'s> {
    pub(crate) fn new(store: &'s dyn Store) -> Self {
        Self {
            store,
            decoded: None,
            read: BTreeMap::new(),
            pinned: false,
            on_success: BTreeMap::new(),
            always: BTreeMap::new(),
            beside_before: BTreeMap::new(),
        }
    }

    /// As [`Self::new`]; [`find_shared`](Self::find_shared) uses what is decoded.
    pub(crate) fn with_decoded(store: &'s dyn Store, decoded: &'s DecodedRecords) -> Self {
        Self { decoded: Some(decoded), ..Self::new(store) }
    }

    /// Loads a record, once. So a command sees one state of it and its own writes. The commit fails
    /// if the record has changed by then.
    pub(crate) fn find<E: Entity>(&mut self, id: &str) -> Result<Option<E>, ServiceError> {
        let key = Key { table: E::TABLE, id: id.to_owned() };
        match self.on_success.get(&key).map(|planned| &planned.write) {
            Some(Write::Put { body, .. }) => return decode(body).map(Some),
            Some(Write::Delete) => return Ok(None),
            None => {}
        }
        let read = match self.read.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let record = self.store.get(unknown.key())?;
                unknown.insert(Read::Own(record))
            }
        };
        read.record().map(|record| decode(&record.body)).transpose()
    }

    /// As [`find`](Self::find), for records that hardly change: decoded only if the store has
    /// another version than the one that was decoded last.
    pub(crate) fn find_shared<E: Entity + Send + Sync + 'static>(
        &mut self,
        id: &str,
    ) -> Result<Option<Arc<E>>, ServiceError> {
        let key = Key { table: E::TABLE, id: id.to_owned() };
        let Some(decoded) = self.decoded.filter(|_| !self.on_success.contains_key(&key)) else {
            return Ok(self.find(id)?.map(Arc::new));
        };
        if let Some(read) = self.read.get(&key) {
            if let Read::Decoded(known) = read
                && let Ok(entity) = Arc::clone(&known.entity).downcast()
            {
                return Ok(Some(entity));
            }
            return Ok(self.find(id)?.map(Arc::new));
        }
        let found = match decoded.find(&key) {
            Some(known) => match self.store.get_unless(&key, known.record.version)? {
                Lookup::Unchanged => {
                    let entity = Arc::clone(&known.entity).downcast();
                    let entity = entity.map_err(|_| ServiceError::internal("another type"))?;
                    self.read.insert(key, Read::Decoded(known));
                    return Ok(Some(entity));
                }
                Lookup::Changed(found) => found,
            },
            None => self.store.get(&key)?,
        };
        let Some(record) = found else {
            decoded.forget(&key);
            self.read.insert(key, Read::Own(None));
            return Ok(None);
        };
        let entity = Arc::new(decode::<E>(&record.body)?);
        let known = Arc::new(Decoded { record, entity: Arc::<E>::clone(&entity) });
        decoded.keep(key.clone(), Arc::clone(&known));
        self.read.insert(key, Read::Decoded(known));
        Ok(Some(entity))
    }

    /// Makes the commit fail if any record that was read has changed. Without this, a command that
    /// writes nothing answers from what it read.
    pub(crate) fn pin(&mut self) {
        self.pinned = true;
    }

    /// Up to `limit` records in id order. A scan pins nothing: a record added in the meantime is no
    /// conflict.
    pub(crate) fn scan<E: Entity>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<E>, ServiceError> {
        let rows = self.store.scan(E::TABLE, prefix, after, limit)?;
        rows.iter().map(|(_, record)| decode(&record.body)).collect()
    }

    /// The number of records, if at most `most`.
    pub(crate) fn count<E: Entity>(
        &self,
        prefix: &str,
        most: usize,
    ) -> Result<Option<usize>, ServiceError> {
        let found = self.store.scan(E::TABLE, prefix, None, most + 1)?.len();
        Ok((found <= most).then_some(found))
    }

    /// Writes `entity` if the command succeeds. If it was not read before, it must not exist.
    pub(crate) fn put<E: Entity>(&mut self, entity: &E) -> Result<(), ServiceError> {
        let (key, planned) = self.prepare(entity)?;
        self.on_success.insert(key, planned);
        Ok(())
    }

    /// Writes `entity` whether or not the command succeeds.
    pub(crate) fn record<E: Entity>(&mut self, entity: &E) -> Result<(), ServiceError> {
        let (key, planned) = self.prepare(entity)?;
        self.always.insert(key, planned);
        Ok(())
    }

    /// Writes `entity` whether or not the command succeeds, and lets the command read it.
    pub(crate) fn keep<E: Entity>(&mut self, entity: &E) -> Result<(), ServiceError> {
        self.record(entity)?;
        self.put(entity)
    }

    /// Writes all that was `put` so far whether or not the command succeeds.
    pub(crate) fn keep_all(&mut self) {
        self.always.extend(self.on_success.clone());
    }

    /// Loads a record as a scan does: the commit holds whatever becomes of it.
    pub(crate) fn peek<E: Entity>(&self, id: &str) -> Result<Option<E>, ServiceError> {
        let key = Key { table: E::TABLE, id: id.to_owned() };
        self.store.get(&key)?.map(|record| decode(&record.body)).transpose()
    }

    /// As [`peek`](Self::peek), for several records at once.
    pub(crate) fn peek_all<E: Entity>(
        &self,
        ids: impl Iterator<Item = String>,
    ) -> Result<Vec<Option<E>>, ServiceError> {
        let keys: Vec<Key> = ids.map(|id| Key { table: E::TABLE, id }).collect();
        let found = self.store.get_all(&keys)?;
        found.iter().map(|it| it.as_ref().map(|record| decode(&record.body)).transpose()).collect()
    }

    /// Removes the record at `id` if the command succeeds. A record with something beside it must
    /// have been read.
    pub(crate) fn delete<E: Entity>(&mut self, id: &str) {
        let key = Key { table: E::TABLE, id: id.to_owned() };
        self.remember_beside::<E>(&key);
        self.on_success.insert(key, Planned { write: Write::Delete, beside: Beside::default() });
    }

    /// Remembers what the record that was read at `key` has beside it.
    fn remember_beside<E: Entity>(&mut self, key: &Key) {
        if !E::HAS_BESIDE || self.beside_before.contains_key(key) {
            return;
        }
        let read = self.read.get(key).and_then(Read::record);
        let stored = read.and_then(|record| decode::<E>(&record.body).ok());
        let beside = stored.map(|stored| stored.beside()).unwrap_or_default();
        self.beside_before.insert(key.clone(), beside);
    }

    /// Up to `limit` ids of records in order.
    pub(crate) fn ids(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ServiceError> {
        let found = self.store.scan(table, prefix, after, limit)?;
        Ok(found.into_iter().map(|(key, _)| key.id).collect())
    }

    /// The store, for what is read past the command.
    pub(crate) fn store(&self) -> &'s dyn Store {
        self.store
    }

    fn prepare<E: Entity>(&mut self, entity: &E) -> Result<(Key, Planned), ServiceError> {
        let (key, write) = written(entity)?;
        self.read.entry(key.clone()).or_insert(Read::Own(None));
        self.remember_beside::<E>(&key);
        Ok((key, Planned { write, beside: entity.beside() }))
    }

    /// Submits the decided change to the store. Free if the command wrote and pinned nothing.
    pub(crate) fn commit(mut self, succeeded: bool) -> Result<(), StoreError> {
        let mut planned = self.always;
        if succeeded {
            planned.append(&mut self.on_success);
        }
        let mut difference = Difference::default();
        for (key, before) in &self.beside_before {
            if let Some(Planned { write, beside }) = planned.get(key) {
                let read = self.read.get(key).and_then(Read::record);
                difference.of(key, read, write, before, beside);
            }
        }
        let aside = difference.writes().map_err(|error| StoreError::Failed(error.to_string()))?;
        let planned = planned.into_iter().map(|(key, planned)| (key, planned.write));
        let writes: Vec<_> = planned.chain(aside).collect();
        if writes.is_empty() && !self.pinned {
            return Ok(());
        }
        let version = |read: &Read| read.record().map(|record| record.version);
        let expect = self.read.into_iter().map(|(key, read)| (key, version(&read)));
        self.store.apply(Change { expect: expect.collect(), writes })
    }
}

/// The write that stores `entity`.
pub(crate) fn written<E: Entity>(entity: &E) -> Result<(Key, Write), ServiceError> {
    let key = Key { table: E::TABLE, id: entity.id() };
    #[cfg(debug_assertions)]
    undeclared::forget();
    let body = serde_json::to_vec(entity)
        .map_err(|e| ServiceError::internal(format!("{}: {e}", type_name::<E>())))?;
    #[cfg(debug_assertions)]
    assert!(
        undeclared::is_none(E::TABLE, &body),
        "{} has a secret that Table::secrets does not list",
        type_name::<E>()
    );
    Ok((key, Write::Put { body, expires_at: entity.expires_at().map(Moment::millis) }))
}

fn decode<E: DeserializeOwned>(body: &[u8]) -> Result<E, ServiceError> {
    // The parser's message may quote the value, which may be secret here: report only the position.
    serde_json::from_slice(body).map_err(|e| {
        ServiceError::internal(format!(
            "a stored {} does not parse, column {}",
            type_name::<E>(),
            e.column()
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::store::Version;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Note(u64);

    impl Entity for Note {
        const TABLE: Table = Table::Pool;

        fn id(&self) -> String {
            "note".to_owned()
        }
    }

    /// A store whose record changes with every read.
    #[derive(Default)]
    struct Restless(AtomicU64);

    impl Store for Restless {
        fn get(&self, _: &Key) -> Result<Option<Record>, StoreError> {
            let look = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            Ok(Some(Record { version: Version(look), body: look.to_string().into_bytes() }))
        }

        fn scan(
            &self,
            _: Table,
            _: &str,
            _: Option<&str>,
            _: usize,
        ) -> Result<Vec<(Key, Record)>, StoreError> {
            Ok(Vec::new())
        }

        fn apply(&self, change: Change) -> Result<(), StoreError> {
            let now = Version(self.0.load(Ordering::Relaxed));
            let holds = change.expect.iter().all(|(_, version)| *version == Some(now));
            if holds { Ok(()) } else { Err(StoreError::Conflict) }
        }

        fn purge(&self, _: i64) -> Result<usize, StoreError> {
            Ok(0)
        }
    }

    #[test]
    fn a_command_sees_one_state_and_its_own_writes() {
        let store = Restless::default();
        let mut tx = Transaction::new(&store);
        assert_eq!(tx.find::<Note>("note").unwrap(), Some(Note(1)));
        assert_eq!(
            tx.find::<Note>("note").unwrap(),
            Some(Note(1)),
            "not the state of the second look"
        );
        tx.put(&Note(9)).unwrap();
        assert_eq!(tx.find::<Note>("note").unwrap(), Some(Note(9)));
        tx.delete::<Note>("note");
        assert_eq!(tx.find::<Note>("note").unwrap(), None);
    }

    /// A store with one note, which counts how often its body was read.
    #[derive(Default)]
    struct OneNote {
        record: Mutex<Option<Record>>,
        bodies: AtomicU64,
    }

    impl OneNote {
        fn set(&self, record: Option<(u64, u64)>) {
            let record = record.map(|(version, number)| Record {
                version: Version(version),
                body: number.to_string().into_bytes(),
            });
            *self.record.lock().unwrap() = record;
        }
    }

    impl Store for OneNote {
        fn get(&self, _: &Key) -> Result<Option<Record>, StoreError> {
            self.bodies.fetch_add(1, Ordering::Relaxed);
            Ok(self.record.lock().unwrap().clone())
        }

        fn get_unless(&self, key: &Key, known: Version) -> Result<Lookup, StoreError> {
            let version = self.record.lock().unwrap().as_ref().map(|record| record.version);
            if version == Some(known) {
                return Ok(Lookup::Unchanged);
            }
            self.get(key).map(Lookup::Changed)
        }

        fn scan(
            &self,
            _: Table,
            _: &str,
            _: Option<&str>,
            _: usize,
        ) -> Result<Vec<(Key, Record)>, StoreError> {
            Ok(Vec::new())
        }

        fn apply(&self, change: Change) -> Result<(), StoreError> {
            let now = self.record.lock().unwrap().as_ref().map(|record| record.version);
            let holds = change.expect.iter().all(|(_, version)| *version == now);
            if holds { Ok(()) } else { Err(StoreError::Conflict) }
        }

        fn purge(&self, _: i64) -> Result<usize, StoreError> {
            Ok(0)
        }
    }

    #[test]
    fn a_record_is_decoded_once_for_each_version() {
        let (store, decoded) = (OneNote::default(), DecodedRecords::default());
        let find = || {
            let mut tx = Transaction::with_decoded(&store, &decoded);
            tx.find_shared::<Note>("note").unwrap().map(|note| note.0)
        };
        for (record, found, bodies) in [
            (None, None, 1),
            (Some((1, 10)), Some(10), 2),
            (Some((1, 10)), Some(10), 2),
            (Some((2, 20)), Some(20), 3),
            (None, None, 4),
            (Some((3, 30)), Some(30), 5),
        ] {
            store.set(record);
            assert_eq!(find(), found);
            assert_eq!(store.bodies.load(Ordering::Relaxed), bodies, "{record:?}");
        }
    }

    #[test]
    fn a_commit_rests_on_the_version_of_what_was_decoded() {
        let (store, decoded) = (OneNote::default(), DecodedRecords::default());
        store.set(Some((1, 10)));
        for _ in 0..2 {
            let mut tx = Transaction::with_decoded(&store, &decoded);
            tx.find_shared::<Note>("note").unwrap();
            tx.pin();
            tx.commit(true).unwrap();
        }
        let mut tx = Transaction::with_decoded(&store, &decoded);
        tx.find_shared::<Note>("note").unwrap();
        store.set(Some((2, 20)));
        assert_eq!(tx.find::<Note>("note").unwrap(), Some(Note(10)), "the state of the first look");
        assert_eq!(tx.find_shared::<Note>("note").unwrap().as_deref(), Some(&Note(10)));
        tx.put(&Note(11)).unwrap();
        assert_eq!(tx.find_shared::<Note>("note").unwrap().as_deref(), Some(&Note(11)));
        assert!(matches!(tx.commit(true), Err(StoreError::Conflict)));
    }

    #[test]
    fn a_read_alone_is_checked_only_if_pinned() {
        for (pinned, holds) in [(false, true), (true, false)] {
            let store = Restless::default();
            let mut tx = Transaction::new(&store);
            tx.find::<Note>("note").unwrap();
            store.get(&Key { table: Table::Pool, id: "note".to_owned() }).unwrap();
            if pinned {
                tx.pin();
            }
            assert_eq!(tx.commit(true).is_ok(), holds, "pinned: {pinned}");
        }
    }

    #[test]
    fn no_two_lists_of_parts_have_the_same_id() {
        let lists = [
            ["a", "b/c"],
            ["a/b", "c"],
            ["a~1b", "c"],
            ["a~0", "1b/c"],
            ["a", "b~1c"],
            ["a/", "b"],
        ];
        for list in lists {
            assert_eq!([0, 1].map(|place| part_of(&id_of(list), place)), list);
        }
        let ids: std::collections::BTreeSet<String> = lists.map(id_of).into();
        assert_eq!(ids.len(), lists.len(), "{ids:?}");
        assert!(!id_of(["pool", "a/b", "key"]).starts_with(&id_of(["pool", "a", ""])));
    }
}
