//! A store whose records are sealed: secrets are encrypted, and all of a record is authenticated.
//!
//! A record's secrets move into one member, `sealed`, at the end of its body; the rest stays
//! readable. The member also authenticates the rest, the table, the id and the time of expiry. It
//! is encrypted with AES-256-GCM under a data key of the pool, or of the server. Data keys are
//! records, wrapped by a master key from outside of the database.

mod body;
mod check;
mod data_keys;
mod master_key;
mod message_keys;
mod renewal;
mod rotation;
mod source;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use device_pool::store::{
    Change, Key, Lookup, Record, Store, StoreError, Table, Version, Waits, Write,
};
use rand::TryRng as _;
use rand::rngs::SysRng;

use self::data_keys::{Current, DataKey, Ring, SERVER, Secret, Wrapped};
pub use self::master_key::MasterKeys;
use self::message_keys::{SALT_LENGTH, Salt};
use self::renewal::Pass;
pub use self::renewal::Renewed;
pub use self::source::{MasterKeyError, MasterKeySource};
use crate::entry::{Entries, Entry};

/// How often a change is tried again because a data key was replaced.
const MAX_ATTEMPTS: usize = 10;

/// The most generations of a data key that are read.
const MAX_GENERATIONS: usize = 10_000;

/// A [`Store`] that seals what it keeps in another one.
///
/// Any number of them may share a database, if they have the same master key.
pub struct SealedStore {
    inner: Arc<dyn Entries>,
    source: MasterKeySource,
    master: RwLock<Arc<MasterKeys>>,
    ring: Ring,
    /// Whether records of an earlier release are not sealed yet.
    permits_plain: AtomicBool,
    /// Whether there may be records to seal anew.
    has_work: AtomicBool,
    pass: Mutex<Pass>,
}

/// Why a sealed store cannot be opened. The message says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// There is no usable master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The store below failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is wrong with a stored record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Defect {
    /// It is not sealed, and all records should be.
    #[error("it is not sealed")]
    Plain,
    /// It was sealed with a data key that does not exist.
    #[error("its data key does not exist")]
    NoKey,
    /// It, its id or its time of expiry was altered, it is cut short, or it was put elsewhere.
    #[error("it is not as it was written: altered, cut short, or moved from another place")]
    Altered,
}

impl SealedStore {
    /// Seals what `inner` keeps, under the master key of `source`.
    ///
    /// The first time, this makes the server's data key. Records of an earlier release are then
    /// sealed by [`renew`](Self::renew); until that is done, they are read as they are.
    ///
    /// # Errors
    /// [`SealError`]. If the master key is missing or another one, nothing was created.
    pub fn open(inner: Arc<dyn Entries>, source: MasterKeySource) -> Result<Self, SealError> {
        let is_new = inner.entries(Table::DataKey, "", None, 1)?.is_empty();
        let master = if is_new { source.read_or_create()? } else { source.read()? };
        let store = Self {
            inner,
            source,
            master: RwLock::new(Arc::new(master)),
            ring: Ring::default(),
            permits_plain: AtomicBool::new(false),
            has_work: AtomicBool::new(true),
            pass: Mutex::default(),
        };
        if is_new {
            store.found()?;
        }
        // The master key is the right one if it opens the server's key.
        let master = store.master();
        for entry in store.inner.entries(Table::DataKey, "server/", None, MAX_GENERATIONS)? {
            let wrapped = Wrapped::read(&entry.record).ok_or_else(|| no_key(SERVER))?;
            if master.find(&wrapped.master).is_none() {
                let place = store.source.place();
                return Err(MasterKeyError::Wrong { place, id: wrapped.master }.into());
            }
        }
        store.current(SERVER)?;
        Ok(store)
    }

    /// Makes the server's first data key, which says whether records of an earlier release exist.
    fn found(&self) -> Result<(), StoreError> {
        let mut permits_plain = false;
        for table in Table::ALL {
            permits_plain |= !self.inner.entries(table, "", None, 1)?.is_empty();
        }
        let place = data_keys::place_of(SERVER, 1);
        let write = Secret::new(permits_plain)?.wrapped(&place, self.master().current())?;
        let change = Change { expect: vec![(place.clone(), None)], writes: vec![(place, write)] };
        match self.inner.apply(change) {
            // Another server was first.
            Ok(()) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Checks that an entry of the store below is as it was written.
    ///
    /// An old state of the same record, put back into its place, is not noticed, nor is a record
    /// that was removed.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if a data key cannot be read.
    pub fn examine(&self, entry: &Entry) -> Result<Result<(), Defect>, StoreError> {
        if entry.key.table == Table::DataKey {
            let place = data_keys::parse_id(&entry.key.id);
            let opened = match place {
                Some(_) => self.unwrap(&entry.key, &entry.record).is_ok(),
                None => false,
            };
            return Ok(if opened { Ok(()) } else { Err(Defect::Altered) });
        }
        Ok(match self.open_body(&entry.key, &entry.record.body)? {
            Ok((_, Some(expires_at))) if expires_at != entry.expires_at => Err(Defect::Altered),
            Ok(_) => Ok(()),
            Err(defect) => Err(defect),
        })
    }

    fn master(&self) -> Arc<MasterKeys> {
        Arc::clone(&self.master.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set_master(&self, master: MasterKeys) -> Arc<MasterKeys> {
        let master = Arc::new(master);
        let mut held = self.master.write().unwrap_or_else(PoisonError::into_inner);
        *held = Arc::clone(&master);
        master
    }

    /// The key that seals for a scope, if the scope has one.
    fn current(&self, scope: &str) -> Result<Option<Current>, StoreError> {
        if let Some(current) = self.ring.current(scope) {
            return Ok(Some(current));
        }
        Ok(self.load(scope)?.pop())
    }

    /// The key of a generation, if it exists.
    fn key(&self, scope: &str, generation: u32) -> Result<Option<Arc<DataKey>>, StoreError> {
        if let Some(key) = self.ring.find(scope, generation) {
            return Ok(Some(key));
        }
        Ok(self
            .load(scope)?
            .into_iter()
            .find(|key| key.generation == generation)
            .map(|key| key.key))
    }

    /// Reads the data keys of a scope, the last of which seals. They are returned as well, since
    /// another thread may make the ring forget them at once.
    fn load(&self, scope: &str) -> Result<Vec<Current>, StoreError> {
        let prefix = data_keys::prefix_of(scope);
        let mut keys = Vec::new();
        for (place, record) in self.inner.scan(Table::DataKey, &prefix, None, MAX_GENERATIONS)? {
            let Some((_, generation)) = data_keys::parse_id(&place.id) else { continue };
            let key = Arc::new(self.unwrap(&place, &record)?.key());
            keys.push(Current { generation, version: record.version, key });
        }
        if let Some(last) = keys.last()
            && scope == SERVER
        {
            self.permits_plain.store(last.key.permits_plain, Ordering::Release);
        }
        if keys.len() > 1 {
            self.has_work.store(true, Ordering::Release);
        }
        if !keys.is_empty() {
            self.ring.note(scope, keys.clone());
        }
        Ok(keys)
    }

    /// Opens a data key. If its master key is unknown, the master keys are read again.
    fn unwrap(&self, place: &Key, record: &Record) -> Result<Secret, StoreError> {
        let wrapped = Wrapped::read(record).ok_or_else(|| no_key(&place.id))?;
        let mut master = self.master();
        if master.find(&wrapped.master).is_none() {
            master =
                self.set_master(self.source.read().map_err(|error| failed(error.to_string()))?);
        }
        let key = master.find(&wrapped.master).ok_or_else(|| {
            let place = self.source.place();
            failed(MasterKeyError::Wrong { place, id: wrapped.master.clone() }.to_string())
        })?;
        wrapped.open(place, key).ok_or_else(|| no_key(&place.id))
    }

    /// The body and, if it is sealed, the time of expiry that it was written with.
    #[expect(clippy::type_complexity, reason = "two kinds of failure, and what was sealed")]
    fn open_body(
        &self,
        key: &Key,
        stored: &[u8],
    ) -> Result<Result<(Vec<u8>, Option<Option<i64>>), Defect>, StoreError> {
        let Some((readable, text)) = body::split(stored) else {
            let is_permitted = self.permits_plain.load(Ordering::Acquire);
            let defect = if stored.ends_with(b"}") { Defect::Plain } else { Defect::Altered };
            return Ok(if is_permitted { Ok((stored.to_vec(), None)) } else { Err(defect) });
        };
        let Some(sealed) = Sealed::read(text) else { return Ok(Err(Defect::Altered)) };
        let scope = data_keys::scope_of(key);
        let Some(data_key) = self.key(scope, sealed.generation)? else {
            return Ok(Err(Defect::NoKey));
        };
        let address = data_keys::address(key);
        let open = |data_key: &DataKey| {
            let hidden = data_key.keys.open(&sealed.salt, address, readable, &sealed.text)?;
            body::put_together(readable, &hidden)
        };
        let opened = open(&data_key).or_else(|| {
            // A pool that was removed and created again has another key of the same generation.
            let keys = self.load(scope).ok()?;
            open(&keys.iter().find(|key| key.generation == sealed.generation)?.key)
        });
        Ok(opened.map(|(body, expires_at)| (body, Some(expires_at))).ok_or(Defect::Altered))
    }

    fn open_record(&self, key: &Key, record: Record) -> Result<Record, StoreError> {
        if key.table == Table::DataKey {
            return Ok(record);
        }
        match self.open_body(key, &record.body)? {
            Ok((body, _)) => Ok(Record { version: record.version, body }),
            Err(defect) => Err(failed(format!(
                "a stored {} cannot be trusted: {defect}. Run `device store verify`",
                key.table.name()
            ))),
        }
    }

    /// The change as the store below gets it.
    fn seal_change(&self, change: &Change) -> Result<Change, StoreError> {
        let mut sealed = Change {
            expect: change.expect.clone(),
            writes: Vec::with_capacity(change.writes.len() + 1),
        };
        let mut salts = vec![0; change.writes.len() * SALT_LENGTH];
        fill(&mut salts)?;
        let mut used: Vec<(&str, Current)> = Vec::new();
        for ((key, write), salt) in change.writes.iter().zip(salts.chunks_exact(SALT_LENGTH)) {
            let write = match write {
                Write::Put { body, expires_at } if key.table != Table::DataKey => {
                    let scope = data_keys::scope_of(key);
                    let known = used.iter().find(|(known, _)| *known == scope);
                    let current = match known {
                        Some((_, current)) => current.clone(),
                        None => {
                            let current = self.rest_on(scope, &mut sealed)?;
                            used.push((scope, current.clone()));
                            current
                        }
                    };
                    let salt = salt.try_into().map_err(|_| failed("a salt has another length"))?;
                    let body = seal_body(&current, key, body, *expires_at, salt);
                    let body = body.ok_or_else(|| {
                        failed(format!("a {} is no JSON object, or too long", key.table.name()))
                    })?;
                    Write::Put { body, expires_at: *expires_at }
                }
                other => other.clone(),
            };
            sealed.writes.push((key.clone(), write));
        }
        Ok(sealed)
    }

    /// The key that seals for a scope. The change rests on it, or makes it if there is none.
    fn rest_on(&self, scope: &str, change: &mut Change) -> Result<Current, StoreError> {
        if let Some(current) = self.current(scope)? {
            let place = data_keys::place_of(scope, current.generation);
            let expected = (place, Some(current.version));
            // A change of data keys may rest on it already.
            if !change.expect.contains(&expected) {
                change.expect.push(expected);
            }
            return Ok(current);
        }
        let place = data_keys::place_of(scope, 1);
        let secret = Secret::new(false)?;
        let write = secret.wrapped(&place, self.master().current())?;
        change.expect.push((place.clone(), None));
        change.writes.push((place, write));
        let key = Arc::new(secret.key());
        // The version is not known before the change; the next one reads it.
        Ok(Current { generation: 1, version: Version(0), key })
    }

    /// Whether a data key that a change rested on was replaced; those are read again.
    fn is_outdated(&self, rests_on: &[(Key, Option<Version>)]) -> bool {
        let mut outdated = false;
        for (key, version) in rests_on {
            let found = self.inner.get(key).ok().flatten().map(|record| record.version);
            if found != *version {
                outdated = true;
                let scope = data_keys::parse_id(&key.id).map_or("", |(scope, _)| scope);
                self.ring.forget(scope);
            }
        }
        outdated
    }
}

/// The sealed text of a body, decoded.
struct Sealed {
    generation: u32,
    salt: Salt,
    text: Vec<u8>,
}

impl Sealed {
    fn read(text: &[u8]) -> Option<Self> {
        let mut bytes = STANDARD_NO_PAD.decode(text).ok()?;
        let (generation, rest) = bytes.split_first_chunk::<4>()?;
        let (salt, _) = rest.split_first_chunk::<SALT_LENGTH>()?;
        let (generation, salt) = (u32::from_be_bytes(*generation), *salt);
        bytes.drain(..4 + SALT_LENGTH);
        Some(Self { generation, salt, text: bytes })
    }
}

/// The stored body of a record; `None` if the body is no JSON object, or too long.
fn seal_body(
    current: &Current,
    key: &Key,
    body: &[u8],
    expires_at: Option<i64>,
    salt: &Salt,
) -> Option<Vec<u8>> {
    let parts = body::take_apart(body, key.table.secrets().members(), expires_at)?;
    let address = data_keys::address(key);
    let sealed = current.key.keys.seal(salt, address, &parts.readable, &parts.hidden)?;
    let bytes = [&current.generation.to_be_bytes()[..], salt, &sealed].concat();
    Some(body::join(parts.readable, &STANDARD_NO_PAD.encode(bytes)))
}

impl Store for SealedStore {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.inner.get(key)?.map(|record| self.open_record(key, record)).transpose()
    }

    fn get_unless(&self, key: &Key, known: Version) -> Result<Lookup, StoreError> {
        match self.inner.get_unless(key, known)? {
            Lookup::Changed(Some(record)) => {
                Ok(Lookup::Changed(Some(self.open_record(key, record)?)))
            }
            unopened => Ok(unopened),
        }
    }

    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        let found = keys.iter().zip(self.inner.get_all(keys)?);
        let open = |(key, record): (&Key, Option<Record>)| {
            record.map(|record| self.open_record(key, record)).transpose()
        };
        found.map(open).collect()
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        let found = self.inner.scan(table, prefix, after, limit)?;
        let open = |(key, record)| Ok((self.open_record(&key, record)?, key));
        let opened = found.into_iter().map(open);
        opened.map(|opened| opened.map(|(record, key)| (key, record))).collect()
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        if !change.writes.iter().any(|(_, write)| matches!(write, Write::Put { .. })) {
            return self.inner.apply(change);
        }
        for _ in 0..MAX_ATTEMPTS {
            let sealed = self.seal_change(&change)?;
            let rests_on: Vec<_> =
                sealed.expect.get(change.expect.len()..).unwrap_or_default().to_vec();
            match self.inner.apply(sealed) {
                Err(StoreError::Conflict) if self.is_outdated(&rests_on) => {}
                applied => return applied,
            }
        }
        Err(StoreError::Conflict)
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        self.inner.purge(now_millis)
    }

    fn waits(&self) -> Waits {
        self.inner.waits()
    }
}

/// Shows the store below, never a key.
impl fmt::Debug for SealedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedStore")
            .field("master_key", &self.source.place())
            .finish_non_exhaustive()
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), StoreError> {
    SysRng.try_fill_bytes(bytes).map_err(|error| failed(format!("no randomness: {error}")))
}

fn failed(message: impl Into<String>) -> StoreError {
    StoreError::Failed(message.into())
}

fn no_key(id: &str) -> StoreError {
    failed(format!("the data key {id} cannot be opened: restore it from a backup"))
}
