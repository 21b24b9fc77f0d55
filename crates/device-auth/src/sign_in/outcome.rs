//! The result of a sign-in.

use std::fmt;

use device_proto::{DeviceRecord, DeviceStatus};

use crate::error::Error;
use crate::session::Session;
use crate::store::StoreError;

/// A completed sign-in.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The device that the session belongs to.
    pub device: SessionDevice,
    /// Problems that did not fail the sign-in.
    pub warnings: Vec<Warning>,
}

/// The device that a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionDevice {
    /// No device.
    ///
    /// The pool tracks none, the kind of sign-in gives none, or confirming it failed.
    Untracked,
    /// The service tracks it.
    Tracked {
        /// Its key.
        key: String,
        /// Whether to ask the user about remembering it. True if it is new and the pool leaves that
        /// to the user.
        ask: bool,
    },
    /// It proves itself at each sign-in. If the pool allows it, it replaces the second factor.
    Remembered {
        /// Its key.
        key: String,
    },
}

/// A problem during a sign-in that succeeded.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning {
    /// The new device was not confirmed.
    /// [`DeviceAuth::confirm_device`](crate::DeviceAuth::confirm_device) tries again.
    DeviceNotConfirmed(Error),
    /// The device was not remembered although the user had chosen to.
    ///
    /// [`DeviceAuth::remember_device`](crate::DeviceAuth::remember_device) tries again.
    DeviceNotRemembered(Error),
    /// The device's record could not be saved. The next sign-in will treat the device as new.
    RecordNotSaved(StoreError),
    /// The record of a device that is no longer accepted could not be deleted. The next sign-in
    /// will try again.
    RecordNotDeleted(StoreError),
    /// The session could not be saved. After a restart the app will find no session, or an older
    /// one.
    SessionNotSaved(StoreError),
}

impl SignedIn {
    /// The key of the device that the session belongs to.
    #[must_use]
    pub fn device_key(&self) -> Option<&str> {
        self.device.key()
    }

    /// Whether to ask the user about remembering this device.
    #[must_use]
    pub fn should_ask_to_remember(&self) -> bool {
        matches!(self.device, SessionDevice::Tracked { ask: true, .. })
    }
}

impl SessionDevice {
    /// The key of the device.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Untracked => None,
            Self::Tracked { key, .. } | Self::Remembered { key } => Some(key),
        }
    }

    pub(crate) fn of(record: &DeviceRecord, ask: bool) -> Self {
        let key = record.device_key.clone();
        match record.status {
            DeviceStatus::Remembered => Self::Remembered { key },
            DeviceStatus::NotRemembered => Self::Tracked { key, ask },
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeviceNotConfirmed(error) => {
                write!(f, "this device was not confirmed, and may be later: {error}")
            }
            Self::DeviceNotRemembered(error) => {
                write!(f, "this device was not remembered, and may be later: {error}")
            }
            Self::RecordNotSaved(error) => {
                write!(f, "this device will be new at the next sign-in: {error}")
            }
            Self::RecordNotDeleted(error) => {
                write!(f, "the record of a device that is gone was not deleted: {error}")
            }
            Self::SessionNotSaved(error) => {
                write!(f, "the session will not outlive this process: {error}")
            }
        }
    }
}
