//! Decisions that an operator takes over: what the service calls its lambda triggers.

use std::fmt;

use serde_json::Value;

/// Code of the operator's that the engine asks on the way. It is asked while a command is being
/// decided, and may be asked again when the decision has to be made anew: an answer should depend
/// on the event alone.
pub trait Hooks: Send + Sync {
    /// Hands `event`, in the shape of the service's trigger events (`version`, `triggerSource`,
    /// `region`, `userPoolId`, `userName`, `callerContext`, `request`, `response`), to the hook of
    /// that pool, and returns the event as the hook gives it back.
    ///
    /// # Errors
    /// [`HookError`].
    fn call(&self, event: &Value) -> Result<Value, HookError>;
}

/// Why a hook gave no answer. The text is for the caller of the operation, as the service passes it
/// on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HookError {
    /// No hook is configured.
    Missing,
    /// The hook refused, with this reason.
    Refused(String),
    /// The hook could not be asked, or its answer is no event.
    Failed(String),
    /// Too many calls wait for the hook; the caller may try again.
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

/// No hooks: custom authentication is refused.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {
    fn call(&self, _event: &Value) -> Result<Value, HookError> {
        Err(HookError::Missing)
    }
}
