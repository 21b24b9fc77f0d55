//! The second factors: which ones a user has, and which are switched on.

use device_wire::enums::ChallengeNameType;
use serde::{Deserialize, Serialize};

use crate::host::message::Medium;

/// A kind of second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Factor {
    Sms,
    SoftwareToken,
    Email,
}

impl Factor {
    pub(crate) const ALL: [Self; 3] = [Self::Sms, Self::SoftwareToken, Self::Email];

    /// Its challenge; the same name stands in `UserMFASettingList` and in the lists to choose from.
    pub(crate) const fn challenge(self) -> ChallengeNameType {
        match self {
            Self::Sms => ChallengeNameType::SmsMfa,
            Self::SoftwareToken => ChallengeNameType::SoftwareTokenMfa,
            Self::Email => ChallengeNameType::EmailOtp,
        }
    }

    pub(crate) fn of_challenge(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|factor| factor.challenge().as_str() == name)
    }

    /// What the audit trail calls it.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Sms => "code by SMS",
            Self::SoftwareToken => "software token",
            Self::Email => "code by e-mail",
        }
    }

    /// How its code goes to the user, where it is sent.
    pub(crate) const fn medium(self) -> Option<Medium> {
        match self {
            Self::Sms => Some(Medium::Sms),
            Self::SoftwareToken => None,
            Self::Email => Some(Medium::Email),
        }
    }

    /// Names of factors as a list in JSON without spaces, as challenges show it.
    pub(crate) fn list(factors: &[Self]) -> String {
        let names: Vec<_> =
            factors.iter().map(|factor| factor.challenge().as_str().to_owned()).collect();
        serde_json::Value::from(names).to_string()
    }
}

/// What the user chose for second factors.
///
/// Reading it takes the same time for every choice, so that a sign-in's start does not tell it.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(from = "StoredPreference")]
pub(crate) struct MfaPreference {
    sms: bool,
    software_token: bool,
    email: bool,
    pub(crate) preferred: Option<Factor>,
}

impl MfaPreference {
    pub(crate) fn switch(&mut self, factor: Factor, on: bool) {
        match factor {
            Factor::Sms => self.sms = on,
            Factor::SoftwareToken => self.software_token = on,
            Factor::Email => self.email = on,
        }
        self.preferred = self.preferred.filter(|preferred| self.is_enabled(*preferred));
    }

    pub(crate) const fn is_enabled(&self, factor: Factor) -> bool {
        match factor {
            Factor::Sms => self.sms,
            Factor::SoftwareToken => self.software_token,
            Factor::Email => self.email,
        }
    }
}

/// A preference as stored, by this release or an earlier one.
#[derive(Deserialize)]
struct StoredPreference {
    #[serde(default)]
    sms: bool,
    #[serde(default)]
    software_token: bool,
    #[serde(default)]
    email: bool,
    /// The list of earlier releases.
    #[serde(default)]
    enabled: Vec<Factor>,
    preferred: Option<Factor>,
}

impl From<StoredPreference> for MfaPreference {
    fn from(stored: StoredPreference) -> Self {
        let StoredPreference { sms, software_token, email, enabled, preferred } = stored;
        let mut preference = Self { sms, software_token, email, preferred };
        enabled.into_iter().for_each(|factor| preference.switch(factor, true));
        preference.preferred = preferred;
        preference
    }
}
