//! The transitions: the next step after each reply.

use std::time::SystemTime;

use device_srp::{ClientEphemeral, Identity};
use device_wire::enums::{ChallengeNameType, DeviceRememberedStatusType};
use device_wire::requests::UpdateDeviceStatusRequest;
use device_wire::shapes::NewDeviceMetadataType;
use device_wire::{ErrorCode, param};
use rand_core::CryptoRng;

use super::challenge::Challenge;
use super::confirm::{Consent, UnconfirmedDevice};
use super::outcome::{DeviceOutcome, Outcome, RememberPrompt};
use super::prompt::Prompt;
use super::proof::claim;
use super::reply::AuthReply;
use super::state::{Answer, Awaiting, Context, Presence, Presented, SignIn, Username};
use super::step::{Lookup, Next, Offer, Reread, Step};
use super::this_device::{RememberChoice, SecondFactor};
use crate::credentials::{Handshake, Metadata};
use crate::error::{Error, ServiceError};
use crate::record::{DeviceOwner, DeviceRecord, DeviceStatus};
use crate::request::{Reply, Request};
use crate::tokens::{Claims, Tokens};

impl Context {
    /// Continues after a successful challenge.
    pub(super) fn advance(
        mut self: Box<Self>,
        reply: AuthReply,
        handshake: Option<Handshake>,
        now: SystemTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        let unknown_owner = self.learn_name(&reply);
        let next = match (&reply.challenge, handshake) {
            (None, _) => {
                // A remembered device would have been asked to prove itself.
                let status = if self.is_proven {
                    DeviceStatus::Remembered
                } else {
                    DeviceStatus::NotRemembered
                };
                let device = self.take_device().map(|it| DeviceRecord { status, ..it.record });
                return self.conclude(reply, device, rng);
            }
            (Some(ChallengeNameType::DeviceSrpAuth), _) => {
                return match self.take_device() {
                    // The device's A is created only here, since a flow may arrive here without an
                    // earlier proof.
                    Some(device) => {
                        let ephemeral = ClientEphemeral::generate(rng);
                        let rotates = reply.asks_for_a_new_secret();
                        let reread = Reread::new(self, device, reply.session, ephemeral);
                        Ok(if rotates { Step::Reread(reread) } else { reread.read(None) })
                    }
                    None => Err(reply.out_of_turn()),
                };
            }
            (Some(ChallengeNameType::PasswordVerifier), Some(handshake)) => {
                Next::Send(self.prove_password(&reply, &handshake, now)?)
            }
            _ => Next::Ask(Prompt::read(&reply)?, reply.session),
        };
        Ok(match unknown_owner {
            Some(owner) => Step::Find(Lookup::new(self, owner, next)),
            None => next.step(self),
        })
    }

    /// Takes the user's internal name from the reply, if it is there. Returns the user whose record
    /// must be looked up; `None` if the name is not new, the presented device belongs to that user,
    /// or that user's device was refused.
    fn learn_name(&mut self, reply: &AuthReply) -> Option<DeviceOwner> {
        let name = reply.parameter(param::USERNAME).or(reply.parameter(param::USER_ID_FOR_SRP))?;
        let told = Username::Internal(name.to_owned());
        if self.username == told {
            return None;
        }
        self.username = told;
        let owner = DeviceOwner::new(&self.config, name);
        let known = match &self.device {
            Presence::Absent => return None,
            Presence::Awaited(_) => self.refused.as_ref(),
            Presence::Presented(device) => Some(&device.record),
        };
        if known.is_none_or(|record| record.owner != owner) {
            return Some(owner);
        }
        if let Presence::Awaited(_) = &self.device {
            self.device = Presence::Absent;
        }
        None
    }

    /// The answer to `PASSWORD_VERIFIER`.
    fn prove_password(
        &self,
        reply: &AuthReply,
        handshake: &Handshake,
        now: SystemTime,
    ) -> Result<Answer, Error> {
        let user_id = reply.parameter(param::USER_ID_FOR_SRP).unwrap_or(self.username());
        let identity = Identity::user(self.config.pool_name(), user_id);
        let responses = claim(reply, &identity, &handshake.password, &handshake.ephemeral, now)?;
        let challenge = ChallengeNameType::PasswordVerifier;
        Ok(Answer { challenge, session: reply.session.clone(), responses })
    }

    /// Answers `DEVICE_PASSWORD_VERIFIER`, with a new secret if the service asks for one.
    pub(super) fn prove_device(
        self: Box<Self>,
        reply: AuthReply,
        mut device: Presented,
        ephemeral: &ClientEphemeral,
        now: SystemTime,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        if reply.challenge != Some(ChallengeNameType::DevicePasswordVerifier) {
            return Err(reply.out_of_turn());
        }
        if let Some(salt) = reply.parameter(param::SALT) {
            device.record.settle(salt);
        }
        let record = &device.record;
        let identity = Identity::device(&record.group_key, &record.device_key);
        let responses = claim(&reply, &identity, &record.password, ephemeral, now)?;
        let challenge = ChallengeNameType::DevicePasswordVerifier;
        let wants_new_secret = reply.asks_for_a_new_secret();
        let answer = Answer { challenge, session: reply.session, responses };
        Ok(if wants_new_secret {
            Step::Keep(Offer::new(self, device, answer, rng))
        } else {
            self.send_device_proof(device, &answer, &Metadata::default()).into()
        })
    }

    /// Sends the device's proof.
    pub(super) fn send_device_proof(
        self: Box<Self>,
        device: Presented,
        answer: &Answer,
        entries: &Metadata,
    ) -> (SignIn, Request) {
        let request = self.respond_with(answer, Some(&device.record), entries);
        self.awaiting(Awaiting::DeviceProof { device }, request)
    }

    /// Takes what follows a device's proof: tokens, or another question to the user. Another proof
    /// is an error, since that could loop for ever.
    pub(super) fn conclude_proven(
        mut self: Box<Self>,
        reply: AuthReply,
        device: Presented,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        let is_replaced = reply.parameter(param::DEVICE_SECRET_ROTATED) == Some("true");
        let mut record = DeviceRecord { status: DeviceStatus::Remembered, ..device.record };
        if is_replaced {
            record.accept_offer();
        }
        match &reply.challenge {
            None => self.conclude(reply, Some(record), rng),
            Some(
                ChallengeNameType::PasswordVerifier
                | ChallengeNameType::DeviceSrpAuth
                | ChallengeNameType::DevicePasswordVerifier,
            ) => Err(reply.out_of_turn()),
            Some(_) => {
                let prompt = Prompt::read(&reply)?;
                let replaced = is_replaced.then(|| Box::new(record.clone()));
                self.device = Presence::Presented(Presented { record, ..device });
                self.is_proven = true;
                let challenge = Challenge::new(prompt, self, reply.session, None);
                Ok(match replaced {
                    Some(device) => Step::Replaced { device, challenge },
                    None => Step::Ask(challenge),
                })
            }
        }
    }

    /// Takes the device out of the sign-in, if the service does not know it.
    pub(super) fn take_unknown_device(&mut self, error: &Error) -> Option<Presented> {
        let unknown = error.as_service_error().is_some_and(ServiceError::is_unknown_device);
        if unknown { self.take_device() } else { None }
    }

    /// Repeats an answer without the device: the service still holds the state of this step.
    pub(super) fn repeat_without(
        mut self: Box<Self>,
        device: Presented,
        answer: Answer,
        handshake: Option<Handshake>,
        prompt: Option<Prompt>,
    ) -> Step {
        let discarded = self.refuse(device.record);
        Self::without(discarded, self.send(answer, handshake, prompt))
    }

    /// Starts again without the device. If the service has not sent the internal name yet, it may
    /// still find another record. Otherwise there is none to find, so that this ends.
    pub(super) fn start_over(
        mut self: Box<Self>,
        device: Presented,
        rng: &mut impl CryptoRng,
    ) -> Step {
        let discarded = self.refuse(device.record);
        let presence = match &self.username {
            Username::Typed(_) => Presence::Awaited,
            Username::Internal(_) => |_| Presence::Absent,
        };
        Self::without(discarded, self.begin(device.credentials, presence, rng))
    }

    /// The record to delete, if the service has confirmed that its user signs in.
    ///
    /// A name can be reassigned to another user, and two users' names can differ only in case. If
    /// this user may not use the device, the device itself may still be valid.
    fn refuse(&mut self, record: DeviceRecord) -> Option<DeviceRecord> {
        match &self.username {
            Username::Internal(name) if *name == record.owner.username => Some(record),
            Username::Internal(_) | Username::Typed(_) => {
                self.refused = Some(record);
                None
            }
        }
    }

    fn without(discarded: Option<DeviceRecord>, (sign_in, request): (SignIn, Request)) -> Step {
        match discarded {
            Some(device) => Step::Discard { device: Box::new(device), sign_in, request },
            None => Step::Send(sign_in, request),
        }
    }

    /// Starts again without the device, if the service refused its proof.
    pub(super) fn start_over_if_refused(
        self: Box<Self>,
        device: Presented,
        error: Error,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        let refused = error.as_service_error().is_some_and(|error| {
            let against_another = error.is_spent_session() || error.is_barred_user();
            error.is_unknown_device()
                || *error.code() == ErrorCode::NotAuthorized && !against_another
        });
        if refused { Ok(self.start_over(device, rng)) } else { Err(error) }
    }

    /// Takes the tokens, and starts to confirm a new device.
    fn conclude(
        mut self: Box<Self>,
        reply: AuthReply,
        device: Option<DeviceRecord>,
        rng: &mut impl CryptoRng,
    ) -> Result<Step, Error> {
        let operation = reply.operation;
        let Some(mut result) = reply.result else { return Err(reply.out_of_turn()) };
        let new_device = result.new_device_metadata.take().and_then(keys);
        let tokens = Tokens::from_wire(operation, result)?;
        let claims = tokens.claims();
        let username = claims.username.clone().unwrap_or_else(|| self.username().to_owned());
        if let Some((device_key, group_key)) = new_device
            && self.second_factor != SecondFactor::Always
        {
            let owner = DeviceOwner::new(&self.config, &username);
            // Now it is certain whose device was refused at the start.
            let discarded = self.refused.take().filter(|refused| refused.owner == owner);
            let name = self.device_name.clone();
            let device = UnconfirmedDevice::enrol(owner, device_key, group_key, name, rng);
            let request = device.request(&tokens.access);
            let awaiting = Awaiting::Confirmation { tokens, username, device };
            return Ok(Self::without(discarded, self.awaiting(awaiting, request)));
        }
        let device = match device {
            // An unreadable token is no reason to drop the device.
            Some(record) if claims == Claims::default() => DeviceOutcome::Known(record),
            Some(record)
                if claims.device_key.as_ref() == Some(&record.device_key)
                    && record.owner.username == username =>
            {
                DeviceOutcome::Known(record)
            }
            _ => DeviceOutcome::Untracked,
        };
        Ok(Outcome { tokens, username, device }.into())
    }

    /// Completes the sign-in after `ConfirmDevice`, unless the user chose to remember the device.
    pub(super) fn confirmed(
        self: Box<Self>,
        tokens: Tokens,
        username: String,
        device: UnconfirmedDevice,
        reply: Reply<'_>,
    ) -> Step {
        let (record, consent) = match device.handle(reply) {
            Ok(confirmed) => confirmed,
            Err(error) => {
                let device = DeviceOutcome::Unconfirmed { device, error };
                return Outcome { tokens, username, device }.into();
            }
        };
        let prompt = match (consent, self.remember) {
            (Consent::Needed, RememberChoice::Remember) => {
                let request = Request::new(&UpdateDeviceStatusRequest {
                    device_remembered_status: Some(DeviceRememberedStatusType::Remembered),
                    ..UpdateDeviceStatusRequest::new(tokens.access.clone(), &record.device_key)
                });
                let awaiting = Awaiting::Remembrance { tokens, username, record };
                return self.awaiting(awaiting, request).into();
            }
            (Consent::Needed, RememberChoice::Ask) => RememberPrompt::Ask,
            (Consent::Needed, RememberChoice::DoNotRemember) | (Consent::NotNeeded, _) => {
                RememberPrompt::Settled
            }
        };
        Outcome { tokens, username, device: DeviceOutcome::New { record, prompt } }.into()
    }
}

/// Both keys of a new device. If one is missing, the device cannot be confirmed.
fn keys(metadata: NewDeviceMetadataType) -> Option<(String, String)> {
    let present = |key: Option<String>| key.filter(|key| !key.is_empty());
    present(metadata.device_key).zip(present(metadata.device_group_key))
}
