//! The service's questions to the user.

use std::collections::BTreeMap;

use device_wire::enums::ChallengeNameType;
use device_wire::{ErrorCode, Sensitive, param};

use super::reply::AuthReply;
use crate::error::{Error, ServiceError};

/// A code that the user must enter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CodePrompt {
    /// Where the user finds it.
    pub source: CodeSource,
    /// Where the service sent it, masked, such as `a***@e***`. Absent for an authenticator app.
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

impl CodeSource {
    /// The name of the challenge on the wire.
    #[must_use]
    pub fn challenge(self) -> ChallengeNameType {
        match self {
            Self::Authenticator => ChallengeNameType::SoftwareTokenMfa,
            Self::Sms => ChallengeNameType::SmsMfa,
            Self::SmsFirstFactor => ChallengeNameType::SmsOtp,
            Self::Email => ChallengeNameType::EmailOtp,
        }
    }

    /// The parameter that holds the code.
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Self::Authenticator => param::SOFTWARE_TOKEN_MFA_CODE,
            Self::Sms => param::SMS_MFA_CODE,
            Self::SmsFirstFactor => param::SMS_OTP_CODE,
            Self::Email => param::EMAIL_OTP_CODE,
        }
    }
}

/// A choice between second factors (`SELECT_MFA_TYPE`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelectMfaPrompt {
    /// The available factors.
    pub options: Vec<ChallengeNameType>,
}

/// A choice between first factors (`SELECT_CHALLENGE`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SelectFactorPrompt {
    /// The available factors.
    pub options: Vec<ChallengeNameType>,
}

/// A new password, which replaces a temporary one (`NEW_PASSWORD_REQUIRED`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewPasswordPrompt {
    /// The user's current attributes.
    pub attributes: Sensitive<BTreeMap<String, String>>,
    /// The names of the attributes that must be set with the password.
    pub required: Vec<String>,
}

/// A second factor to set up before the sign-in can continue (`MFA_SETUP`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MfaSetupPrompt {
    /// The kinds that the pool offers. `SOFTWARE_TOKEN_MFA` and `EMAIL_OTP` can be set up here. For
    /// `SMS_MFA` the user first needs a phone number, and then a new sign-in. If the service lists
    /// none, try an authenticator app.
    pub options: Vec<ChallengeNameType>,
}

/// The first code from an authenticator app during its setup.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticatorSetupPrompt {
    /// The secret for the app, in base32.
    pub secret_code: Sensitive<String>,
}

/// A custom question of the pool (`CUSTOM_CHALLENGE`).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CustomPrompt {
    /// The challenge's public parameters, by name.
    pub parameters: Sensitive<BTreeMap<String, String>>,
}

/// A prompt of any kind, while its answer is being checked.
#[derive(Debug)]
pub(super) enum Prompt {
    Code(CodePrompt),
    SelectMfa(SelectMfaPrompt),
    SelectFactor(SelectFactorPrompt),
    NewPassword(NewPasswordPrompt),
    MfaSetup(MfaSetupPrompt),
    Custom(CustomPrompt),
}

impl Prompt {
    /// Reads the prompt in a reply.
    pub(super) fn read(reply: &AuthReply) -> Result<Self, Error> {
        use ChallengeNameType as Name;
        let code = |source| {
            Self::Code(CodePrompt {
                source,
                destination: reply.parameter(param::CODE_DELIVERY_DESTINATION).map(str::to_owned),
                authenticator_name: reply.parameter(param::FRIENDLY_DEVICE_NAME).map(str::to_owned),
            })
        };
        Ok(match &reply.challenge {
            Some(Name::SoftwareTokenMfa) => code(CodeSource::Authenticator),
            Some(Name::SmsMfa) => code(CodeSource::Sms),
            Some(Name::SmsOtp) => code(CodeSource::SmsFirstFactor),
            Some(Name::EmailOtp) => code(CodeSource::Email),
            Some(Name::SelectMfaType) => Self::SelectMfa(SelectMfaPrompt {
                options: reply.challenges(param::MFAS_CAN_CHOOSE),
            }),
            Some(Name::SelectChallenge) => {
                Self::SelectFactor(SelectFactorPrompt { options: reply.available.clone() })
            }
            Some(Name::NewPasswordRequired) => Self::NewPassword(NewPasswordPrompt {
                attributes: reply.attributes(),
                required: reply
                    .list(param::REQUIRED_ATTRIBUTES)
                    .into_iter()
                    .map(|name| {
                        name.strip_prefix(param::USER_ATTRIBUTES_PREFIX).unwrap_or(&name).to_owned()
                    })
                    .collect(),
            }),
            Some(name @ Name::MfaSetup) => {
                let options = reply.challenges(param::MFAS_CAN_SETUP);
                let possible =
                    |kind: &Name| matches!(kind, Name::SoftwareTokenMfa | Name::EmailOtp);
                if !options.is_empty() && !options.iter().any(possible) {
                    return Err(Error::UnsupportedChallenge(name.clone()));
                }
                Self::MfaSetup(MfaSetupPrompt { options })
            }
            Some(Name::CustomChallenge) => {
                Self::Custom(CustomPrompt { parameters: reply.parameters.clone() })
            }
            Some(
                name
                @ (Name::PasswordVerifier | Name::DeviceSrpAuth | Name::DevicePasswordVerifier),
            ) => {
                return Err(Error::UnexpectedChallenge(name.clone()));
            }
            Some(name) => return Err(Error::UnsupportedChallenge(name.clone())),
            None => {
                return Err(Error::malformed(
                    reply.operation,
                    "it has neither a challenge nor tokens",
                ));
            }
        })
    }

    /// Whether the user may answer again in the same session.
    pub(super) fn stays_open_after(&self, error: &ServiceError) -> bool {
        if error.is_throttled() {
            return true;
        }
        match self {
            Self::Code(_) | Self::Custom(_) => is_wrong_code(error),
            Self::NewPassword(_) => matches!(
                error.code(),
                ErrorCode::InvalidPassword
                    | ErrorCode::PasswordHistoryPolicyViolation
                    | ErrorCode::InvalidParameter
            ),
            Self::SelectMfa(_) | Self::SelectFactor(_) => {
                matches!(
                    error.code(),
                    ErrorCode::MfaMethodNotFound | ErrorCode::SoftwareTokenMfaNotFound
                )
            }
            // The user mistyped the address.
            Self::MfaSetup(_) => *error.code() == ErrorCode::InvalidParameter,
        }
    }
}

/// Whether a code was mistyped, used before, or of another period. Another code may be right.
pub(super) fn is_wrong_code(error: &ServiceError) -> bool {
    matches!(
        error.code(),
        ErrorCode::CodeMismatch | ErrorCode::ExpiredCode | ErrorCode::EnableSoftwareTokenMfa
    )
}
