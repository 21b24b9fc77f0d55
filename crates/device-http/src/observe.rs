//! Events of each attempt at a call, for logs and metrics.

use std::sync::Arc;
use std::time::Duration;

use device_proto::ServiceError;
use device_wire::Operation;

use crate::error::ErrorKind;

/// A function that receives an event for each attempt.
pub(crate) type Observer = Arc<dyn Fn(&CallEvent<'_>) + Send + Sync>;

/// One finished attempt at a call. It contains no secret.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct CallEvent<'a> {
    /// The operation.
    pub operation: Operation,
    /// The step of a sign-in that the request takes: see [`step`](device_proto::Request::step).
    pub step: Option<&'a str>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// How long the attempt took.
    pub duration: Duration,
    /// How it ended.
    pub outcome: CallOutcome<'a>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum CallOutcome<'a> {
    /// The service executed the request.
    Answered {
        /// The next step of the sign-in, if the service asks for one: see
        /// [`next_step`](device_proto::Request::next_step).
        next_step: Option<&'a str>,
    },
    /// The service refused.
    Refused(&'a ServiceError),
    /// The service did not answer.
    Failed(ErrorKind),
}
