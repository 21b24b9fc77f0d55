//! Records in the operating system's keychain.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use device_http::BoxFuture;
use device_proto::{DeviceOwner, DeviceRecord};
use keyring_core::{CredentialStore, Entry};
use zeroize::Zeroizing;

use super::{DeviceStore, StoreError, roomy_buffer};

/// Keeps device records in the keychain of the operating system's user: Keychain on macOS, the
/// Credential Manager on Windows, the Secret Service elsewhere.
///
/// A record is one entry, and so is each name that leads to it. Two processes that change the
/// record of one user at the same time leave that of one of them. Sessions are not kept here: their
/// tokens are longer than an entry may be on Windows, and a keychain has no lock for processes to
/// [take turns](super::SessionStore::take_turn) by. [`FileStore`](super::FileStore) does both.
#[derive(Clone)]
pub struct KeychainStore {
    service: Arc<str>,
    keychain: Arc<CredentialStore>,
    /// Held while a record and the name that leads to it are written.
    writing: Arc<Mutex<()>>,
}

impl KeychainStore {
    /// The keychain of this platform, with entries under the name `service`: what the user sees
    /// there, such as the app's name.
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

    /// The same in another keychain: any that `keyring-core` knows to use.
    #[must_use]
    pub fn within(keychain: Arc<CredentialStore>, service: &str) -> Self {
        Self { service: service.into(), keychain, writing: Arc::default() }
    }

    /// Does what may wait for the user to unlock the keychain, where it blocks nobody.
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

    /// Names that differ in case alone can be two users'.
    fn device_entry(&self, owner: &DeviceOwner) -> Result<Entry, StoreError> {
        self.entry("device", owner, &owner.username)
    }

    /// A name leads to a record in any case.
    fn name_entry(&self, owner: &DeviceOwner, name: &str) -> Result<Entry, StoreError> {
        self.entry("name", owner, &name.to_lowercase())
    }

    fn record(&self, owner: &DeviceOwner) -> Result<Option<DeviceRecord>, StoreError> {
        let Some(json) = read(&self.device_entry(owner)?)? else { return Ok(None) };
        // The parser's own error is dropped: it can quote the entry.
        serde_json::from_slice(&json)
            .map(Some)
            .map_err(|_| StoreError::new("the keychain's entry is not a device record"))
    }

    /// The internal name that a typed one leads to.
    fn named(&self, owner: &DeviceOwner) -> Result<Option<DeviceOwner>, StoreError> {
        let Some(name) = read(&self.name_entry(owner, &owner.username)?)? else { return Ok(None) };
        let username = String::from_utf8_lossy(&name).into_owned();
        Ok(Some(DeviceOwner { username, ..owner.clone() }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        // It guards no data of its own.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeviceStore for KeychainStore {
    fn find<'a>(
        &'a self,
        owner: &'a DeviceOwner,
    ) -> BoxFuture<'a, Result<Option<DeviceRecord>, StoreError>> {
        let owner = owner.clone();
        self.with(move |store| match store.record(&owner)? {
            Some(record) => Ok(Some(record)),
            None => match store.named(&owner)? {
                Some(owner) => store.record(&owner),
                None => Ok(None),
            },
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
            let owner = &record.owner;
            let mut json = roomy_buffer();
            serde_json::to_writer(&mut *json, &record)
                .map_err(|error| StoreError::new("a record cannot be written").caused_by(error))?;
            write(&store.device_entry(owner)?, &json)?;
            for name in [&owner.username, &alias] {
                write(&store.name_entry(owner, name)?, owner.username.as_bytes())?;
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
            match store.record(&owner)? {
                // Names that lead nowhere are found again by whoever types them, and lead to the
                // next record.
                Some(record) if record.device_key == device_key => {
                    delete(&store.device_entry(&owner)?)
                }
                _ => Ok(()),
            }
        })
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

/// Its text alone is passed on: the error itself can hold what was in the entry.
fn failed(what: &str, error: &keyring_core::Error) -> StoreError {
    StoreError::new(format!("cannot {what} an entry of the keychain: {error}"))
}
