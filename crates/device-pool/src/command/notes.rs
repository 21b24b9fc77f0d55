//! Notes of a command for the audit trail and the log.
//!
//! Rules note what they find where they find it. Only `rules::audit` turns the notes into an event.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::trail::Trail;
use crate::host::invocation::MfaDecision;
use crate::host::moment::Moment;

/// The notes of a command so far.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) pool_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) subject: Option<Subject>,
    pub(crate) device_key: Option<String>,
    /// The sign-in of which the command is a step.
    pub(crate) trail: Option<Trail>,
    /// The facts on which a second factor was required or skipped.
    pub(crate) situation: Option<Value>,
    /// Why a second factor was asked for or skipped.
    pub(crate) mfa: Option<MfaDecision>,
    /// The id of the command's event, if a message tells it.
    pub(crate) event_id: Option<String>,
    /// Reasons besides those of the sign-in.
    pub(crate) reasons: Vec<String>,
    /// Whether the command exchanges a refresh token for new tokens.
    pub(crate) refreshes: bool,
    /// Whether the caller acts by the link of a message.
    pub(crate) by_link: bool,
    pub(crate) finding: Finding,
    /// The salts of seeded passwords whose verifiers the command computed.
    pub(crate) completed: Vec<String>,
}

/// The subject of a command: a user or a decoy.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) pool_id: String,
    /// The `sub` of the user or decoy.
    pub(crate) sub: String,
    /// Whether the name is unknown.
    pub(crate) is_nobody: bool,
    /// When the user is removed if the account is not confirmed.
    pub(crate) removed_at: Option<Moment>,
}

/// A command's finding, which decides whether it leaves an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Finding {
    /// No proof was checked. Anyone may cause such a refusal, and it leaves no event.
    #[default]
    Nothing,
    /// A proof succeeded. A refusal that follows leaves an event.
    Proven,
    /// A factor was passed, and more is required.
    InProgress,
    /// A sign-in or refresh ended with tokens.
    Tokens,
    /// A proof was wrong or out of order.
    Failed,
    /// A proof was refused unchecked.
    LockedOut(Wait),
}

/// A wait after failed attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    /// The kind of attempt.
    pub(crate) kind: String,
    /// When the last attempt failed.
    pub(crate) since: Moment,
}

impl Notes {
    /// Notes what a step of a sign-in found, and what the sign-in established so far.
    pub(crate) fn judge(&mut self, trail: &Trail, device_key: Option<&str>, finding: Finding) {
        self.trail = Some(trail.clone());
        self.device_key = device_key.map(str::to_owned);
        self.finding = finding;
    }

    /// Adds a reason.
    pub(crate) fn reason(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if self.reasons.last() != Some(&reason) {
            self.reasons.push(reason);
        }
    }
}
