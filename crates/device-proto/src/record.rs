//! The record that a device stores for its next sign-in.

use std::fmt;

use device_wire::Sensitive;
use device_wire::enums::DeviceRememberedStatusType;
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// A tracked device, with everything that the next sign-in needs.
///
/// Stores can serialize it. The result contains the device's password: anyone who reads it can act
/// as the device, but not as its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceRecord {
    /// The user that it belongs to.
    #[serde(flatten)]
    pub owner: DeviceOwner,
    /// The unique key that the service issued.
    pub device_key: String,
    /// The device's group, which is part of its proofs.
    pub group_key: String,
    /// The device's secret.
    pub password: Sensitive<String>,
    /// Whether it is remembered, as far as the device knows.
    pub status: DeviceStatus,
    /// The name that the user gave it.
    pub name: Option<String>,
    /// Secrets that were offered to the service and may have replaced `password`, the latest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) offered: Vec<OfferedSecret>,
}

/// A secret that was offered to the service in place of the present one.
///
/// The answer may be lost, so both are kept. The salt of the next challenge tells which one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OfferedSecret {
    /// The salt as challenges show it, in hexadecimal.
    pub(crate) salt: String,
    pub(crate) password: Sensitive<String>,
}

/// A request that was sent may still arrive after a later one, so the last few offers are kept.
const MAX_OFFERED: usize = 4;

impl DeviceRecord {
    /// Takes the offered secret of this salt in place of the present one, if there is one.
    pub(crate) fn settle(&mut self, salt: &str) {
        if let Some(at) = self.offered.iter().position(|offered| offered.salt == salt) {
            self.password = self.offered.swap_remove(at).password;
            self.offered.clear();
        }
    }

    /// Keeps a secret that is about to be offered.
    pub(crate) fn offer(&mut self, secret: OfferedSecret) {
        self.offered.push(secret);
        let surplus = self.offered.len().saturating_sub(MAX_OFFERED);
        self.offered.drain(..surplus);
    }

    /// Takes the secret that was offered last, which the service has accepted.
    pub(crate) fn accept_offer(&mut self) {
        if let Some(OfferedSecret { password, .. }) = self.offered.pop() {
            self.password = password;
            self.offered.clear();
        }
    }
}

/// The user that a device record belongs to.
///
/// The name is the one in the access token. Users may type an e-mail address, a phone number or
/// another letter case, so a store keeps an index from those names to this one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct DeviceOwner {
    /// The user pool.
    pub user_pool_id: String,
    /// The app client.
    pub client_id: String,
    /// The user's internal name.
    pub username: String,
}

impl DeviceOwner {
    /// The user with that internal name, at the app client of `config`.
    #[must_use]
    pub fn new(config: &Config, username: impl Into<String>) -> Self {
        Self {
            user_pool_id: config.user_pool_id().to_owned(),
            client_id: config.client_id().to_owned(),
            username: username.into(),
        }
    }
}

/// Whether a tracked device is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "a device is remembered or not; every caller would have to think about a third"
)]
pub enum DeviceStatus {
    /// It proves itself at each sign-in, and may replace the second factor.
    Remembered,
    /// The service only tracks it.
    NotRemembered,
}

impl From<DeviceStatus> for DeviceRememberedStatusType {
    fn from(status: DeviceStatus) -> Self {
        match status {
            DeviceStatus::Remembered => Self::Remembered,
            DeviceStatus::NotRemembered => Self::NotRemembered,
        }
    }
}

impl fmt::Display for DeviceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Remembered => "remembered",
            Self::NotRemembered => "not remembered",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offering(secrets: u8) -> DeviceRecord {
        let mut record = DeviceRecord {
            owner: DeviceOwner {
                user_pool_id: "eu_1".into(),
                client_id: "client".into(),
                username: "ada".into(),
            },
            device_key: "eu_2".into(),
            group_key: "-group".into(),
            password: "present".into(),
            status: DeviceStatus::Remembered,
            name: None,
            offered: Vec::new(),
        };
        for secret in 1..=secrets {
            record.offer(OfferedSecret {
                salt: format!("0{secret}"),
                password: format!("offered {secret}").into(),
            });
        }
        record
    }

    #[test]
    fn the_salt_tells_which_secret_counts() {
        for (salt, password, left) in
            [("ff", "present", 2), ("01", "offered 1", 0), ("02", "offered 2", 0)]
        {
            let mut record = offering(2);
            record.settle(salt);
            assert_eq!((record.password.as_str(), record.offered.len()), (password, left));
        }
    }

    #[test]
    fn an_accepted_offer_is_the_latest() {
        let mut record = offering(2);
        record.accept_offer();
        assert_eq!((record.password.as_str(), record.offered.len()), ("offered 2", 0));
    }

    #[test]
    fn the_last_four_offers_are_kept() {
        let record = offering(6);
        let salts: Vec<&str> = record.offered.iter().map(|offered| &*offered.salt).collect();
        assert_eq!(salts, ["03", "04", "05", "06"]);
    }

    #[test]
    fn a_record_without_offers_is_stored_as_before() {
        let stored = serde_json::to_value(offering(0)).unwrap();
        assert!(stored.get("offered").is_none());
        let read: DeviceRecord = serde_json::from_value(stored).unwrap();
        assert_eq!(read, offering(0));
    }
}
