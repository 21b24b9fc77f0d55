//! Challenges: the sign-in's questions to its user, with the client that continues it.

use device_proto::{
    Asked, AuthenticatorSetupPrompt, CodePrompt, CustomPrompt, DeviceRecord, MfaSetupPrompt,
    NewPasswordPrompt, SelectFactorPrompt, SelectMfaPrompt, ServiceError,
};
use device_wire::enums::ChallengeNameType;

use super::outcome::Warning;
use crate::client::DeviceAuth;
use crate::error::Error;

/// A question to the user. Each variant has its fitting answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Challenge {
    /// Asks for a code.
    Code(Pending<CodePrompt>),
    /// Asks which second factor to use.
    SelectMfa(Pending<SelectMfaPrompt>),
    /// Asks which first factor to use.
    SelectFactor(Pending<SelectFactorPrompt>),
    /// Asks for a new password.
    NewPassword(Pending<NewPasswordPrompt>),
    /// Asks the user to set up a second factor.
    MfaSetup(Pending<MfaSetupPrompt>),
    /// Shows the secret for an authenticator app, and asks for a first code from it.
    AuthenticatorSetup(Pending<AuthenticatorSetupPrompt>),
    /// Asks a custom question of the pool.
    Custom(Pending<CustomPrompt>),
}

/// A sign-in that waits for its user. Answering consumes it and continues the sign-in.
///
/// An answer fails as [`DeviceAuth::sign_in`] does, and the sign-in is then over. It is no failure
/// if a code or password was wrong and may be entered again: then the same challenge is returned
/// with a [`rejection`](Self::rejection).
#[derive(Debug)]
#[must_use = "the sign-in goes on with the answer"]
pub struct Pending<P> {
    pub(super) auth: DeviceAuth,
    pub(super) attempt: Box<Attempt>,
    pub(super) asked: Asked<P>,
}

/// The client's data of a running sign-in, besides its state.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The name as typed by the user.
    pub(super) alias: String,
    /// The record found under this name.
    pub(super) found: Option<DeviceRecord>,
    /// The user's internal name, if the service has sent it.
    pub(super) username: Option<String>,
    pub(super) warnings: Vec<Warning>,
}

impl Challenge {
    pub(super) fn new(
        auth: DeviceAuth,
        attempt: Box<Attempt>,
        asked: device_proto::Challenge,
    ) -> Result<Self, Error> {
        use device_proto::Challenge as Asked;
        Ok(match asked {
            Asked::Code(asked) => Self::Code(Pending { auth, attempt, asked }),
            Asked::SelectMfa(asked) => Self::SelectMfa(Pending { auth, attempt, asked }),
            Asked::SelectFactor(asked) => Self::SelectFactor(Pending { auth, attempt, asked }),
            Asked::NewPassword(asked) => Self::NewPassword(Pending { auth, attempt, asked }),
            Asked::MfaSetup(asked) => Self::MfaSetup(Pending { auth, attempt, asked }),
            Asked::AuthenticatorSetup(asked) => {
                Self::AuthenticatorSetup(Pending { auth, attempt, asked })
            }
            Asked::Custom(asked) => Self::Custom(Pending { auth, attempt, asked }),
            other => return Err(device_proto::Error::UnsupportedChallenge(other.name()).into()),
        })
    }

    /// The name of the challenge on the wire.
    #[must_use]
    pub fn name(&self) -> ChallengeNameType {
        match self {
            Self::Code(pending) => pending.asked.prompt().source.challenge(),
            Self::SelectMfa(_) => ChallengeNameType::SelectMfaType,
            Self::SelectFactor(_) => ChallengeNameType::SelectChallenge,
            Self::NewPassword(_) => ChallengeNameType::NewPasswordRequired,
            Self::MfaSetup(_) | Self::AuthenticatorSetup(_) => ChallengeNameType::MfaSetup,
            Self::Custom(_) => ChallengeNameType::CustomChallenge,
        }
    }
}

impl<P> Pending<P> {
    /// The details of the challenge.
    #[must_use]
    pub fn prompt(&self) -> &P {
        self.asked.prompt()
    }

    /// Why the previous answer was rejected, if the same challenge is repeated.
    #[must_use]
    pub fn rejection(&self) -> Option<&ServiceError> {
        self.asked.rejection()
    }

    /// Adds entries to the `ClientMetadata` that the pool's Lambda functions receive, from this
    /// answer on. An entry replaces an earlier one of the same name.
    pub fn with_client_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.asked = self.asked.with_client_metadata(entries);
        self
    }
}
