//! What only development needs: codes and ids of one's choice, and passwords of a seed.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use device_wire::Sensitive;

/// Settings and passwords of development. In production nothing of it is set.
#[derive(Default)]
pub(crate) struct Development {
    /// The code that users are sent instead of a random one.
    pub(crate) code: Option<Sensitive<String>>,
    /// Whether pools and clients may be created with ids of the caller's choice.
    pub(crate) chosen_ids: bool,
    /// Passwords of a seed whose verifiers are not computed yet, by salt.
    passwords: RwLock<HashMap<String, Sensitive<String>>>,
}

impl Development {
    /// Holds a password until its verifier is computed.
    pub(crate) fn hold(&self, salt: &str, password: Sensitive<String>) {
        let mut held = self.passwords.write().unwrap_or_else(PoisonError::into_inner);
        held.insert(salt.to_owned(), password);
    }

    /// The password that is held for `salt`.
    pub(crate) fn held(&self, salt: &str) -> Option<Sensitive<String>> {
        let held = self.passwords.read().unwrap_or_else(PoisonError::into_inner);
        held.get(salt).cloned()
    }

    /// Drops all passwords that are held.
    pub(crate) fn forget_passwords(&self) {
        self.passwords.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
