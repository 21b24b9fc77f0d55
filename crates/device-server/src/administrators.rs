//! Who may call the administrators' operations.

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::request::Parts;
use device_pool::ServiceError;
use device_pool::store::Store;
use device_wire::ErrorCode;
use zeroize::Zeroizing;

use crate::access_keys::KeyRing;
use crate::administrator::{Administrator, Role};
use crate::dev::{Dev, DevClock, DevMode};
use crate::origins::Origins;
use crate::sigv4::{self, AccessKey};

/// Who may call the administrators' operations.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Administrators {
    /// No one: there is no key to sign with.
    #[default]
    Nobody,
    /// Anyone who signs (AWS Signature Version 4) with this key, or with one that was added by it.
    Signing(AccessKey),
    /// Anyone, signed or not, except foreign web pages. For your own machine only.
    Anyone(DevMode),
}

/// The id that the administrator of dev mode has in place of an access key's.
const DEV: &str = "dev";

/// The administrator of dev mode: anyone.
pub(crate) fn developer() -> Administrator {
    Administrator::new(DEV, Role::Full)
}

/// The check for [`Administrators`].
pub(crate) enum AdminCheck {
    Nobody,
    Signature(RwLock<Arc<KeyRing>>),
    Dev(Arc<Dev>),
}

impl AdminCheck {
    /// `clock` is the service's, if anyone may administrate.
    pub(crate) fn new(
        administrators: Administrators,
        store: &Arc<dyn Store>,
        origins: &Origins,
        public_url: &str,
        clock: &Arc<DevClock>,
    ) -> Self {
        match administrators {
            Administrators::Nobody => Self::Nobody,
            Administrators::Signing(key) => {
                Self::Signature(RwLock::new(Arc::new(KeyRing::new(key, Arc::clone(store)))))
            }
            Administrators::Anyone(mode) => {
                Self::Dev(Arc::new(Dev::new(mode, origins.clone(), public_url, Arc::clone(clock))))
            }
        }
    }

    /// The administrator of a request; refuses any other request. `now` is in milliseconds since
    /// the epoch. Reads the store.
    pub(crate) fn admit(
        &self,
        head: &Parts,
        body: &[u8],
        region: &str,
        now: i64,
    ) -> Result<Administrator, ServiceError> {
        match self {
            Self::Nobody => Err(ServiceError::new(
                ErrorCode::UnrecognizedClient,
                "This server has no administrators: it was started without an access key.",
            )),
            Self::Signature(ring) => {
                let ring = current(ring);
                sigv4::verify(head, body, region, now, |key_id| ring.find(key_id, now))
            }
            Self::Dev(dev) => dev.admit(&head.method, &head.headers).map(|()| developer()),
        }
    }

    /// The holder of the access key with this id, while the key is good. Reads the store.
    pub(crate) fn holder(
        &self,
        key_id: &str,
        now: i64,
    ) -> Result<Option<Administrator>, ServiceError> {
        match self {
            Self::Nobody => Ok(None),
            Self::Signature(ring) => Ok(current(ring).find(key_id, now)?.map(|(_, holder)| holder)),
            Self::Dev(_) => Ok((key_id == DEV).then(developer)),
        }
    }

    /// The administrator whose access key this is, if it is one. Reads the store.
    pub(crate) fn of_key(
        &self,
        id: &str,
        secret: &str,
        now: i64,
    ) -> Result<Option<Administrator>, ServiceError> {
        let Some(ring) = self.ring() else { return Ok(None) };
        let found = ring.find(id, now)?;
        Ok(found.filter(|(key, _)| key.is(id, secret)).map(|(_, holder)| holder))
    }

    /// A key for one purpose that only holders of the server's own access key can derive.
    pub(crate) fn derived_key(&self, purpose: &str) -> Option<Zeroizing<[u8; 32]>> {
        self.ring().map(|ring| ring.own().derive(purpose))
    }

    /// The id of the access key that a request claims to be signed with, for the log.
    ///
    /// An unknown id is given only if it looks like one: by mistake it could be a secret.
    pub(crate) fn claimed_key(&self, head: &Parts) -> Option<String> {
        let id = sigv4::claimed_key_id(&head.headers)?;
        let known = match self {
            Self::Signature(ring) => current(ring).own().id() == id,
            Self::Nobody => false,
            // Dev mode verifies no signature.
            Self::Dev(_) => return None,
        };
        let looks_like_one =
            id.len() <= 32 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        Some(if known || looks_like_one { id.to_owned() } else { "unreadable".to_owned() })
    }

    /// Replaces the server's own key; `false` if it is the same, or nobody signs.
    pub(crate) fn replace_own(&self, key: AccessKey, store: &Arc<dyn Store>) -> bool {
        let Self::Signature(ring) = self else { return false };
        if current(ring).own().is_same(&key) {
            return false;
        }
        let new = Arc::new(KeyRing::new(key, Arc::clone(store)));
        *ring.write().unwrap_or_else(PoisonError::into_inner) = new;
        true
    }

    pub(crate) fn ring(&self) -> Option<Arc<KeyRing>> {
        match self {
            Self::Signature(ring) => Some(current(ring)),
            Self::Nobody | Self::Dev(_) => None,
        }
    }

    pub(crate) fn dev(&self) -> Option<&Arc<Dev>> {
        match self {
            Self::Dev(dev) => Some(dev),
            Self::Nobody | Self::Signature(_) => None,
        }
    }
}

fn current(ring: &RwLock<Arc<KeyRing>>) -> Arc<KeyRing> {
    Arc::clone(&ring.read().unwrap_or_else(PoisonError::into_inner))
}
