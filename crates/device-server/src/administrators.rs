//! Who may call the administrators' operations.

use std::sync::Arc;

use axum::http::request::Parts;
use device_pool::ServiceError;
use device_wire::{ErrorCode, Operation};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::dev::{Dev, DevMode};
use crate::origins::Origins;
use crate::sigv4::{self, AccessKey};

/// Who may call the administrators' operations.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Administrators {
    /// No one: there is no key to sign with.
    #[default]
    Nobody,
    /// Anyone who signs with this key (AWS Signature Version 4).
    Signing(AccessKey),
    /// Anyone, signed or not, except foreign web pages. For your own machine only.
    Anyone(DevMode),
}

/// The name of whoever administrates in dev mode.
const DEV: &str = "dev";

/// An administrator who has proven to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrator {
    /// The id of the access key; `dev` if dev mode asks for none.
    pub key_id: String,
    /// What the key permits.
    pub role: Role,
}

/// What an administrator may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::exhaustive_enums, reason = "to look, or to change: there is no third")]
pub enum Role {
    /// May see everything and change nothing.
    ReadOnly,
    /// May do everything.
    Full,
}

impl Role {
    /// Whether it permits an operation.
    #[must_use]
    pub fn permits(self, operation: Operation) -> bool {
        const READS: [&str; 5] = ["AdminGet", "AdminList", "Describe", "Get", "List"];
        self == Self::Full || READS.iter().any(|verb| operation.name().starts_with(verb))
    }
}

/// The check for [`Administrators`].
pub(crate) enum AdminCheck {
    Nobody,
    Signature(AccessKey),
    Dev(Arc<Dev>),
}

impl AdminCheck {
    pub(crate) fn new(administrators: Administrators, origins: &Origins, public_url: &str) -> Self {
        match administrators {
            Administrators::Nobody => Self::Nobody,
            Administrators::Signing(key) => Self::Signature(key),
            Administrators::Anyone(mode) => {
                Self::Dev(Arc::new(Dev::new(mode, origins.clone(), public_url)))
            }
        }
    }

    /// The administrator of a request; refuses any other request. `now` is in milliseconds since
    /// the epoch.
    pub(crate) fn admit(
        &self,
        head: &Parts,
        body: &[u8],
        region: &str,
        now: i64,
    ) -> Result<Administrator, ServiceError> {
        let full = |key_id: &str| Administrator { key_id: key_id.to_owned(), role: Role::Full };
        match self {
            Self::Nobody => Err(ServiceError::new(
                ErrorCode::UnrecognizedClient,
                "This server has no administrators: it was started without an access key.",
            )),
            Self::Signature(key) => {
                sigv4::verify(head, body, key, region, now).map(|()| full(key.id()))
            }
            Self::Dev(dev) => dev.admit(&head.method, &head.headers).map(|()| full(DEV)),
        }
    }

    /// The administrator whose access key this is, if it is one.
    pub(crate) fn of_key(&self, id: &str, secret: &str) -> Option<Administrator> {
        match self {
            Self::Signature(key) if key.is(id, secret) => {
                Some(Administrator { key_id: key.id().to_owned(), role: Role::Full })
            }
            Self::Signature(_) | Self::Nobody | Self::Dev(_) => None,
        }
    }

    /// A key for one purpose that only holders of the access key can derive.
    pub(crate) fn derived_key(&self, purpose: &str) -> Option<Zeroizing<[u8; 32]>> {
        match self {
            Self::Signature(key) => Some(key.derive(purpose)),
            Self::Nobody | Self::Dev(_) => None,
        }
    }

    /// The id of the access key that a request claims to be signed with, for the log.
    ///
    /// An unknown id is given only if it looks like one: by mistake it could be a secret.
    pub(crate) fn claimed_key(&self, head: &Parts) -> Option<String> {
        let id = sigv4::claimed_key_id(&head.headers)?;
        let known = match self {
            Self::Signature(key) => key.id() == id,
            Self::Nobody => false,
            // Dev mode verifies no signature.
            Self::Dev(_) => return None,
        };
        let looks_like_one =
            id.len() <= 32 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        Some(if known || looks_like_one { id.to_owned() } else { "unreadable".to_owned() })
    }

    pub(crate) fn dev(&self) -> Option<&Arc<Dev>> {
        match self {
            Self::Dev(dev) => Some(dev),
            Self::Nobody | Self::Signature(_) => None,
        }
    }
}
