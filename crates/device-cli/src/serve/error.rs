//! Why the server does not start, worded for the person who started it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use device_server::{SeedFileError, SetupError};

/// Why the server does not start, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("{0}")]
    Settings(String),
    #[error("the configuration file {} cannot be used: {reason}", path.display())]
    ConfigFile { path: PathBuf, reason: String },
    #[error("the message templates in {} cannot be used: {reason}", path.display())]
    Templates { path: PathBuf, reason: String },
    #[error("cannot listen on {addr}: {}", listen_advice(source))]
    Listen { addr: SocketAddr, source: io::Error },
    #[error("cannot listen on unix:{}: {}", path.display(), file_advice(source))]
    SocketFile { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Setup(SetupError),
    #[error(transparent)]
    Seed(#[from] SeedFileError),
    #[error("the credentials in {} cannot be used: {reason}", path.display())]
    Credentials { path: PathBuf, reason: String },
    #[error("{} does not exist", path.display())]
    NoCredentials { path: PathBuf },
    #[error("the server cannot run: {0}")]
    Runtime(io::Error),
}

impl From<SetupError> for ServeError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Listen { addr, source } => Self::Listen { addr, source },
            SetupError::SocketFile { path, source } => Self::SocketFile { path, source },
            error => Self::Setup(error),
        }
    }
}

fn file_advice(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "another server listens there. Stop it, or choose another file".to_owned()
        }
        ErrorKind::AlreadyExists => format!("{error}. Remove it, or choose another file"),
        ErrorKind::NotFound => "its directory does not exist: create it".to_owned(),
        _ => error.to_string(),
    }
}

fn listen_advice(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "something listens there already. Stop it, or choose another address with --listen \
             (127.0.0.1:0 takes any free port)"
                .to_owned()
        }
        ErrorKind::PermissionDenied => {
            "the system does not permit it. Ports below 1024 are for privileged users; choose \
             another one with --listen"
                .to_owned()
        }
        ErrorKind::AddrNotAvailable => {
            "this machine does not have that address. 0.0.0.0 stands for all it has".to_owned()
        }
        _ => error.to_string(),
    }
}
