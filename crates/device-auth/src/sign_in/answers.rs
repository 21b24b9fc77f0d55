//! The answers that a user can give to each challenge.

use device_proto::{
    Asked, AuthenticatorSetupPrompt, CodePrompt, CustomPrompt, MfaSetupPrompt, NewPasswordPrompt,
    Request, SelectFactorPrompt, SelectMfaPrompt, SignIn,
};
use device_wire::Sensitive;
use device_wire::enums::ChallengeNameType;

use super::SignInStep;
use super::challenge::Pending;
use crate::error::Error;
use crate::task::off_the_worker;

impl<P> Pending<P> {
    async fn go_on(
        self,
        answer: impl FnOnce(Asked<P>) -> (SignIn, Request),
    ) -> Result<SignInStep, Error> {
        let Self { auth, attempt, asked } = self;
        let next = answer(asked);
        auth.go_on(attempt, next.into()).await
    }
}

impl Pending<CodePrompt> {
    /// Answers with the code. White space is removed, since apps show codes in groups.
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
    /// Chooses a code by e-mail; the next challenge asks for it.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn email_code(self) -> Result<SignInStep, Error> {
        self.go_on(Asked::<SelectFactorPrompt>::email_code).await
    }

    /// Chooses a code by text message; the next challenge asks for it.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn sms_code(self) -> Result<SignInStep, Error> {
        self.go_on(Asked::<SelectFactorPrompt>::sms_code).await
    }

    /// Chooses a password that is proven without being sent.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn srp(self, password: impl Into<Sensitive<String>>) -> Result<SignInStep, Error> {
        let Self { auth, attempt, asked } = self;
        let password = password.into();
        let next = off_the_worker(move || asked.srp(password, &mut rand::rng())).await;
        auth.go_on(attempt, next.into()).await
    }

    /// Chooses a password that is sent to the service, protected only by TLS.
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

    /// Sets the password and the required attributes, such as `("email", "ada@example.com")`.
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

    /// Sets up codes by e-mail, if that is among the options. The service sends a first code to the
    /// address; the next challenge asks for it.
    ///
    /// # Errors
    /// See [`Pending`].
    pub async fn email(self, address: &str) -> Result<SignInStep, Error> {
        self.go_on(|asked| asked.email(address)).await
    }
}

impl Pending<AuthenticatorSetupPrompt> {
    /// The secret as an `otpauth` URI, to show as a QR code. The authenticator app shows it under
    /// the name `issuer`.
    #[must_use]
    pub fn otpauth_uri(&self, issuer: &str) -> Sensitive<String> {
        self.asked.otpauth_uri(issuer)
    }

    /// Answers with a first code from the app, and optionally a name for the app.
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
