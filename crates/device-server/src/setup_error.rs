//! Why a server cannot be set up.

use std::io;
use std::net::SocketAddr;

use device_store::OpenError;

/// Errors of setting up a server. None of them quotes a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {source}")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A setting cannot be used. The text says which, and what it should look like.
    #[error("{0}")]
    Setting(String),
}

impl SetupError {
    pub(crate) fn setting(problem: impl Into<String>) -> Self {
        Self::Setting(problem.into())
    }
}
