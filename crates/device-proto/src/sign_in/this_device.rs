//! The device on which a sign-in happens.

use crate::record::DeviceRecord;

/// The device at the start of a sign-in: its record, its name, and the user's choice.
#[derive(Debug, Default)]
pub struct ThisDevice {
    pub(super) record: Option<DeviceRecord>,
    pub(super) name: Option<String>,
    pub(super) remember: RememberChoice,
    pub(super) second_factor: SecondFactor,
}

/// Whether a remembered device may replace the second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SecondFactor {
    /// If the pool allows it.
    #[default]
    UnlessRemembered,
    /// Never: the device is not presented, and no new one is registered. If the user and the pool
    /// have MFA, it is asked for.
    Always,
}

/// Whether to remember a new device, if the pool lets the user choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RememberChoice {
    /// The user was not asked yet: the outcome says whether to ask.
    #[default]
    Ask,
    /// The user wants it remembered.
    Remember,
    /// The user does not want it remembered.
    DoNotRemember,
}

impl ThisDevice {
    /// A device without a record: the service has not seen it with this user.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the name of a new device, by which users distinguish their devices.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets whether a new device is remembered, if the pool lets the user choose.
    #[must_use]
    pub fn remember(mut self, choice: RememberChoice) -> Self {
        self.remember = choice;
        self
    }

    /// Sets whether the device may replace the second factor.
    #[must_use]
    pub fn second_factor(mut self, second_factor: SecondFactor) -> Self {
        self.second_factor = second_factor;
        self
    }

    /// Sets the record of an earlier sign-in, as found under the typed name.
    #[must_use]
    pub fn with_record(mut self, record: Option<DeviceRecord>) -> Self {
        self.record = record;
        self
    }
}

impl From<Option<DeviceRecord>> for ThisDevice {
    fn from(record: Option<DeviceRecord>) -> Self {
        Self::new().with_record(record)
    }
}
