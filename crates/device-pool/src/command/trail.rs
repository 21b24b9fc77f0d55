//! The notes of a running sign-in: what was proven, and why a factor was required or skipped.

use serde::{Deserialize, Serialize};

use crate::host::moment::Moment;
use crate::host::risk::Risk;

/// The notes of a sign-in so far, which travel with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trail {
    /// The id of the sign-in. Its tokens carry it as `event_id`.
    pub(crate) event_id: String,
    pub(crate) started: Moment,
    /// A sentence for each decision that required or skipped a factor.
    pub(crate) reasons: Vec<String>,
    /// Whether the password was proven; `None` if none was given.
    pub(crate) password: Option<bool>,
    /// Whether the second factor was proven; `None` if none was given.
    pub(crate) mfa: Option<bool>,
    pub(crate) risk: Risk,
    /// Whether the user was told of the risk.
    #[serde(default)]
    pub(crate) notified: bool,
}

impl Trail {
    pub(crate) fn start(event_id: String, now: Moment) -> Self {
        Self {
            event_id,
            started: now,
            reasons: Vec::new(),
            password: None,
            mfa: None,
            risk: Risk::None,
            notified: false,
        }
    }

    /// Notes what holds at several steps of the sign-in.
    pub(crate) fn note_once(&mut self, reason: &str) {
        if !self.reasons.iter().any(|noted| noted == reason) {
            self.note(reason);
        }
    }

    pub(crate) fn note(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }
}
