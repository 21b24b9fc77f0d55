//! The notes of a sign-in under way: what was proven, and why a factor was asked for or skipped.

use serde::{Deserialize, Serialize};

use crate::host::moment::Moment;
use crate::host::risk::Risk;

/// What a sign-in has left behind so far. It travels with the sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trail {
    /// The id of the sign-in. Its tokens carry it as `event_id`.
    pub(crate) event_id: String,
    pub(crate) started: Moment,
    /// One sentence for every decision that asked for a factor or skipped one.
    pub(crate) reasons: Vec<String>,
    /// Whether the password was proven; `None` if none was given.
    pub(crate) password: Option<bool>,
    /// Whether the second factor was proven; `None` if none was given.
    pub(crate) mfa: Option<bool>,
    pub(crate) risk: Risk,
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
        }
    }

    pub(crate) fn note(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }
}
