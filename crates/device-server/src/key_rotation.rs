//! The call that replaces keys now: `DeviceServer.RotateKeys` at `/access-keys`.

use serde::{Deserialize, Serialize};

/// The `X-Amz-Target` of the call that replaces keys. Its body is a [`RotateKeys`], its answer a
/// [`RotatedKeys`].
pub const ROTATE_KEYS_TARGET: &str = "DeviceServer.RotateKeys";

/// Which keys to replace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "keys", deny_unknown_fields)]
#[expect(clippy::exhaustive_enums, reason = "the members of a call, which its callers write")]
pub enum RotateKeys {
    /// The master key, which wraps the data keys.
    Master,
    /// The data keys, under which records are sealed.
    Data {
        /// The pool whose key it is; `None` for those of all pools and of the server.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<String>,
    },
    /// The key of a pool that seals sessions and links, and authenticates refresh tokens.
    Sealing {
        /// The pool whose key it is; `None` for all pools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<String>,
    },
    /// The keys that sign tokens.
    Signing {
        /// The pool whose keys they are; `None` for all pools.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pool: Option<String>,
    },
}

impl RotateKeys {
    /// What the keys are, as a person reads it.
    #[must_use]
    pub fn title(&self) -> String {
        let of = |pool: &Option<String>| pool.clone().unwrap_or_else(|| "all pools".to_owned());
        match self {
            Self::Master => "the master key".to_owned(),
            Self::Data { pool } => format!("data keys of {}", of(pool)),
            Self::Sealing { pool } => format!("sealing keys of {}", of(pool)),
            Self::Signing { pool } => format!("signing keys of {}", of(pool)),
        }
    }
}

/// What was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the answer to a call")]
pub struct RotatedKeys {
    /// The number of data keys, or of pools with new keys.
    pub rotated: usize,
}
