//! What the service asks of the user.

use std::collections::BTreeMap;

use device_wire::{ChallengeNameType, Sensitive};

/// A code that the user reads somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodePrompt {
    /// Where the user reads it.
    pub source: CodeSource,
    /// Where the service sent it, masked, such as `a***@e***`; absent for an authenticator app.
    pub destination: Option<String>,
    /// The name that the user gave to the authenticator app.
    pub authenticator_name: Option<String>,
}

/// Where a code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodeSource {
    /// An authenticator app (`SOFTWARE_TOKEN_MFA`).
    Authenticator,
    /// A text message, as second factor (`SMS_MFA`).
    Sms,
    /// A text message, as first factor (`SMS_OTP`).
    SmsFirstFactor,
    /// An e-mail (`EMAIL_OTP`).
    Email,
}

/// A choice between second factors (`SELECT_MFA_TYPE`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelectMfaPrompt {
    /// The factors on offer.
    pub options: Vec<ChallengeNameType>,
}

/// A choice between first factors (`SELECT_CHALLENGE`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelectFactorPrompt {
    /// The factors on offer.
    pub options: Vec<ChallengeNameType>,
}

/// A password to replace a temporary one (`NEW_PASSWORD_REQUIRED`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewPasswordPrompt {
    /// The user's attributes so far.
    pub attributes: Sensitive<BTreeMap<String, String>>,
    /// The attributes that have to come with the password, by name.
    pub required: Vec<String>,
}

/// A second factor to set up before the sign-in goes on (`MFA_SETUP`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MfaSetupPrompt {
    /// The kinds that the pool has. `SOFTWARE_TOKEN_MFA` and `EMAIL_OTP` can be set up here; for
    /// `SMS_MFA` the user has to be given a phone number first, and to sign in again. Where the
    /// service names none, an authenticator app is what there is to try.
    pub options: Vec<ChallengeNameType>,
}

/// A first code from an authenticator app that is being set up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticatorSetupPrompt {
    /// The secret to give to the app, base32.
    pub secret_code: Sensitive<String>,
}

/// A question of the pool's own making (`CUSTOM_CHALLENGE`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CustomPrompt {
    /// What the pool says about it.
    pub parameters: Sensitive<BTreeMap<String, String>>,
}
