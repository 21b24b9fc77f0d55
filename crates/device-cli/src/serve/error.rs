//! Why the server does not start, worded for the person who started it.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use device_server::OpenError;

/// A reason, and where there is one a way out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error("{0}")]
    Settings(String),
    #[error("the configuration file {} cannot be used: {reason}", path.display())]
    ConfigFile { path: PathBuf, reason: String },
    #[error("cannot listen on {addr}: {}", listen_advice(source))]
    Listen { addr: SocketAddr, source: io::Error },
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("the credentials in {} cannot be used: {reason}", path.display())]
    Credentials { path: PathBuf, reason: String },
    #[error("the server cannot run: {0}")]
    Runtime(io::Error),
}

fn listen_advice(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "something listens there already. Stop it, or choose another address with --listen \
                                 (127.0.0.1:0 takes any free port)"
                .to_owned()
        }
        ErrorKind::PermissionDenied => {
            "the system does not permit it. Ports below 1024 are for privileged users; \
                                        choose another one with --listen"
                .to_owned()
        }
        ErrorKind::AddrNotAvailable => {
            "the address is not one of this machine's. 0.0.0.0 stands for all of them".to_owned()
        }
        _ => error.to_string(),
    }
}
