//! Decisions that the operator's code takes; the service calls them Lambda triggers.

use std::fmt;

use serde_json::Value;

/// The operator's code that the engine calls during an operation.
///
/// The engine calls it while it decides a command. If the decision must be repeated, it takes the
/// answers that it has. Custom senders are called by the host, when it delivers messages.
pub trait Hooks: Send + Sync {
    /// Passes `event` to the pool's hook and returns the event as the hook changed it.
    ///
    /// `function` is the ARN that the pool names for the trigger. Only the triggers of custom
    /// authentication are called without one.
    ///
    /// The event has the shape of the service's trigger events (`version`, `triggerSource`,
    /// `region`, `userPoolId`, `userName`, `callerContext`, `request`, `response`).
    ///
    /// # Errors
    ///
    /// [`HookError`].
    fn call(&self, function: Option<&str>, event: &Value) -> Result<Value, HookError>;

    /// Whether there is code for a trigger with this function. Default: yes.
    ///
    /// If there is none, the engine reads no user for it.
    fn runs(&self, _function: Option<&str>) -> bool {
        true
    }

    /// Passes the event of a message to its custom sender. Default: [`call`](Self::call).
    ///
    /// The host calls it after the commit, and again after a failure, so it should try once. The
    /// log shows the text of an error, which must therefore quote nothing of the event.
    ///
    /// # Errors
    ///
    /// [`HookError`]. A refusal is not retried.
    fn deliver(&self, function: &str, event: &Value) -> Result<(), HookError> {
        match self.call(Some(function), event) {
            Err(HookError::Refused(_)) => Err(HookError::Refused("reason not shown".into())),
            answer => answer.map(drop),
        }
    }
}

/// Why a hook gave no answer. The caller of the operation reads the text, as with the service.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookError {
    /// No hook is configured.
    Missing,
    /// The hook refused, with this reason.
    Refused(String),
    /// The hook could not be called, or its answer is not an event.
    Failed(String),
    /// Too many calls of the hook are under way; the caller may retry.
    Busy,
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no hook is configured"),
            Self::Refused(reason) => write!(f, "the hook refused: {reason}"),
            Self::Failed(reason) => write!(f, "the hook failed: {reason}"),
            Self::Busy => f.write_str("too many calls of the hook are under way"),
        }
    }
}

impl std::error::Error for HookError {}

/// No hooks. Custom authentication is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {
    fn call(&self, _function: Option<&str>, _event: &Value) -> Result<Value, HookError> {
        Err(HookError::Missing)
    }

    fn runs(&self, _function: Option<&str>) -> bool {
        false
    }
}
