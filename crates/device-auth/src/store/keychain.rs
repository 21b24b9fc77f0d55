//! Device records in the operating system's keychain.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use device_http::BoxFuture;
use device_proto::{DeviceOwner, DeviceRecord};
use keyring_core::{CredentialStore, Entry};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::turns::Turns;
use super::{DeviceStore, StoreError, Turn, roomy_buffer};

/// Stores device records in the keychain of the operating system's user.
///
/// That is Keychain on macOS, the Credential Manager on Windows, and the Secret Service elsewhere.
/// The records of a user are one entry, and so is each name that finds them. If two processes
/// change the records of one user at the same time, the later change wins: a keychain has no lock.
/// Sign-ins of a device [take turns](DeviceStore::take_device_turn) through clones of one value,
/// not through two values or processes. Sessions are not stored here: their tokens are longer than
/// an entry may be on Windows, and processes that share them must [take
/// turns](super::SessionStore::take_turn). [`FileStore`](super::FileStore) supports all that.
#[derive(Clone)]
pub struct KeychainStore {
    service: Arc<str>,
    keychain: Arc<CredentialStore>,
    /// Held while records and the names that find them are written.
    writing: Arc<Mutex<()>>,
    /// Taken while a device proves itself.
    proving: Turns,
}

/// The contents of an entry. A single record has the form of the previous release.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    One(Box<DeviceRecord>),
    Several(Vec<DeviceRecord>),
}

impl KeychainStore {
    /// Opens the keychain of this platform. `service` is the name that users see there, such as the
    /// app's name.
    ///
    /// # Errors
    /// If there is no keychain, or it cannot be reached.
    pub fn open(service: &str) -> Result<Self, StoreError> {
        if let Err(error) = keyring::Entry::store_status() {
            return Err(StoreError::new(format!("the keychain cannot be used: {error}")));
        }
        let keychain = keyring_core::get_default_store()
            .ok_or_else(|| StoreError::new("the platform has no keychain"))?;
        Ok(Self::within(keychain, service))
    }

    /// Opens another keychain: any store of `keyring-core`.
    #[must_use]
    pub fn within(keychain: Arc<CredentialStore>, service: &str) -> Self {
        Self {
            service: service.into(),
            keychain,
            writing: Arc::default(),
            proving: Turns::default(),
        }
    }

    /// Runs `work` on a blocking thread, since the user may have to unlock the keychain.
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StoreError>> {
        let store = self.clone();
        Box::pin(async move {
            match tokio::task::spawn_blocking(move || work(&store)).await {
                Ok(done) => done,
                Err(stopped) => Err(StoreError::new("the runtime stopped").caused_by(stopped)),
            }
        })
    }

    fn entry(&self, kind: &str, owner: &DeviceOwner, name: &str) -> Result<Entry, StoreError> {
        // No part of an id has a slash.
        let user = format!("{kind}/{}/{}/{name}", owner.user_pool_id, owner.client_id);
        self.keychain.build(&self.service, &user, None).map_err(|error| failed("name", &error))
    }

    /// The entry of a user's records. Letter case matters: names that differ only in case can
    /// belong to two users.
    fn device_entry(&self, owner: &DeviceOwner) -> Result<Entry, StoreError> {
        self.entry("device", owner, &owner.username)
    }

    /// The entry of a name that finds a user, in any letter case.
    fn name_entry(&self, owner: &DeviceOwner, name: &str) -> Result<Entry, StoreError> {
        self.entry("name", owner, &name.to_lowercase())
    }

    fn records(&self, owner: &DeviceOwner) -> Result<Vec<DeviceRecord>, StoreError> {
        let Some(json) = read(&self.device_entry(owner)?)? else { return Ok(Vec::new()) };
        match serde_json::from_slice(&json) {
            Ok(Kept::One(record)) => Ok(vec![*record]),
            Ok(Kept::Several(records)) => Ok(records),
            // The parser's error is dropped, since it can quote the entry.
            Err(_) => Err(StoreError::new("the keychain's entry is not a device record")),
        }
    }

    fn write_records(
        &self,
        owner: &DeviceOwner,
        mut records: Vec<DeviceRecord>,
    ) -> Result<(), StoreError> {
        let entry = self.device_entry(owner)?;
        let kept = match records.pop() {
            None => return delete(&entry),
            Some(record) if records.is_empty() => Kept::One(Box::new(record)),
            Some(record) => {
                records.push(record);
                Kept::Several(records)
            }
        };
        let mut json = roomy_buffer();
        serde_json::to_writer(&mut *json, &kept)
            .map_err(|error| StoreError::new("a record cannot be written").caused_by(error))?;
        write(&entry, &json)
    }

    /// The internal name that a typed one stands for.
    fn named(&self, owner: &DeviceOwner) -> Result<Option<DeviceOwner>, StoreError> {
        let Some(name) = read(&self.name_entry(owner, &owner.username)?)? else { return Ok(None) };
        let username = String::from_utf8_lossy(&name).into_owned();
        Ok(Some(DeviceOwner { username, ..owner.clone() }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        // The lock guards no data, so a poisoned one may be used.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceStore for KeychainStore {
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, StoreError>> {
        let owner = owner.clone();
        self.with(move |store| {
            let records = store.records(&owner)?;
            if !records.is_empty() {
                return Ok(records);
            }
            match store.named(&owner)? {
                Some(owner) => store.records(&owner),
                None => Ok(Vec::new()),
            }
        })
    }

    fn save<'a>(
        &'a self,
        record: &'a DeviceRecord,
        alias: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (record, alias) = (record.clone(), alias.to_owned());
        self.with(move |store| {
            let _turn = store.lock();
            let owner = record.owner.clone();
            let mut records = store.records(&owner)?;
            records.retain(|other| other.device_key != record.device_key);
            records.push(record);
            store.write_records(&owner, records)?;
            for name in [&owner.username, &alias] {
                write(&store.name_entry(&owner, name)?, owner.username.as_bytes())?;
            }
            Ok(())
        })
    }

    fn remove<'a>(
        &'a self,
        owner: &'a DeviceOwner,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (owner, device_key) = (owner.clone(), device_key.to_owned());
        self.with(move |store| {
            let _turn = store.lock();
            let mut records = store.records(&owner)?;
            let before = records.len();
            records.retain(|record| record.device_key != device_key);
            // An alias without records does no harm: it finds the owner's next record.
            if records.len() < before { store.write_records(&owner, records) } else { Ok(()) }
        })
    }

    fn take_device_turn<'a>(
        &'a self,
        device_key: &'a str,
    ) -> BoxFuture<'a, Result<Turn, StoreError>> {
        Box::pin(async { Ok(Turn::held(self.proving.take(device_key).await)) })
    }
}

impl fmt::Debug for KeychainStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeychainStore").field("service", &self.service).finish_non_exhaustive()
    }
}

fn read(entry: &Entry) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    match entry.get_secret() {
        Ok(secret) => Ok(Some(Zeroizing::new(secret))),
        Err(keyring_core::Error::NoEntry) => Ok(None),
        Err(error) => Err(failed("read", &error)),
    }
}

fn write(entry: &Entry, secret: &[u8]) -> Result<(), StoreError> {
    entry.set_secret(secret).map_err(|error| failed("write", &error))
}

fn delete(entry: &Entry) -> Result<(), StoreError> {
    match entry.delete_credential() {
        Ok(()) | Err(keyring_core::Error::NoEntry) => Ok(()),
        Err(error) => Err(failed("delete", &error)),
    }
}

/// Keeps only the error's text: the error itself can hold the entry's contents.
fn failed(what: &str, error: &keyring_core::Error) -> StoreError {
    StoreError::new(format!("cannot {what} an entry of the keychain: {error}"))
}
