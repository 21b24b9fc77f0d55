//! The second factors of a user, and whether one is required.

use device_wire::enums::UserPoolMfaType;
use device_wire::{ErrorCode, Sensitive};

use crate::command::context::Context;
use crate::crypto::totp::SoftwareToken;
use crate::error::ServiceError;
use crate::records::address::Address;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::factor::Factor;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_token::UserToken;
use crate::records::whose::Whose;

impl Factor {
    /// Whether the pool offers this factor.
    pub(crate) const fn is_offered(self, pool: &Pool) -> bool {
        match self {
            Self::Sms => pool.mfa.sms.is_some(),
            Self::SoftwareToken => pool.mfa.software_token,
            Self::Email => pool.mfa.email.is_some(),
        }
    }
}

/// Refuses to associate or verify a software token in a pool that offers none.
pub(crate) fn check_software_tokens(pool: &Pool) -> Result<(), ServiceError> {
    if Factor::SoftwareToken.is_offered(pool) {
        return Ok(());
    }
    Err(ServiceError::new(
        ErrorCode::SoftwareTokenMfaNotFound,
        "Software Token MFA has not been enabled by the userPool",
    ))
}

impl User {
    /// Whether the user could answer a challenge for this factor.
    pub(crate) fn has(&self, factor: Factor) -> bool {
        match factor.medium() {
            None => self.has_software_token(),
            Some(medium) => Address::of(self, medium).is_some(),
        }
    }

    /// The second factors that the pool offers and the user has enabled.
    ///
    /// If the pool requires one and the user has enabled none, those that the user could answer. A
    /// verified software token counts even if the pool no longer offers them: with the service,
    /// users keep theirs.
    pub(crate) fn second_factors(&self, pool: &Pool) -> Vec<Factor> {
        let possible = move || {
            let counts = |factor: &Factor| match factor {
                Factor::SoftwareToken => true,
                Factor::Sms | Factor::Email => factor.is_offered(pool),
            };
            Factor::ALL.into_iter().filter(|factor| self.has(*factor)).filter(counts)
        };
        let enabled: Vec<Factor> =
            possible().filter(|factor| self.mfa.is_enabled(*factor)).collect();
        match pool.mfa_mode() {
            UserPoolMfaType::On if enabled.is_empty() => possible().collect(),
            UserPoolMfaType::On | UserPoolMfaType::Optional => enabled,
            _ => Vec::new(),
        }
    }

    /// Whether the settings of pool and user require a second factor at sign-in.
    pub(crate) fn mfa_due(&self, pool: &Pool) -> bool {
        match pool.mfa_mode() {
            UserPoolMfaType::On => true,
            UserPoolMfaType::Optional => !self.second_factors(pool).is_empty(),
            _ => false,
        }
    }

    /// The enabled second factors, under the names of `UserMFASettingList`.
    pub(crate) fn mfa_settings(&self) -> Option<Vec<String>> {
        let enabled = Factor::ALL.into_iter().filter(|factor| self.mfa.is_enabled(*factor));
        let names: Vec<_> = enabled.map(|factor| factor.challenge().as_str().to_owned()).collect();
        (!names.is_empty()).then_some(names)
    }

    pub(crate) fn preferred_mfa(&self) -> Option<String> {
        self.mfa.preferred.map(|factor| factor.challenge().as_str().to_owned())
    }
    /// Enrols a software token if `code` is right; a wrong code counts as a failed attempt.
    pub(crate) fn enrol_token(
        &mut self,
        cx: &mut Context<'_, '_>,
        secret: Sensitive<String>,
        code: &str,
        name: Option<String>,
    ) -> Result<(), ServiceError> {
        let attempts = Attempts::permit(cx, Whose::user(self), Attempt::MfaCode, None)?;
        let Some(token) = SoftwareToken::enrol(secret, code, cx.now(), name) else {
            attempts.failed(cx)?;
            return Err(ServiceError::new(ErrorCode::EnableSoftwareTokenMfa, "Code mismatch"));
        };
        attempts.succeeded(cx);
        UserToken::of(cx, self)?.enrol(cx, token)?;
        self.has_token = true;
        self.modified = cx.now();
        Ok(())
    }
}
