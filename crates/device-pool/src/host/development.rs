//! What only development needs: chosen codes and ids, and the passwords of a seed.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use device_wire::Sensitive;

/// The tag that chooses the id of a new pool, where that is permitted.
pub(crate) const CHOSEN_POOL_ID: &str = "_custom_id_";

/// The start of an app client's name that chooses its id, where that is permitted.
pub const CHOSEN_CLIENT_ID: &str = "_custom_id_:";

/// Settings and passwords of development. In production nothing of it is set.
#[derive(Default)]
pub(crate) struct Development {
    /// The code that is sent to users instead of a random one.
    pub(crate) code: Option<Sensitive<String>>,
    /// Whether callers may choose the ids of new pools and clients.
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

    /// Drops the passwords of these salts: their verifiers are stored.
    pub(crate) fn drop_passwords(&self, salts: &[String]) {
        if salts.is_empty() {
            return;
        }
        let mut held = self.passwords.write().unwrap_or_else(PoisonError::into_inner);
        for salt in salts {
            held.remove(salt);
        }
    }

    /// Takes all passwords that are held.
    pub(crate) fn take_passwords(&self) -> HashMap<String, Sensitive<String>> {
        std::mem::take(&mut *self.passwords.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Holds exactly these passwords again.
    pub(crate) fn restore_passwords(&self, passwords: HashMap<String, Sensitive<String>>) {
        *self.passwords.write().unwrap_or_else(PoisonError::into_inner) = passwords;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passwords_of_stored_verifiers_are_dropped() {
        let development = Development::default();
        development.hold("a", "one".into());
        development.hold("b", "two".into());
        development.drop_passwords(&["a".to_owned()]);
        assert!(development.held("a").is_none() && development.held("b").is_some());
        let held = development.take_passwords();
        assert!(development.held("b").is_none());
        development.restore_passwords(held);
        assert!(development.held("b").is_some());
    }
}
