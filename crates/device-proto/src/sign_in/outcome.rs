//! The result of a sign-in.

use super::confirm::UnconfirmedDevice;
use crate::error::Error;
use crate::record::{DeviceRecord, DeviceStatus};
use crate::tokens::Tokens;

/// A completed sign-in.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// The session's tokens.
    pub tokens: Tokens,
    /// The user's internal name, which may differ from the typed one.
    pub username: String,
    /// The result for this device.
    pub device: DeviceOutcome,
}

/// The result of a sign-in for the device that it happened on.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeviceOutcome {
    /// The session has no device: the pool tracks none, or the flow gives none. Existing records
    /// stay.
    Untracked,
    /// The presented record is still valid and up to date. Save it if it changed.
    Known(DeviceRecord),
    /// The device is new, and the service now tracks it. Save the record before anything else.
    New {
        /// The record to save.
        record: DeviceRecord,
        /// What to ask the user.
        prompt: RememberPrompt,
    },
    /// The device is new, and confirming it failed. The sign-in succeeded, and confirming can be
    /// retried while the access token is valid.
    Unconfirmed {
        /// The device to confirm.
        device: UnconfirmedDevice,
        /// Why it failed.
        error: Error,
    },
}

/// The question to the user about a new device.
#[derive(Debug)]
#[non_exhaustive]
pub enum RememberPrompt {
    /// Nothing: the pool or the user has decided.
    Settled,
    /// Whether to remember it.
    Ask,
    /// The user had chosen to remember it, but the call failed. It can be retried.
    Failed(Error),
}

impl Outcome {
    /// The prompt after `UpdateDeviceStatus`.
    pub(super) fn remembered(
        tokens: Tokens,
        username: String,
        record: DeviceRecord,
        error: Option<Error>,
    ) -> Self {
        let (status, prompt) = match error {
            None => (DeviceStatus::Remembered, RememberPrompt::Settled),
            Some(error) => (DeviceStatus::NotRemembered, RememberPrompt::Failed(error)),
        };
        let device = DeviceOutcome::New { record: DeviceRecord { status, ..record }, prompt };
        Self { tokens, username, device }
    }
}
