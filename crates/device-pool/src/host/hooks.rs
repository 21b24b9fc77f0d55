//! Decisions that the operator's code takes; the service calls them Lambda triggers.

use std::fmt;

use serde_json::Value;

/// The operator's code that the engine calls during an operation.
///
/// The engine calls it while it decides a command. If the decision must be repeated, it takes the
/// answers that it has.
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

    /// Whether there is code for this trigger of custom authentication. Default: yes.
    ///
    /// If there is none, the engine refuses before it reads the user.
    fn runs_custom_authentication(&self, _function: Option<&str>) -> bool {
        true
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
    /// Too many calls wait for the hook; the caller may retry.
    Busy,
}

impl fmt::Display for HookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no hook is configured"),
            Self::Refused(reason) => write!(f, "the hook refused: {reason}"),
            Self::Failed(reason) => write!(f, "the hook failed: {reason}"),
            Self::Busy => f.write_str("too many calls wait for the hook"),
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

    fn runs_custom_authentication(&self, _function: Option<&str>) -> bool {
        false
    }
}
