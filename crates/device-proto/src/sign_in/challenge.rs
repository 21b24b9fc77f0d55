//! A sign-in that waits for its user, and the answers to each challenge.

use device_wire::enums::ChallengeNameType;
use device_wire::requests::{AssociateSoftwareTokenRequest, VerifySoftwareTokenRequest};
use device_wire::{Sensitive, param};
use rand_core::CryptoRng;

use super::prompt::{
    AuthenticatorSetupPrompt, CodePrompt, CustomPrompt, MfaSetupPrompt, NewPasswordPrompt, Prompt,
    SelectFactorPrompt, SelectMfaPrompt,
};
use super::state::{Answer, Awaiting, Context, SignIn};
use crate::credentials::{Handshake, Parameters};
use crate::error::ServiceError;
use crate::request::Request;

/// A question to the user. Each variant has its fitting answers.
#[derive(Debug)]
#[non_exhaustive]
pub enum Challenge {
    /// Asks for a code.
    Code(Asked<CodePrompt>),
    /// Asks which second factor to use.
    SelectMfa(Asked<SelectMfaPrompt>),
    /// Asks which first factor to use.
    SelectFactor(Asked<SelectFactorPrompt>),
    /// Asks for a new password.
    NewPassword(Asked<NewPasswordPrompt>),
    /// Asks the user to set up a second factor.
    MfaSetup(Asked<MfaSetupPrompt>),
    /// Shows the secret for an authenticator app, and asks for a first code from it.
    AuthenticatorSetup(Asked<AuthenticatorSetupPrompt>),
    /// Asks a custom question of the pool.
    Custom(Asked<CustomPrompt>),
}

impl Challenge {
    pub(super) fn new(
        prompt: Prompt,
        context: Box<Context>,
        session: Option<Sensitive<String>>,
        rejection: Option<ServiceError>,
    ) -> Self {
        match prompt {
            Prompt::Code(prompt) => Self::Code(Asked { context, session, prompt, rejection }),
            Prompt::SelectMfa(prompt) => {
                Self::SelectMfa(Asked { context, session, prompt, rejection })
            }
            Prompt::SelectFactor(prompt) => {
                Self::SelectFactor(Asked { context, session, prompt, rejection })
            }
            Prompt::NewPassword(prompt) => {
                Self::NewPassword(Asked { context, session, prompt, rejection })
            }
            Prompt::MfaSetup(prompt) => {
                Self::MfaSetup(Asked { context, session, prompt, rejection })
            }
            Prompt::Custom(prompt) => Self::Custom(Asked { context, session, prompt, rejection }),
        }
    }

    /// The name of the challenge on the wire.
    #[must_use]
    pub fn name(&self) -> ChallengeNameType {
        match self {
            Self::Code(asked) => asked.prompt.source.challenge(),
            Self::SelectMfa(_) => ChallengeNameType::SelectMfaType,
            Self::SelectFactor(_) => ChallengeNameType::SelectChallenge,
            Self::NewPassword(_) => ChallengeNameType::NewPasswordRequired,
            Self::MfaSetup(_) | Self::AuthenticatorSetup(_) => ChallengeNameType::MfaSetup,
            Self::Custom(_) => ChallengeNameType::CustomChallenge,
        }
    }
}

/// A sign-in that waits for its user. Answering consumes it.
#[derive(Debug)]
#[must_use = "the sign-in goes on with the answer"]
pub struct Asked<P> {
    context: Box<Context>,
    session: Option<Sensitive<String>>,
    prompt: P,
    rejection: Option<ServiceError>,
}

impl<P> Asked<P> {
    pub(super) fn new(
        context: Box<Context>,
        session: Option<Sensitive<String>>,
        prompt: P,
        rejection: Option<ServiceError>,
    ) -> Self {
        Self { context, session, prompt, rejection }
    }

    /// The details of the challenge.
    #[must_use]
    pub fn prompt(&self) -> &P {
        &self.prompt
    }

    /// Why the previous answer was rejected, if the same challenge is repeated.
    #[must_use]
    pub fn rejection(&self) -> Option<&ServiceError> {
        self.rejection.as_ref()
    }

    /// Adds entries to the `ClientMetadata` that the pool's Lambda functions receive, from this
    /// answer on. An entry replaces an earlier one of the same name.
    pub fn with_client_metadata<K: Into<String>, V: Into<String>>(
        mut self,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.context.add_client_metadata(&entries.into_iter().collect());
        self
    }

    fn send(
        self,
        challenge: ChallengeNameType,
        responses: Parameters,
        again: impl FnOnce(P) -> Prompt,
    ) -> (SignIn, Request) {
        let answer = Answer { challenge, session: self.session, responses };
        self.context.send(answer, None, Some(again(self.prompt)))
    }
}

impl Asked<CodePrompt> {
    /// Answers with the code. White space is removed, since apps show codes in groups.
    pub fn answer(self, code: &str) -> (SignIn, Request) {
        let source = self.prompt.source;
        self.send(
            source.challenge(),
            Sensitive::from([(source.parameter(), compact(code))]),
            Prompt::Code,
        )
    }
}

impl Asked<SelectMfaPrompt> {
    /// Chooses one of the options.
    pub fn choose(self, factor: &ChallengeNameType) -> (SignIn, Request) {
        let responses = Sensitive::from([(param::ANSWER, factor.as_str())]);
        self.send(ChallengeNameType::SelectMfaType, responses, Prompt::SelectMfa)
    }
}

impl Asked<SelectFactorPrompt> {
    /// Chooses `EMAIL_OTP`: a code by e-mail, which the next challenge asks for.
    pub fn email_code(self) -> (SignIn, Request) {
        self.choose(&ChallengeNameType::EmailOtp)
    }

    /// Chooses `SMS_OTP`: a code by text message, which the next challenge asks for.
    pub fn sms_code(self) -> (SignIn, Request) {
        self.choose(&ChallengeNameType::SmsOtp)
    }

    fn choose(self, factor: &ChallengeNameType) -> (SignIn, Request) {
        let responses = Sensitive::from([(param::ANSWER, factor.as_str())]);
        self.send(ChallengeNameType::SelectChallenge, responses, Prompt::SelectFactor)
    }

    /// Chooses `PASSWORD_SRP`: a password that is proven without being sent.
    pub fn srp(
        mut self,
        password: impl Into<Sensitive<String>>,
        rng: &mut impl CryptoRng,
    ) -> (SignIn, Request) {
        let password = password.into();
        self.context.replace_credentials(|it| it.having_chosen_srp(password.clone()));
        let handshake = Handshake::new(password, rng);
        let answer = Answer {
            challenge: ChallengeNameType::SelectChallenge,
            session: self.session,
            responses: Sensitive::from([
                (param::ANSWER, ChallengeNameType::PasswordSrp.as_str().to_owned()),
                (param::SRP_A, handshake.ephemeral.public().to_hex()),
            ]),
        };
        self.context.send(answer, Some(handshake), Some(Prompt::SelectFactor(self.prompt)))
    }

    /// Chooses `PASSWORD`: a password that is sent, protected only by TLS.
    pub fn password(mut self, password: impl Into<Sensitive<String>>) -> (SignIn, Request) {
        let password = password.into();
        let responses = Sensitive::from([
            (param::ANSWER, ChallengeNameType::Password.as_str()),
            (param::PASSWORD, password.as_str()),
        ]);
        self.context.replace_credentials(|it| it.having_chosen_password(password));
        self.send(ChallengeNameType::SelectChallenge, responses, Prompt::SelectFactor)
    }
}

impl Asked<NewPasswordPrompt> {
    /// Sets the password.
    pub fn answer(self, password: impl Into<Sensitive<String>>) -> (SignIn, Request) {
        self.answer_with_attributes(password, [])
    }

    /// Sets the password and the required attributes, such as `("email", "ada@example.com")`.
    pub fn answer_with_attributes<'a>(
        mut self,
        password: impl Into<Sensitive<String>>,
        attributes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> (SignIn, Request) {
        let password = password.into();
        let mut responses = Sensitive::from([(param::NEW_PASSWORD, password.as_str())]);
        for (name, value) in attributes {
            responses.insert(format!("{}{name}", param::USER_ATTRIBUTES_PREFIX), value.to_owned());
        }
        self.context.replace_credentials(|it| it.with_password(password));
        self.send(ChallengeNameType::NewPasswordRequired, responses, Prompt::NewPassword)
    }
}

impl Asked<MfaSetupPrompt> {
    /// Sets up an authenticator app: the next prompt has the secret for it.
    pub fn authenticator(self) -> (SignIn, Request) {
        let request = Request::new(&AssociateSoftwareTokenRequest {
            session: self.session,
            ..AssociateSoftwareTokenRequest::default()
        });
        self.context.awaiting(Awaiting::AuthenticatorSecret, request)
    }

    /// Sets up codes by e-mail, if that is among the options. The service sends a first code to the
    /// address; the next challenge asks for it.
    pub fn email(self, address: &str) -> (SignIn, Request) {
        self.send(
            ChallengeNameType::MfaSetup,
            Sensitive::from([(param::EMAIL, address)]),
            Prompt::MfaSetup,
        )
    }
}

impl Asked<AuthenticatorSetupPrompt> {
    /// The secret as an `otpauth` URI, to show as a QR code. The authenticator app shows it under
    /// the name `issuer`.
    #[must_use]
    pub fn otpauth_uri(&self, issuer: &str) -> Sensitive<String> {
        let (issuer, account) = (percent_encode(issuer), percent_encode(self.context.username()));
        let secret = self.prompt.secret_code.as_str();
        format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}").into()
    }

    /// Answers with a first code from the app, and optionally a name for the app.
    pub fn verify(self, code: &str, name: Option<&str>) -> (SignIn, Request) {
        let Self { context, session, prompt, .. } = self;
        let request = Request::new(&VerifySoftwareTokenRequest {
            session: session.clone(),
            friendly_device_name: name.map(str::to_owned),
            ..VerifySoftwareTokenRequest::new(compact(code))
        });
        context.awaiting(Awaiting::AuthenticatorCode { session, prompt }, request)
    }
}

impl Asked<CustomPrompt> {
    /// Answers the question.
    pub fn answer(self, answer: &str) -> (SignIn, Request) {
        self.send(
            ChallengeNameType::CustomChallenge,
            Sensitive::from([(param::ANSWER, answer)]),
            Prompt::Custom,
        )
    }
}

fn compact(code: &str) -> String {
    code.split_whitespace().collect()
}

/// Percent-encodes all but the unreserved characters (RFC 3986, section 2.3).
fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
