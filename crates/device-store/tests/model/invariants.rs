//! What must hold whatever answer the model expects, checked on the answers of the engines.
//!
//! Nothing is accepted twice, no device comes back that was forgotten by a call or with its user,
//! and no second factor is skipped but for a remembered device. The pool's settings and whether a
//! factor is due are the model's. Devices that are forgotten since they are idle or too many are
//! left to the model.

use std::collections::BTreeSet;

use crate::rules::{Mfa, Policy};

/// What was used up or forgotten.
#[derive(Default)]
pub(crate) struct Invariants {
    spent: BTreeSet<String>,
    forgotten: BTreeSet<String>,
    /// The devices whose last known status is that they are remembered.
    remembered: BTreeSet<String>,
}

impl Invariants {
    /// Notes that a session, a secret block or a code was accepted, which must be the first time.
    pub(crate) fn spend(&mut self, once: &str) {
        assert!(self.spent.insert(once.to_owned()), "accepted twice: {once}");
    }

    /// Notes a device's status.
    pub(crate) fn set_status(&mut self, key: &str, remembered: bool) {
        self.is_there(key);
        if remembered {
            self.remembered.insert(key.to_owned());
        } else {
            self.remembered.remove(key);
        }
    }

    /// Notes that a device was forgotten.
    pub(crate) fn forget(&mut self, key: &str) {
        self.is_there(key);
        self.remembered.remove(key);
        self.forgotten.insert(key.to_owned());
    }

    /// Notes that a user was deleted, with all device keys that were issued to that user.
    pub(crate) fn delete<'k>(&mut self, keys: impl Iterator<Item = &'k str>) {
        for key in keys {
            self.remembered.remove(key);
            self.forgotten.insert(key.to_owned());
        }
    }

    /// Notes that an answer is about a device, which must not have been forgotten before.
    pub(crate) fn is_there(&self, key: &str) {
        assert!(!self.forgotten.contains(key), "a forgotten device came back: {key}");
    }

    /// Checks the tokens of a sign-in: a second factor is skipped only if a remembered device was
    /// proven in a pool that permits it.
    pub(crate) fn check_tokens(
        &self,
        policy: &Policy,
        is_mfa_due: bool,
        device: Option<&str>,
        proofs: &[&str],
    ) {
        assert!(proofs.contains(&"pwd"), "tokens without a password: {proofs:?}");
        if policy.tracking.is_some()
            && let Some(device) = device
        {
            self.is_there(device);
        }
        if policy.mfa == Mfa::Off || !is_mfa_due || proofs.contains(&"otp") {
            return;
        }
        let device = device.filter(|device| self.remembered.contains(*device));
        assert!(
            policy.tracking.is_some_and(|tracking| tracking.replaces_mfa)
                && proofs.contains(&"dev")
                && device.is_some(),
            "a second factor was skipped: {proofs:?}, device {device:?}, {policy:?}"
        );
    }
}
