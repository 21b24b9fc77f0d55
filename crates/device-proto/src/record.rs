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
