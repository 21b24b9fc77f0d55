//! What a command notes for the audit trail and the log while it decides.
//!
//! Rules note what they find where they find it. One place turns the notes into an event:
//! `rules::audit`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::trail::Trail;
use crate::host::moment::Moment;

/// What a command has noted so far.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) pool_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) subject: Option<Subject>,
    pub(crate) device_key: Option<String>,
    /// The sign-in that the command is a step of.
    pub(crate) trail: Option<Trail>,
    /// The situation on which a second factor was asked for or skipped.
    pub(crate) situation: Option<Value>,
    /// Sentences beside those of the sign-in.
    pub(crate) reasons: Vec<String>,
    /// Whether it gives new tokens for a refresh token.
    pub(crate) refreshes: bool,
    pub(crate) finding: Finding,
}

/// Whom a command is about.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) pool_id: String,
    /// The user's `sub`, or that of a decoy.
    pub(crate) sub: String,
    /// Whether the name has no user.
    pub(crate) is_nobody: bool,
    /// When the user is removed who has not confirmed the account.
    pub(crate) removed_at: Option<Moment>,
}

/// What a command found that decides whether it leaves an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Nothing was judged. Anyone may cause such a refusal, and it leaves no event.
    #[default]
    Nothing,
    /// Something was proven. A refusal that follows leaves an event.
    Proven,
    /// A factor was passed, and more is asked.
    InProgress,
    /// A sign-in ended in tokens, or new ones were given.
    Tokens,
    /// A proof was wrong, or came where it must not.
    Failed,
    /// A proof was not even looked at.
    LockedOut(Wait),
}

/// A wait after failed attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    /// What was attempted.
    pub(crate) kind: String,
    /// When the last failure was.
    pub(crate) since: Moment,
}

impl Notes {
    /// Notes what a step of a sign-in found, and what the sign-in established so far.
    pub(crate) fn judge(&mut self, trail: &Trail, device_key: Option<&str>, finding: Finding) {
        self.trail = Some(trail.clone());
        self.device_key = device_key.map(str::to_owned);
        self.finding = finding;
    }

    /// Notes why.
    pub(crate) fn reason(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.reasons.last() != Some(&reason) {
            self.reasons.push(reason);
        }
    }
}
