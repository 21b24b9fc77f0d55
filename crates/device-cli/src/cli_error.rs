//! Why a command failed, and the exit code that says so to scripts.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use device_auth::Sensitive;

use crate::audit::AuditError;
use crate::signed_call::CallError;

/// The exit codes, with their meaning. `docs/cli.md` has the table.
pub(crate) const EXIT_CODES: &[(u8, &str)] = &[
    (0, "done"),
    (FAILED, "failed, for a reason not listed below; `health`: the server does not work or answer"),
    (USAGE, "wrong arguments, or arguments that do not fit together"),
    (UNCOMPARED, "`audit verify`: the export is good, but a kept head is too old to be compared"),
    (NOT_FOUND, "the pool, client, user, group, device or file does not exist"),
    (NOT_PERMITTED, "no access key, a wrong one, or one that does not permit it; not signed in"),
    (NO_ANSWER, "no server answers"),
];

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const UNCOMPARED: u8 = 3;
const NOT_FOUND: u8 = 4;
const NOT_PERMITTED: u8 = 5;
const NO_ANSWER: u8 = 6;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{}", sign_in_advice(.0))]
    SignIn(#[from] device_auth::Error),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Other(Box<dyn Error>),
}

impl CliError {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    pub(crate) fn other(error: impl Into<Box<dyn Error>>) -> Self {
        Self::Other(error.into())
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    /// Whether the reader of the output has gone, as `head` does when it has enough.
    pub(crate) fn is_closed_output(&self) -> bool {
        let source = match self {
            Self::Output(source) | Self::Audit(AuditError::Output(source)) => source,
            _ => return false,
        };
        source.kind() == io::ErrorKind::BrokenPipe
    }

    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Call(error) | Self::Audit(AuditError::Call(error)) => of_call(error),
            Self::Audit(AuditError::Uncompared(_)) => UNCOMPARED,
            Self::Usage(_) => USAGE,
            Self::File { source, .. } if source.kind() == io::ErrorKind::NotFound => NOT_FOUND,
            Self::SignIn(error) => of_sign_in(error),
            Self::Audit(_)
            | Self::Failed(_)
            | Self::File { .. }
            | Self::Output(_)
            | Self::Other(_) => FAILED,
        }
    }
}

fn of_call(error: &CallError) -> u8 {
    match error {
        CallError::NoKey(_) | CallError::Unsigned => NOT_PERMITTED,
        CallError::Settings(_) => USAGE,
        CallError::NoAnswer { .. } => NO_ANSWER,
        CallError::Refused { code: Some(code), .. } => of_code(code),
        CallError::Refused { code: None, .. } | CallError::Call(_) => FAILED,
    }
}

fn of_sign_in(error: &device_auth::Error) -> u8 {
    use device_auth::Error;

    match error {
        Error::SignedOut | Error::SessionExpired | Error::NoRefreshToken => NOT_PERMITTED,
        Error::Service(error) => of_code(error.code().as_str()),
        Error::Transport(_) => NO_ANSWER,
        Error::DeviceNotTracked | Error::DeviceUnknown => NOT_FOUND,
        Error::Configuration(_) => USAGE,
        _ => FAILED,
    }
}

/// The error, with the command that helps.
fn sign_in_advice(error: &device_auth::Error) -> String {
    use device_auth::Error;

    match error {
        Error::SignedOut => {
            "nobody is signed in on this machine: run `device sign-in`. An administrator names a \
             user with --user and --pool"
                .to_owned()
        }
        Error::SessionExpired | Error::NoRefreshToken => {
            "the session has ended: run `device sign-in` again".to_owned()
        }
        Error::DeviceNotTracked => {
            "this machine is not known to the pool: run `device sign-in` again, in a pool that \
             remembers devices"
                .to_owned()
        }
        error => error.to_string(),
    }
}

/// The exit code for an error of the service.
fn of_code(code: &str) -> u8 {
    match code {
        "ResourceNotFoundException" | "UserNotFoundException" => NOT_FOUND,
        "AccessDeniedException"
        | "ExpiredTokenException"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationTokenException"
        | "NotAuthorizedException"
        | "UnrecognizedClientException" => NOT_PERMITTED,
        _ => FAILED,
    }
}

/// A secret that was typed or read, wiped when it is dropped.
pub(crate) type Secret = Sensitive<String>;
