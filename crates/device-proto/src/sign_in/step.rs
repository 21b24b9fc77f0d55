//! The caller's next action.

use device_wire::Sensitive;

use super::challenge::Challenge;
use super::outcome::Outcome;
use super::prompt::Prompt;
use super::state::{Answer, Context, Presence, Presented, SignIn};
use crate::record::{DeviceOwner, DeviceRecord};
use crate::request::Request;

/// The caller's next action.
#[derive(Debug)]
#[must_use = "the sign-in stands still until this is done"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller that ignores a step would leave the sign-in standing: the compiler says so"
)]
pub enum Step {
    /// Send the request and [`handle`](SignIn::handle) the reply.
    Send(SignIn, Request),
    /// The service has sent the user's internal name: look up that user's device record.
    Find(Lookup),
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
