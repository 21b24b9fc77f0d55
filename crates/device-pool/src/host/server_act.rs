//! What administrators do at the server itself, outside of the pools.

/// An act of an administrator at the server itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerAct {
    /// A session in the console was opened.
    SessionOpened,
    /// A session in the console was ended before its time.
    SessionEnded,
    /// An access key was added.
    AccessKeyAdded,
    /// An access key was revoked.
    AccessKeyRevoked,
    /// The server's or pools' keys were replaced.
    KeysRotated,
}

impl ServerAct {
    /// Its name in the audit trail.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SessionOpened => "OpenConsoleSession",
            Self::SessionEnded => "EndConsoleSession",
            Self::AccessKeyAdded => "AddAccessKey",
            Self::AccessKeyRevoked => "RevokeAccessKey",
            Self::KeysRotated => "RotateKeys",
        }
    }
}
