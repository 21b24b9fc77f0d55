//! Errors of setting up a server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use device_store::{MasterKeyError, OpenError, SealError};

/// Why a server cannot be set up. No error quotes a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The server cannot listen on the address.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The requested address.
        addr: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The server cannot listen on the socket file.
    #[error("cannot listen on unix:{}: {source}", path.display())]
    SocketFile {
        /// The requested path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The store's records cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A setting is invalid. The text says which, and the expected form.
    #[error("{0}")]
    Setting(String),
}

impl From<MasterKeyError> for SetupError {
    fn from(error: MasterKeyError) -> Self {
        Self::Seal(error.into())
    }
}

impl SetupError {
    pub(crate) fn setting(problem: impl Into<String>) -> Self {
        Self::Setting(problem.into())
    }
}
