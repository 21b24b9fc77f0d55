//! The sign-in: the sequence of requests and responses.

mod advance;
mod challenge;
mod confirm;
mod outcome;
mod prompt;
mod proof;
mod reply;
mod state;
mod step;
mod this_device;

pub use challenge::{Asked, Challenge};
pub use confirm::{Consent, UnconfirmedDevice};
pub use outcome::{DeviceOutcome, Outcome, RememberPrompt};
pub use prompt::{
    AuthenticatorSetupPrompt, CodePrompt, CodeSource, CustomPrompt, MfaSetupPrompt,
    NewPasswordPrompt, SelectFactorPrompt, SelectMfaPrompt,
};
pub use state::SignIn;
pub use step::{Lookup, Offer, Reread, Step};
pub use this_device::{RememberChoice, SecondFactor, ThisDevice};

use std::time::SystemTime;

use device_wire::enums::{ChallengeNameType, VerifySoftwareTokenResponseType};
use device_wire::requests::{
    AssociateSoftwareTokenRequest, UpdateDeviceStatusRequest, VerifySoftwareTokenRequest,
};
use device_wire::{ErrorCode, Operation};
use rand_core::CryptoRng;

use crate::config::Config;
use crate::credentials::Credentials;
use crate::error::{Error, ServiceError};
use crate::request::{Reply, Request};
use reply::AuthReply;
use state::{Answer, Awaiting, Context};

impl SignIn {
    /// Starts a sign-in.
    pub fn start(
        config: &Config,
        credentials: Credentials,
        device: impl Into<ThisDevice>,
        rng: &mut impl CryptoRng,
    ) -> (Self, Request) {
        Context::start(config.clone(), credentials, device.into(), rng)
    }

    /// Handles the reply to the request.
    ///
    /// `now` is signed in password proofs; the service accepts a difference of a few minutes to its
    /// own clock.
    ///
    /// # Errors
    ///
    /// Any [`Error`] ends the sign-in. A refused device, and a wrong code that may be entered
    /// again, are steps and not errors.
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
                        let (session, rejection) = (answer.session, Some(rejection));
                        Ok(Step::Ask(Challenge::new(prompt, context, session, rejection)))
                    }
                    (None, error, _) => Err(error),
                },
            },
            Awaiting::DeviceChallenge { device, ephemeral } => match AuthReply::answered(reply) {
                Ok(reply) => context.prove_device(reply, device, &ephemeral, now, rng),
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
                let asked = Asked::new(context, response.session, prompt, None);
                Ok(Step::Ask(Challenge::AuthenticatorSetup(asked)))
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
                    Err(Error::Service(error)) if prompt::is_wrong_code(&error) => error,
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
