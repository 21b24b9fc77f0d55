//! What a device keeps of itself.

use std::fmt;

use device_wire::{DeviceRememberedStatusType, Sensitive};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// A device that the service tracks, as the device itself knows it: everything that the next
/// sign-in needs.
///
/// It serializes, for stores. What comes out holds the device's password: whoever reads it can pose
/// as the device (though not as its user).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeviceRecord {
    /// Whose device it is, and where.
    #[serde(flatten)]
    pub owner: DeviceOwner,
    /// The name that the service gave to the device.
    pub device_key: String,
    /// The group that the device proves itself in.
    pub group_key: String,
    /// The secret of the device.
    pub password: Sensitive<String>,
    /// Whether its user wants it remembered, as far as this device knows.
    pub status: DeviceStatus,
    /// The name that a person gave to it.
    pub name: Option<String>,
}

/// What a device record is kept under.
///
/// The name is the one that the access token carries. What a user types may be an e-mail address, a
/// phone number, or another case, so a store keeps an index from those to this.
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
    /// That user of that app client.
    #[must_use]
    pub fn new(config: &Config, username: impl Into<String>) -> Self {
        Self {
            user_pool_id: config.user_pool_id().to_owned(),
            client_id: config.client_id().to_owned(),
            username: username.into(),
        }
    }
}

/// Whether a tracked device stands in for its user's second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "the service remembers a device or does not; a third would be for every caller to \
              think about"
)]
pub enum DeviceStatus {
    /// It proves itself at each sign-in.
    Remembered,
    /// It is only known to the service.
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
