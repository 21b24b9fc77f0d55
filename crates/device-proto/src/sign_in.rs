//! The sign-in: which request follows on which answer.

mod challenge;
mod confirm;
mod context;
mod outcome;
mod prompt;
mod reply;

pub use challenge::{Asked, Challenge};
pub use confirm::{Consent, UnconfirmedDevice};
pub use outcome::{DeviceOutcome, Outcome, RememberPrompt};
pub use prompt::{
    AuthenticatorSetupPrompt, CodePrompt, CodeSource, CustomPrompt, MfaSetupPrompt,
    NewPasswordPrompt, SelectFactorPrompt, SelectMfaPrompt,
};

use std::time::SystemTime;

use device_srp::ClientEphemeral;
use device_wire::{
    AssociateSoftwareTokenRequest, ChallengeNameType, ErrorCode, Operation, Sensitive,
    UpdateDeviceStatusRequest, VerifySoftwareTokenRequest, VerifySoftwareTokenResponseType,
};
use rand_core::CryptoRng;

use crate::credentials::Handshake;
use crate::{Config, Credentials, DeviceRecord, Error, Reply, Request, ServiceError, Tokens};
use challenge::Prompt;
use context::{Answer, Context, Presented};
use reply::AuthReply;

/// A sign-in that waits for the reply to the request that came with it.
///
/// Each step consumes it, so that a step cannot be repeated, skipped, or answered late. It holds
/// the user's password until it is proven, and longer only while the sign-in might have to begin
/// again because the device is refused.
///
/// ```compile_fail,E0382
/// # use std::time::SystemTime;
/// # use device_proto::{Reply, SignIn};
/// # fn twice(sign_in: SignIn, reply: fn() -> Reply<'static>, now: SystemTime, rng: &mut rand::rngs::StdRng) {
/// let step = sign_in.handle(reply(), now, rng);
/// let again = sign_in.handle(reply(), now, rng); // use of moved value
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a sign-in goes on with the reply to its request"]
pub struct SignIn {
    context: Box<Context>,
    awaiting: Awaiting,
}

/// What the reply will be to.
#[derive(Debug)]
enum Awaiting {
    /// `InitiateAuth`. With a proof, its secret half waits for the service's.
    Beginning { handshake: Option<Handshake> },
    /// The answer to a challenge; the prompt if a person gave it and may be asked again.
    Answer { answer: Answer, handshake: Option<Handshake>, prompt: Option<Prompt> },
    /// The device's own `SRP_A`.
    DeviceChallenge { device: Presented, ephemeral: ClientEphemeral },
    /// The device's proof.
    DeviceProof { device: Presented },
    /// A secret for an authenticator app.
    AuthenticatorSecret,
    /// The first code of an authenticator app.
    AuthenticatorCode { session: Option<Sensitive<String>>, prompt: AuthenticatorSetupPrompt },
    /// `ConfirmDevice`: signed in, and the new device is being made known.
    Confirmation { tokens: Tokens, username: String, device: UnconfirmedDevice },
    /// `UpdateDeviceStatus`, as the user chose beforehand.
    Remembrance { tokens: Tokens, username: String, record: DeviceRecord },
}

/// What to do next.
#[derive(Debug)]
#[must_use = "the sign-in stands still until this is done"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a step that a caller does not know would leave it standing: the compiler is to say so"
)]
pub enum Step {
    /// Send the request and [`handle`](SignIn::handle) the reply.
    Send(SignIn, Request),
    /// The service does not accept this device any more. Delete its record, then go on as with
    /// [`Step::Send`]: the sign-in proceeds as on a new device.
    Discard {
        /// The record to delete.
        device: Box<DeviceRecord>,
        /// How the sign-in goes on.
        sign_in: SignIn,
        /// What to send for that.
        request: Request,
    },
    /// Ask the user.
    Ask(Challenge),
    /// Signed in.
    Done(Box<Outcome>),
}

/// What this device brings to a sign-in.
#[derive(Debug, Default)]
pub struct ThisDevice {
    record: Option<DeviceRecord>,
    name: Option<String>,
    remember: RememberChoice,
}

/// Whether a new device is to be remembered, where the pool leaves that to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RememberChoice {
    /// The user has not been asked: the outcome says whether to.
    #[default]
    Ask,
    /// The user wants it.
    Remember,
    /// The user does not.
    DoNotRemember,
}

impl ThisDevice {
    /// A device that the service has not seen with this user.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name to give it where it is new, for people to tell devices apart.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Whether to have it remembered where it is new and the pool leaves that to the user.
    #[must_use]
    pub fn remember(mut self, choice: RememberChoice) -> Self {
        self.remember = choice;
        self
    }

    /// The same device with what it kept from an earlier sign-in, if anything.
    #[must_use]
    pub fn with_record(mut self, record: Option<DeviceRecord>) -> Self {
        self.record = record;
        self
    }
}

impl From<Option<DeviceRecord>> for ThisDevice {
    fn from(record: Option<DeviceRecord>) -> Self {
        Self::new().with_record(record)
    }
}

impl SignIn {
    /// Begins to sign in.
    pub fn start(
        config: &Config,
        credentials: Credentials,
        device: impl Into<ThisDevice>,
        rng: &mut impl CryptoRng,
    ) -> (Self, Request) {
        Context::start(config.clone(), credentials, device.into(), rng)
    }

    /// Takes the reply to the request.
    ///
    /// `now` goes into password proofs, which the service accepts within minutes of its own clock.
    ///
    /// # Errors
    /// Any [`Error`] ends the sign-in; what the recovery table and a person's mistyped code allow
    /// for is not an error but a step.
    pub fn handle(
        self,
        reply: Reply<'_>,
        now: SystemTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        let Self { mut context, awaiting } = self;
        match awaiting {
            Awaiting::Beginning { handshake } => match AuthReply::begun(reply) {
                Ok(reply) => context.advance(reply, handshake, now, rng),
                Err(error) => match context.take_unknown_device(&error) {
                    Some(device) => Ok(context.start_over(device, rng)),
                    None => Err(error),
                },
            },
            Awaiting::Answer { answer, handshake, prompt } => match AuthReply::answered(reply) {
                Ok(reply) => context.advance(reply, handshake, now, rng),
                Err(error) => match (context.take_unknown_device(&error), error, prompt) {
                    (Some(device), _, prompt) => {
                        Ok(context.repeat_without(device, answer, handshake, prompt))
                    }
                    (None, Error::Service(rejection), Some(prompt))
                        if prompt.stays_open_after(&rejection) =>
                    {
                        Ok(Step::Ask(prompt.ask(context, answer.session, Some(rejection))))
                    }
                    (None, error, _) => Err(error),
                },
            },
            Awaiting::DeviceChallenge { device, ephemeral } => match AuthReply::answered(reply) {
                Ok(reply) => context.prove_device(reply, device, &ephemeral, now),
                Err(error) => context.start_over_if_refused(device, error, rng),
            },
            Awaiting::DeviceProof { device } => match AuthReply::answered(reply) {
                Ok(reply) => context.conclude_proven(reply, device, rng),
                Err(error) => context.start_over_if_refused(device, error, rng),
            },
            Awaiting::AuthenticatorSecret => {
                let response = reply.read::<AssociateSoftwareTokenRequest>()?;
                let secret_code = response.secret_code.ok_or(Error::malformed(
                    Operation::AssociateSoftwareToken,
                    "it has no secret code",
                ))?;
                let prompt = AuthenticatorSetupPrompt { secret_code };
                Ok(Step::Ask(Challenge::AuthenticatorSetup(Asked::new(
                    context,
                    response.session,
                    prompt,
                    None,
                ))))
            }
            Awaiting::AuthenticatorCode { session, prompt } => {
                let rejection = match reply.read::<VerifySoftwareTokenRequest>() {
                    Ok(response)
                        if response.status == Some(VerifySoftwareTokenResponseType::Success) =>
                    {
                        let answer = Answer::empty(ChallengeNameType::MfaSetup, response.session);
                        return Ok(context.send(answer, None, None).into());
                    }
                    Ok(_) => ServiceError::new(
                        ErrorCode::EnableSoftwareTokenMfa,
                        "The code was not accepted.",
                    ),
                    Err(Error::Service(error)) if challenge::is_wrong_code(&error) => error,
                    Err(error) => return Err(error),
                };
                let asked = Asked::new(context, session, prompt, Some(rejection));
                Ok(Step::Ask(Challenge::AuthenticatorSetup(asked)))
            }
            Awaiting::Confirmation { tokens, username, device } => {
                Ok(context.confirmed(tokens, username, device, reply))
            }
            Awaiting::Remembrance { tokens, username, record } => {
                let error = reply.read::<UpdateDeviceStatusRequest>().err();
                Ok(Outcome::remembered(tokens, username, record, error).into())
            }
        }
    }
}

impl From<(SignIn, Request)> for Step {
    fn from((sign_in, request): (SignIn, Request)) -> Self {
        Self::Send(sign_in, request)
    }
}

impl From<Outcome> for Step {
    fn from(outcome: Outcome) -> Self {
        Self::Done(Box::new(outcome))
    }
}
