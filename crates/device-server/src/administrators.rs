//! Who may call the administrators' operations.

use std::sync::Arc;

use axum::http::request::Parts;
use device_pool::ServiceError;
use device_wire::ErrorCode;

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

    /// Refuses a request that is not from an administrator. `now` is in milliseconds since the
    /// epoch.
    pub(crate) fn admit(
        &self,
        head: &Parts,
        body: &[u8],
        region: &str,
        now: i64,
    ) -> Result<(), ServiceError> {
        match self {
            Self::Nobody => Err(ServiceError::new(
                ErrorCode::UnrecognizedClient,
                "This server has no administrators: it was started without an access key.",
            )),
            Self::Signature(key) => sigv4::verify(head, body, key, region, now),
            Self::Dev(dev) => dev.admit(&head.method, &head.headers),
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
