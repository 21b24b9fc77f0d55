//! What a sign-in asks of its user, with the client to go on with.

use device_proto::{
    Asked, AuthenticatorSetupPrompt, CodePrompt, CustomPrompt, MfaSetupPrompt, NewPasswordPrompt,
    Request, SelectFactorPrompt, SelectMfaPrompt, ServiceError, SignIn,
};
use device_wire::{ChallengeNameType, Sensitive};

use super::{Attempt, SignInStep, off_the_worker};
use crate::{DeviceAuth, Error};

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
    /// To set up a second factor.
    MfaSetup(Pending<MfaSetupPrompt>),
    /// To put a secret into an authenticator app and give a code from it.
    AuthenticatorSetup(Pending<AuthenticatorSetupPrompt>),
    /// A question of the pool's own making.
    Custom(Pending<CustomPrompt>),
}

/// A sign-in that waits for its user. Answering consumes it and goes on with the sign-in.
///
/// An answer fails as [`DeviceAuth::sign_in`] does, and then the sign-in is over. A code or
/// password that was not accepted but may be given again is not a failure: the same challenge comes
/// back, with a [`rejection`](Self::rejection).
#[derive(Debug)]
#[must_use = "the sign-in goes on with the answer"]
pub struct Pending<P> {
    auth: DeviceAuth,
    attempt: Attempt,
    asked: Asked<P>,
}

impl Challenge {
    pub(super) fn new(
        auth: DeviceAuth,
        attempt: Attempt,
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

    /// Why the answer before was not accepted, if the same is asked once more.
    #[must_use]
    pub fn rejection(&self) -> Option<&ServiceError> {
        self.asked.rejection()
    }

    /// Tells the pool's Lambda functions this too (`ClientMetadata`), with the answer and all that
    /// follow on it. An entry takes the place of an earlier one of the same name.
    pub fn with_client_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.asked = self.asked.with_client_metadata(entries);
        self
    }

    async fn go_on(
        self,
        answer: impl FnOnce(Asked<P>) -> (SignIn, Request),
    ) -> Result<SignInStep, Error> {
        let Self { auth, attempt, asked } = self;
        let next = answer(asked);
        auth.go_on(attempt, next).await
    }
}

impl Pending<CodePrompt> {
    /// Gives the code. White space in it is dropped, since apps show codes in groups.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn answer(self, code: &str) -> Result<SignInStep, Error> {
        self.go_on(|asked| asked.answer(code)).await
    }
}

impl Pending<SelectMfaPrompt> {
    /// Chooses one of the options.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn choose(self, factor: &ChallengeNameType) -> Result<SignInStep, Error> {
        self.go_on(|asked| asked.choose(factor)).await
    }
}

impl Pending<SelectFactorPrompt> {
    /// Chooses a code by e-mail, which is asked for next.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn email_code(self) -> Result<SignInStep, Error> {
        self.go_on(Asked::<SelectFactorPrompt>::email_code).await
    }

    /// Chooses a code by text message, which is asked for next.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn sms_code(self) -> Result<SignInStep, Error> {
        self.go_on(Asked::<SelectFactorPrompt>::sms_code).await
    }

    /// Chooses a password that is proven and never sent.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn srp(self, password: impl Into<Sensitive<String>>) -> Result<SignInStep, Error> {
        let Self { auth, attempt, asked } = self;
        let password = password.into();
        let next = off_the_worker(move || asked.srp(password, &mut rand::rng())).await;
        auth.go_on(attempt, next).await
    }

    /// Chooses a password that is sent, inside TLS.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn password(
        self,
        password: impl Into<Sensitive<String>>,
    ) -> Result<SignInStep, Error> {
        let password = password.into();
        self.go_on(|asked| asked.password(password)).await
    }
}

impl Pending<NewPasswordPrompt> {
    /// Sets the password.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn answer(self, password: impl Into<Sensitive<String>>) -> Result<SignInStep, Error> {
        let password = password.into();
        self.go_on(|asked| asked.answer(password)).await
    }

    /// Sets the password and the attributes that are due, such as `("email", "ada@example.com")`.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn answer_with_attributes(
        self,
        password: impl Into<Sensitive<String>>,
        attributes: &[(&str, &str)],
    ) -> Result<SignInStep, Error> {
        let password = password.into();
        self.go_on(|asked| asked.answer_with_attributes(password, attributes.iter().copied())).await
    }
}

impl Pending<MfaSetupPrompt> {
    /// Sets up an authenticator app: the next challenge has the secret for it.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn authenticator(self) -> Result<SignInStep, Error> {
        self.go_on(Asked::<MfaSetupPrompt>::authenticator).await
    }

    /// Sets up codes by e-mail, where that is among the options: a first code goes to the address,
    /// and is asked for next.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn email(self, address: &str) -> Result<SignInStep, Error> {
        self.go_on(|asked| asked.email(address)).await
    }
}

impl Pending<AuthenticatorSetupPrompt> {
    /// The `otpauth` address of the secret, to show as a QR code. `issuer` is the name that the app
    /// files it under.
    #[must_use]
    pub fn otpauth_uri(&self, issuer: &str) -> Sensitive<String> {
        self.asked.otpauth_uri(issuer)
    }

    /// Gives a first code from the app, and optionally a name for it.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn verify(self, code: &str, name: Option<&str>) -> Result<SignInStep, Error> {
        self.go_on(|asked| asked.verify(code, name)).await
    }
}

impl Pending<CustomPrompt> {
    /// Answers the question.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn answer(self, answer: &str) -> Result<SignInStep, Error> {
        self.go_on(|asked| asked.answer(answer)).await
    }
}
