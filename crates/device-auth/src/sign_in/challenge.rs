//! A challenge: what the sign-in asks of its user, with the client to go on with.

use device_proto::{
    Asked, AuthenticatorSetupPrompt, CodePrompt, CustomPrompt, DeviceRecord, MfaSetupPrompt,
    NewPasswordPrompt, SelectFactorPrompt, SelectMfaPrompt, ServiceError,
};
use device_wire::enums::ChallengeNameType;

use super::outcome::Warning;
use crate::client::DeviceAuth;
use crate::error::Error;

/// What the service asks of the user. Each variant has the answers that fit it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Challenge {
    /// A code.
    Code(Pending<CodePrompt>),
    /// Which second factor to use.
    SelectMfa(Pending<SelectMfaPrompt>),
    /// Which first factor to use.
    SelectFactor(Pending<SelectFactorPrompt>),
    /// A new password.
    NewPassword(Pending<NewPasswordPrompt>),
    /// A second factor has to be set up.
    MfaSetup(Pending<MfaSetupPrompt>),
    /// A secret for an authenticator app, and a first code from it.
    AuthenticatorSetup(Pending<AuthenticatorSetupPrompt>),
    /// A question of the pool's own.
    Custom(Pending<CustomPrompt>),
}

/// A sign-in that waits for its user. Answering consumes it and goes on with the sign-in.
///
/// An answer fails as [`DeviceAuth::sign_in`] does, and then the sign-in is over. If a code or
/// password was not accepted and may be given again, that is no failure: the same challenge comes
/// back with a [`rejection`](Self::rejection).
#[derive(Debug)]
#[must_use = "the sign-in goes on with the answer"]
pub struct Pending<P> {
    pub(super) auth: DeviceAuth,
    pub(super) attempt: Box<Attempt>,
    pub(super) asked: Asked<P>,
}

/// What the client knows of a sign-in under way, beside its state.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The name as typed by the user.
    pub(super) alias: String,
    /// The record that this name led to.
    pub(super) found: Option<DeviceRecord>,
    /// The user's internal name, if the service was asked to tell it.
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
    /// What is asked.
    #[must_use]
    pub fn prompt(&self) -> &P {
        self.asked.prompt()
    }

    /// Why the previous answer was not accepted, if the same is asked again.
    #[must_use]
    pub fn rejection(&self) -> Option<&ServiceError> {
        self.asked.rejection()
    }

    /// Adds to what the pool's Lambda functions are told (`ClientMetadata`), from this answer on.
    /// An entry replaces an earlier one of the same name.
    pub fn with_client_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.asked = self.asked.with_client_metadata(entries);
        self
    }
}
