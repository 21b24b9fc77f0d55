//! Data keys: records that hold the keys of a pool or of the server, wrapped by a master key.
//!
//! Each scope has a list of generations, of which the last seals. A change that seals rests on that
//! record's version, which changes when a later generation appears. So no server can seal with a
//! key that another one has replaced.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use device_pool::store::{Key, Record, Secrets, StoreError, Table, Version, Write};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::failed;
use super::master_key::MasterKey;
use super::message_keys::{KEY_LENGTH, MessageKeys, SALT_LENGTH, Salt};

/// The scope of all that is of no pool. No pool's id is like this.
pub(super) const SERVER: &str = "server";

/// The scope of a record: its pool if it holds secrets of one, else the server.
pub(super) fn scope_of(key: &Key) -> &str {
    match key.table.secrets() {
        Secrets::OfPool(_) => key.id.split('/').next().unwrap_or_default(),
        Secrets::None | Secrets::OfServer(_) => SERVER,
    }
}

/// The prefix of the ids of a scope's data keys.
pub(super) fn prefix_of(scope: &str) -> String {
    format!("{scope}/")
}

/// The place of a data key.
pub(super) fn place_of(scope: &str, generation: u32) -> Key {
    Key { table: Table::DataKey, id: format!("{scope}/{generation:08x}") }
}

/// Scope and generation of a data key's record.
pub(super) fn parse_id(id: &str) -> Option<(&str, u32)> {
    let (scope, generation) = id.rsplit_once('/')?;
    Some((scope, u32::from_str_radix(generation, 16).ok()?))
}

/// A data key.
pub(super) struct DataKey {
    pub(super) keys: MessageKeys,
    /// Whether records that are not sealed are of an earlier release, and not yet sealed. Only the
    /// server's key says so.
    pub(super) permits_plain: bool,
}

/// The secret of a data key, while it is wrapped.
pub(super) struct Secret {
    secret: Zeroizing<[u8; KEY_LENGTH]>,
    pub(super) permits_plain: bool,
}

impl Secret {
    pub(super) fn new(permits_plain: bool) -> Result<Self, StoreError> {
        let mut secret = Zeroizing::new([0; KEY_LENGTH]);
        super::fill(&mut *secret)?;
        Ok(Self { secret, permits_plain })
    }

    pub(super) fn key(&self) -> DataKey {
        DataKey { keys: MessageKeys::new(&self.secret), permits_plain: self.permits_plain }
    }

    /// The write that stores it at `place`, wrapped.
    pub(super) fn wrapped(&self, place: &Key, master: &MasterKey) -> Result<Write, StoreError> {
        let mut salt = Salt::default();
        super::fill(&mut salt)?;
        let plain = Zeroizing::new([&self.secret[..], &[u8::from(self.permits_plain)]].concat());
        let sealed = master.keys.seal(&salt, address(place), master.id.as_bytes(), &plain);
        let sealed = sealed.ok_or_else(|| failed("a data key was not wrapped"))?;
        let wrapped = STANDARD_NO_PAD.encode([&salt[..], &sealed].concat());
        let body = serde_json::to_vec(&Wrapped { master: master.id.clone(), wrapped })
            .map_err(|error| failed(error.to_string()))?;
        Ok(Write::Put { body, expires_at: None })
    }
}

/// A data key as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Wrapped {
    /// The id of the master key.
    pub(super) master: String,
    wrapped: String,
}

impl Wrapped {
    pub(super) fn read(record: &Record) -> Option<Self> {
        serde_json::from_slice(&record.body).ok()
    }

    /// Opens it with the master key that it names.
    pub(super) fn open(&self, place: &Key, master: &MasterKey) -> Option<Secret> {
        let bytes = STANDARD_NO_PAD.decode(&self.wrapped).ok()?;
        let (salt, sealed) = bytes.split_first_chunk::<SALT_LENGTH>()?;
        let plain = master.keys.open(salt, address(place), master.id.as_bytes(), sealed)?;
        let (permits_plain, secret) = plain.split_last()?;
        let secret = Zeroizing::new(secret.try_into().ok()?);
        Some(Secret { secret, permits_plain: *permits_plain == 1 })
    }
}

/// The place of a record, as messages are bound to it.
pub(super) fn address(key: &Key) -> [&str; 2] {
    [key.table.name(), &key.id]
}

/// The key that seals for a scope.
#[derive(Clone)]
pub(super) struct Current {
    pub(super) generation: u32,
    /// The version of its record, on which each change rests.
    pub(super) version: Version,
    pub(super) key: Arc<DataKey>,
}

/// The data keys that were read.
#[derive(Default)]
pub(super) struct Ring {
    scopes: RwLock<HashMap<String, Scope>>,
}

#[derive(Default)]
struct Scope {
    current: Option<Current>,
    keys: BTreeMap<u32, Arc<DataKey>>,
}

impl Ring {
    /// The key of a generation, if it was read.
    pub(super) fn find(&self, scope: &str, generation: u32) -> Option<Arc<DataKey>> {
        let scopes = self.scopes.read().unwrap_or_else(PoisonError::into_inner);
        scopes.get(scope)?.keys.get(&generation).cloned()
    }

    /// The key that seals, if it was read.
    pub(super) fn current(&self, scope: &str) -> Option<Current> {
        let scopes = self.scopes.read().unwrap_or_else(PoisonError::into_inner);
        scopes.get(scope)?.current.clone()
    }

    /// Notes the keys of a scope, the last of which seals.
    pub(super) fn note(&self, scope: &str, keys: Vec<Current>) {
        let current = keys.last().cloned();
        let keys = keys.into_iter().map(|key| (key.generation, key.key)).collect();
        let mut scopes = self.scopes.write().unwrap_or_else(PoisonError::into_inner);
        scopes.insert(scope.to_owned(), Scope { current, keys });
    }

    /// Forgets the keys of a scope, so that they are read again.
    pub(super) fn forget(&self, scope: &str) {
        self.scopes.write().unwrap_or_else(PoisonError::into_inner).remove(scope);
    }

    /// Forgets all keys.
    pub(super) fn forget_all(&self) {
        self.scopes.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
