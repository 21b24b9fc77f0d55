//! An address to listen on: host and port, or a socket file.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use super::ServeError;

/// The start of what names a socket file.
const FILE: &str = "unix:";

/// An address to listen on, and the text that it was given as.
#[derive(Debug)]
pub(crate) struct Listen {
    given: String,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Tcp(SocketAddr),
    File(PathBuf),
}

impl Listen {
    /// Resolves `given`, such as `127.0.0.1:9229`, `localhost:9229` or `unix:/run/device.sock`. If
    /// a name has several addresses, an IPv4 address wins, since clients without IPv6 can reach it.
    pub(super) fn resolve(option: &str, given: &str) -> Result<Self, ServeError> {
        let unusable = |reason: String| {
            ServeError::Settings(format!(
                "--{option} \"{given}\" cannot be used: {reason}. It is like 127.0.0.1:9229, \
                 localhost:9229 or unix:/run/device.sock"
            ))
        };
        let place = if let Some(path) = given.strip_prefix(FILE) {
            if path.is_empty() {
                return Err(unusable("it names no file".to_owned()));
            }
            if !cfg!(unix) {
                return Err(unusable("this system has no socket files".to_owned()));
            }
            Place::File(path.into())
        } else {
            let addresses = given.to_socket_addrs().map_err(|error| unusable(error.to_string()))?;
            let addr = addresses
                .min_by_key(SocketAddr::is_ipv6)
                .ok_or_else(|| unusable("the name has no address".to_owned()))?;
            Place::Tcp(addr)
        };
        Ok(Self { given: given.to_owned(), place })
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether only this machine can reach it.
    pub(crate) fn is_local(&self) -> bool {
        match &self.place {
            Place::Tcp(addr) => is_local(*addr),
            Place::File(_) => true,
        }
    }
}

/// Whether only this machine can reach an address.
pub(crate) fn is_local(addr: SocketAddr) -> bool {
    addr.ip().to_canonical().is_loopback()
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}
