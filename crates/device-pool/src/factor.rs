//! The second factors: which ones a user has, and which are switched on.

use std::collections::BTreeSet;

use device_wire::{ChallengeNameType, UserPoolMfaType};
use serde::{Deserialize, Serialize};

use crate::delivery::Address;
use crate::message::Medium;
use crate::pool::Pool;
use crate::user::User;

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

    /// Whether the pool offers it.
    pub(crate) const fn is_offered(self, pool: &Pool) -> bool {
        match self {
            Self::Sms => pool.mfa.sms.is_some(),
            Self::SoftwareToken => pool.mfa.software_token,
            Self::Email => pool.mfa.email.is_some(),
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
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct MfaPreference {
    pub(crate) enabled: BTreeSet<Factor>,
    pub(crate) preferred: Option<Factor>,
}

impl MfaPreference {
    pub(crate) fn switch(&mut self, factor: Factor, on: bool) {
        if on {
            self.enabled.insert(factor);
        } else {
            self.enabled.remove(&factor);
        }
        self.preferred = self.preferred.filter(|preferred| self.enabled.contains(preferred));
    }
}

impl User {
    /// Whether the user could answer a challenge of this factor.
    pub(crate) fn has(&self, factor: Factor) -> bool {
        match factor.medium() {
            None => self.software_token.is_some(),
            Some(medium) => Address::of(self, medium).is_some(),
        }
    }

    /// The second factors that the pool offers and the user has switched on; where the pool
    /// requires one and none is switched on, those that the user could answer.
    pub(crate) fn second_factors(&self, pool: &Pool) -> Vec<Factor> {
        let possible = || {
            Factor::ALL.into_iter().filter(|factor| factor.is_offered(pool) && self.has(*factor))
        };
        let enabled: Vec<Factor> =
            possible().filter(|factor| self.mfa.enabled.contains(factor)).collect();
        match pool.mfa_mode() {
            UserPoolMfaType::On if enabled.is_empty() => possible().collect(),
            UserPoolMfaType::On | UserPoolMfaType::Optional => enabled,
            _ => Vec::new(),
        }
    }

    /// Whether the pool and the user between them ask for a second factor at sign-in.
    pub(crate) fn mfa_due(&self, pool: &Pool) -> bool {
        match pool.mfa_mode() {
            UserPoolMfaType::On => true,
            UserPoolMfaType::Optional => !self.second_factors(pool).is_empty(),
            _ => false,
        }
    }

    /// The second factors that are switched on, under the names that `UserMFASettingList` uses.
    pub(crate) fn mfa_settings(&self) -> Option<Vec<String>> {
        let enabled = &self.mfa.enabled;
        let names =
            || enabled.iter().map(|factor| factor.challenge().as_str().to_owned()).collect();
        (!enabled.is_empty()).then(names)
    }

    pub(crate) fn preferred_mfa(&self) -> Option<String> {
        self.mfa.preferred.map(|factor| factor.challenge().as_str().to_owned())
    }
}
