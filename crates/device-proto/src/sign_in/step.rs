//! The caller's next action.

use device_srp::ClientEphemeral;
use device_wire::enums::ChallengeNameType;
use device_wire::{Sensitive, param};
use rand_core::CryptoRng;

use super::challenge::Challenge;
use super::confirm::NewSecret;
use super::outcome::Outcome;
use super::prompt::Prompt;
use super::state::{Answer, Awaiting, Context, Presence, Presented, SignIn};
use crate::credentials::Metadata;
use crate::record::{DeviceOwner, DeviceRecord, OfferedSecret};
use crate::request::Request;

/// The caller's next action.
#[derive(Debug)]
#[must_use = "the sign-in stands still until this is done"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller must handle every step: a sign-in does not continue without"
)]
pub enum Step {
    /// Send the request and [`handle`](SignIn::handle) the reply.
    Send(SignIn, Request),
    /// The service has sent the user's internal name: look up that user's device record.
    Find(Lookup),
    /// The device is about to prove itself in a pool that replaces device secrets: look its record
    /// up again, after other sign-ins of the same device have ended if possible.
    Reread(Reread),
    /// The service asks for a new device secret: save the record, then continue.
    Keep(Offer),
    /// The service no longer accepts this device. Delete its record, then continue as with
    /// [`Step::Send`]: the sign-in proceeds as on a new device.
    Discard {
        /// The record to delete.
        device: Box<DeviceRecord>,
        /// The sign-in to continue with.
        sign_in: SignIn,
        /// The request to send.
        request: Request,
    },
    /// The service has replaced the device's secret and has another question: save the record, then
    /// continue as with [`Step::Ask`].
    Replaced {
        /// The record to save in place of the device's present one.
        device: Box<DeviceRecord>,
        /// What to ask the user.
        challenge: Challenge,
    },
    /// Ask the user.
    Ask(Challenge),
    /// The user is signed in.
    Done(Box<Outcome>),
}

/// A sign-in that waits for the device record of its user.
///
/// The user may have typed an e-mail address, a phone number, or another case. The service sends
/// the user's internal name with its first challenge, before the device must prove itself, so that
/// one record serves all names. A sign-in asks at most once after each name that it receives, and
/// not if the record that it started with belongs to that user.
#[derive(Debug)]
#[must_use = "the sign-in goes on with the record, or without one"]
pub struct Lookup {
    context: Box<Context>,
    owner: DeviceOwner,
    next: Next,
}

/// A device proof that waits for the latest record of its device.
///
/// The pool replaces device secrets, and another sign-in of the same device may have replaced this
/// one since its record was read. A proof of an earlier secret makes the service think that the
/// device was copied. So one sign-in of a device proves itself at a time, from this step to
/// [`Step::Done`], [`Step::Ask`] or [`Step::Replaced`], and reads the record in its turn.
#[derive(Debug)]
#[must_use = "the sign-in goes on with the record, or with the one that it has"]
pub struct Reread {
    context: Box<Context>,
    device: Presented,
    session: Option<Sensitive<String>>,
    ephemeral: ClientEphemeral,
}

impl Reread {
    pub(super) fn new(
        context: Box<Context>,
        device: Presented,
        session: Option<Sensitive<String>>,
        ephemeral: ClientEphemeral,
    ) -> Self {
        Self { context, device, session, ephemeral }
    }

    /// The record that the sign-in has.
    #[must_use]
    pub fn record(&self) -> &DeviceRecord {
        &self.device.record
    }

    /// Continues with the stored record, or with the one that the sign-in has. A record of another
    /// device is ignored.
    pub fn read(mut self, record: Option<DeviceRecord>) -> Step {
        let known = &self.device.record;
        let is_same = |record: &DeviceRecord| {
            record.owner == known.owner && record.device_key == known.device_key
        };
        if let Some(record) = record.filter(is_same) {
            self.device.record = record;
        }
        let Self { context, device, session, ephemeral } = self;
        let answer = Answer {
            challenge: ChallengeNameType::DeviceSrpAuth,
            session,
            responses: Sensitive::from([(param::SRP_A, ephemeral.public().to_hex())]),
        };
        let request = context.respond(&answer, Some(&device.record));
        context.awaiting(Awaiting::DeviceChallenge { device, ephemeral }, request).into()
    }
}

/// A device proof that waits for its record to be saved.
///
/// The proof offers the service a new secret. Its answer may be lost, so the record holds both
/// secrets before the proof is sent; the next sign-in learns from the service which one counts.
#[derive(Debug)]
#[must_use = "the sign-in goes on once the record is saved, or could not be"]
pub struct Offer {
    context: Box<Context>,
    device: Presented,
    answer: Answer,
    offering: DeviceRecord,
    entries: Metadata,
}

impl Offer {
    pub(super) fn new(
        context: Box<Context>,
        device: Presented,
        answer: Answer,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let mut offering = device.record.clone();
        let NewSecret { password, salt_in_hex, salt, verifier } =
            NewSecret::random(&offering.group_key, &offering.device_key, rng);
        offering.offer(OfferedSecret { salt: salt_in_hex, password });
        let mut entries = Metadata::default();
        entries.insert(param::NEW_DEVICE_SALT.to_owned(), salt.into_inner());
        entries.insert(param::NEW_DEVICE_VERIFIER.to_owned(), verifier.into_inner());
        Self { context, device, answer, offering, entries }
    }

    /// The record to save in place of the device's present one.
    #[must_use]
    pub fn record(&self) -> &DeviceRecord {
        &self.offering
    }

    /// Continues after the record was saved: the proof offers the new secret.
    pub fn saved(self) -> Step {
        let device = Presented { record: self.offering, ..self.device };
        self.context.send_device_proof(device, &self.answer, &self.entries).into()
    }

    /// Continues after saving has failed: the proof offers nothing.
    pub fn not_saved(self) -> Step {
        self.context.send_device_proof(self.device, &self.answer, &Metadata::default()).into()
    }
}

/// What follows a lookup.
#[derive(Debug)]
pub(super) enum Next {
    /// A proof goes to the service.
    Send(Answer),
    /// The user is asked.
    Ask(Prompt, Option<Sensitive<String>>),
}

impl Lookup {
    pub(super) fn new(context: Box<Context>, owner: DeviceOwner, next: Next) -> Self {
        Self { context, owner, next }
    }

    /// The user whose record to look up.
    #[must_use]
    pub fn owner(&self) -> &DeviceOwner {
        &self.owner
    }

    /// Continues with the found record, or without one. A record of another owner is ignored.
    pub fn found(mut self, record: Option<DeviceRecord>) -> Step {
        let record = record.filter(|record| record.owner == self.owner);
        let device = std::mem::replace(&mut self.context.device, Presence::Absent);
        self.context.device = match (record, device) {
            (Some(record), Presence::Awaited(credentials)) => {
                Presence::Presented(Presented { record, credentials })
            }
            (Some(record), Presence::Presented(Presented { credentials, .. })) => {
                Presence::Presented(Presented { record, credentials })
            }
            // A service may use a different name for a user in challenges than in tokens. So the
            // record found under the typed name is not dropped just because of its owner's name.
            (None, device @ Presence::Presented(_)) => device,
            (_, Presence::Absent) | (None, Presence::Awaited(_)) => Presence::Absent,
        };
        self.next.step(self.context)
    }
}

impl Next {
    pub(super) fn step(self, context: Box<Context>) -> Step {
        match self {
            Self::Send(answer) => context.send(answer, None, None).into(),
            Self::Ask(prompt, session) => Step::Ask(Challenge::new(prompt, context, session, None)),
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
