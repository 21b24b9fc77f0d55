//! Seeing the calls go by.

use std::time::Duration;

use device_proto::ServiceError;
use device_wire::Operation;

use crate::ErrorKind;

/// One attempt at a call, after it ended. It carries no secret.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallEvent<'a> {
    /// The operation.
    pub operation: Operation,
    /// The flow that it began, or the challenge that it answered.
    pub step: Option<&'a str>,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// How long it took.
    pub duration: Duration,
    /// What came of it.
    pub outcome: CallOutcome<'a>,
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum CallOutcome<'a> {
    /// The service did it. In a sign-in, that may be to ask for more.
    Answered {
        /// The challenge that it asked, if any.
        challenge: Option<&'a str>,
    },
    /// The service refused.
    Refused(&'a ServiceError),
    /// There was no answer by the service.
    Failed(ErrorKind),
}
