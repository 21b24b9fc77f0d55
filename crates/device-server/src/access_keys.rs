//! Access keys of further administrators: named, with a role, perhaps for some pools or for a time.
//!
//! They are kept with the service's records and found there at each call, so that adding and
//! revoking one needs no restart and holds at once on all servers. Secrets are sealed under a key
//! that only holders of the server's own access key can derive, together with what the key permits:
//! a copy of the database signs nothing, and a changed record permits nothing.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use device_pool::ServiceError;
use device_pool::store::{Change, Key, Record, Store, StoreError, Table, Write};
use device_wire::{ErrorCode, Sensitive};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::administrator::{Administrator, Role};
use crate::sigv4::AccessKey;

/// The most keys that are kept beside the server's own.
const MAX_KEYS: usize = 1000;

/// The longest name of a key, in characters.
const MAX_NAME: usize = 64;

/// The longest id that is looked up.
const MAX_ID: usize = 64;

/// The most days that a key may be good, if it is not good for ever.
const MAX_DAYS: u32 = 3650;

const DAY: i64 = 24 * 60 * 60 * 1000;

const NONCE_LENGTH: usize = 12;

/// An access key that was added, without its secret. Times are in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AccessKeyInfo {
    /// The id, which requests name.
    pub id: String,
    /// The name, which the audit trail shows beside the id.
    pub name: String,
    /// What it permits.
    pub role: Role,
    /// The pools that it is for; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<Vec<String>>,
    /// When it was added.
    pub created: i64,
    /// When it ends; `None` if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
}

impl AccessKeyInfo {
    fn is_good(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    fn holder(&self) -> Administrator {
        Administrator {
            key_id: self.id.clone(),
            name: Some(self.name.clone()),
            role: self.role,
            pools: self.pools.clone(),
        }
    }
}

/// What an access key to be added is like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the members of a call, which its callers write")]
pub struct NewAccessKey {
    /// Letters, digits and `@._+-`, up to 64 characters. No other key has it.
    pub name: String,
    /// What it permits.
    pub role: Role,
    /// The pools that it is for; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<Vec<String>>,
    /// How many days it is good; `None` for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// An access key that was just added. Its secret is shown only here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AddedAccessKey {
    /// The key.
    pub key: AccessKeyInfo,
    /// Its secret.
    pub secret: Sensitive<String>,
}

/// The access keys that were added and have not ended, each list by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the answer to a call")]
pub struct AccessKeys {
    /// Those that are good.
    pub keys: Vec<AccessKeyInfo>,
    /// Those that are void, since the server got another key of its own.
    ///
    /// They are good again if it gets the former one back: revoke what is not wanted then.
    #[serde(default)]
    pub void: Vec<AccessKeyInfo>,
}

/// A key as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredKey {
    key: AccessKeyInfo,
    /// Nonce, ciphertext and tag.
    sealed_secret: String,
}

/// The stored name of a key, so that no two have the same.
#[derive(Serialize, Deserialize)]
struct StoredName {
    id: String,
}

/// The server's own access key, and those that were added.
pub(crate) struct KeyRing {
    own: AccessKey,
    sealing: Zeroizing<[u8; 32]>,
    store: Arc<dyn Store>,
}

impl KeyRing {
    pub(crate) fn new(own: AccessKey, store: Arc<dyn Store>) -> Self {
        let sealing = own.derive("device-server access keys");
        Self { own, sealing, store }
    }

    /// The server's own key.
    pub(crate) fn own(&self) -> &AccessKey {
        &self.own
    }

    /// The key with this id and its holder, if it is good at `now`.
    pub(crate) fn find(
        &self,
        id: &str,
        now: i64,
    ) -> Result<Option<(AccessKey, Administrator)>, ServiceError> {
        if id == self.own.id() {
            return Ok(Some((self.own.clone(), Administrator::new(id, Role::Full))));
        }
        let Some(StoredKey { key, sealed_secret }) = self.stored(id)? else { return Ok(None) };
        let secret = self.open(&key, &sealed_secret).filter(|_| key.is_good(now));
        let signing = secret.and_then(|secret| AccessKey::of_zeroized(id.to_owned(), secret).ok());
        Ok(signing.map(|signing| (signing, key.holder())))
    }

    /// The keys that were added and have not ended at `now`, by name.
    pub(crate) fn list(&self, now: i64) -> Result<AccessKeys, ServiceError> {
        let mut stored = self.all()?;
        stored.retain(|stored| stored.key.is_good(now));
        stored.sort_by(|a, b| a.key.name.cmp(&b.key.name));
        let (good, void): (Vec<_>, Vec<_>) = stored
            .into_iter()
            .partition(|stored| self.open(&stored.key, &stored.sealed_secret).is_some());
        let key = |stored: StoredKey| stored.key;
        Ok(AccessKeys {
            keys: good.into_iter().map(key).collect(),
            void: void.into_iter().map(key).collect(),
        })
    }

    /// A new key, and the change that keeps it. The caller checks that its pools exist.
    pub(crate) fn prepare(
        &self,
        new: NewAccessKey,
        now: i64,
        rng: &mut dyn CryptoRng,
    ) -> Result<(AddedAccessKey, Change), ServiceError> {
        check(&new)?;
        let all = self.all()?;
        // The server's former own key must not bring back a key whose name was given to another.
        let replaced: Vec<Key> = all
            .iter()
            .filter(|stored| stored.key.name == new.name)
            .map(|stored| id_key(&stored.key.id))
            .collect();
        if all.len() - replaced.len() >= MAX_KEYS {
            let message = format!("There are {MAX_KEYS} access keys. Revoke one that is not used.");
            return Err(ServiceError::new(ErrorCode::LimitExceeded, message));
        }
        let key = AccessKeyInfo {
            id: random_id(rng),
            name: new.name,
            role: new.role,
            pools: new.pools,
            created: now,
            expires_at: new.days.map(|days| now + i64::from(days) * DAY),
        };
        let mut bytes = Zeroizing::new([0; 30]);
        rng.fill_bytes(&mut *bytes);
        let secret = Sensitive::from(URL_SAFE_NO_PAD.encode(*bytes));
        let mut nonce = [0; NONCE_LENGTH];
        rng.fill_bytes(&mut nonce);
        let sealed_secret = self.seal(&key, &secret, nonce)?;
        let name_key = name_key(&key.name);
        // A name whose key has ended, or whose key nobody can use any more, is free.
        let before = self.store.get(&name_key)?;
        let holder = before.as_ref().and_then(read::<StoredName>).map(|name| name.id);
        if let Some(id) = holder
            && self.find(&id, now)?.is_some()
        {
            let message = format!("There is an access key “{}” already.", key.name);
            return Err(invalid(message));
        }
        let expect =
            vec![(id_key(&key.id), None), (name_key.clone(), before.map(|record| record.version))];
        let end = key.expires_at;
        let mut writes = vec![
            (name_key, put(&StoredName { id: key.id.clone() }, end)?),
            (id_key(&key.id), put(&StoredKey { key: key.clone(), sealed_secret }, end)?),
        ];
        writes.extend(replaced.into_iter().map(|key| (key, Write::Delete)));
        Ok((AddedAccessKey { key, secret }, Change { expect, writes }))
    }

    /// The ids of the keys with this name, and the change that removes them. There is one, or more
    /// if some are void.
    pub(crate) fn prepare_removal(
        &self,
        name: &str,
    ) -> Result<(Vec<String>, Change), ServiceError> {
        let name_key = name_key(name);
        let before = self.store.get(&name_key)?;
        let mut stored = self.all()?;
        stored.retain(|stored| stored.key.name == name);
        if stored.is_empty() {
            return Err(ServiceError::new(
                ErrorCode::ResourceNotFound,
                format!("There is no access key “{name}”."),
            ));
        }
        let ids: Vec<String> = stored.into_iter().map(|stored| stored.key.id).collect();
        let expect = vec![(name_key.clone(), before.map(|record| record.version))];
        let removed = ids.iter().map(|id| id_key(id)).chain([name_key]);
        let writes = removed.map(|key| (key, Write::Delete)).collect();
        Ok((ids, Change { expect, writes }))
    }

    /// All keys that are kept, good or not.
    fn all(&self) -> Result<Vec<StoredKey>, ServiceError> {
        let records = self.store.scan(Table::AccessKey, "key/", None, MAX_KEYS)?;
        Ok(records.iter().filter_map(|(_, record)| read(record)).collect())
    }

    fn stored(&self, id: &str) -> Result<Option<StoredKey>, ServiceError> {
        if id.len() > MAX_ID {
            return Ok(None);
        }
        Ok(self.store.get(&id_key(id))?.as_ref().and_then(read))
    }

    fn seal(
        &self,
        key: &AccessKeyInfo,
        secret: &str,
        nonce: [u8; NONCE_LENGTH],
    ) -> Result<String, ServiceError> {
        let failed = || ServiceError::internal("an access key was not sealed");
        let aad = serde_json::to_vec(key).map_err(|_| failed())?;
        let mut sealed = secret.as_bytes().to_vec();
        let unique = Nonce::assume_unique_for_key(nonce);
        let sealing = self.sealing().ok_or_else(failed)?;
        sealing
            .seal_in_place_append_tag(unique, Aad::from(&aad), &mut sealed)
            .map_err(|_| failed())?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    fn open(&self, key: &AccessKeyInfo, sealed: &str) -> Option<Zeroizing<String>> {
        let aad = serde_json::to_vec(key).ok()?;
        let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(sealed).ok()?);
        let (nonce, sealed) = bytes.split_first_chunk_mut::<NONCE_LENGTH>()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let secret = self.sealing()?.open_in_place(nonce, Aad::from(&aad), sealed).ok()?;
        std::str::from_utf8(secret).ok().map(|secret| Zeroizing::new(secret.to_owned()))
    }

    fn sealing(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &*self.sealing).ok().map(LessSafeKey::new)
    }
}

/// Whether this record is an access key or the name of one.
pub(crate) fn is_record(key: &Key, body: &[u8]) -> bool {
    if let Ok(stored) = serde_json::from_slice::<StoredKey>(body) {
        return id_key(&stored.key.id) == *key;
    }
    key.id.starts_with("name/") && serde_json::from_slice::<StoredName>(body).is_ok()
}

fn id_key(id: &str) -> Key {
    Key { table: Table::AccessKey, id: format!("key/{id}") }
}

fn name_key(name: &str) -> Key {
    Key { table: Table::AccessKey, id: format!("name/{name}") }
}

/// A record that does not read is no key.
fn read<T: for<'de> Deserialize<'de>>(record: &Record) -> Option<T> {
    serde_json::from_slice(&record.body).ok()
}

fn put(value: &impl Serialize, expires_at: Option<i64>) -> Result<Write, StoreError> {
    let body = serde_json::to_vec(value).map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(Write::Put { body, expires_at })
}

fn check(new: &NewAccessKey) -> Result<(), ServiceError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
    if !new.name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || new.name.len() > MAX_NAME
        || !new.name.chars().all(fits)
    {
        return Err(invalid(format!(
            "A key's name starts with a letter or digit, and has up to {MAX_NAME} letters, digits \
             and @._+-."
        )));
    }
    if new.pools.as_ref().is_some_and(Vec::is_empty) {
        return Err(invalid("A key for no pools could do nothing. Name one, or leave pools out."));
    }
    if new.days.is_some_and(|days| days == 0 || days > MAX_DAYS) {
        return Err(invalid(format!("A key is good for 1 to {MAX_DAYS} days, or for ever.")));
    }
    Ok(())
}

/// As long as the server's own: 70 random bits after a prefix.
fn random_id(rng: &mut dyn CryptoRng) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = [0; 14];
    rng.fill_bytes(&mut bytes);
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter));
    format!("DEVICE{}", bytes.iter().filter_map(letter).collect::<String>())
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(ErrorCode::InvalidParameter, message.into())
}
