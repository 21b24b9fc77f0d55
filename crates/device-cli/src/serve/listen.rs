//! The address to listen on, which may be given by name.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};

use super::ServeError;

/// An address to listen on, and the text that it was given as.
pub(crate) struct Listen {
    given: String,
    addr: SocketAddr,
}

impl Listen {
    /// Resolves `given`, such as `127.0.0.1:9229` or `localhost:9229`. If a name has several
    /// addresses, an IPv4 address wins, since clients without IPv6 can reach it.
    pub(super) fn resolve(given: &str) -> Result<Self, ServeError> {
        let unusable = |reason: String| {
            ServeError::Settings(format!(
                "--listen \"{given}\" cannot be used: {reason}. It is like 127.0.0.1:9229 or \
                 localhost:9229"
            ))
        };
        let addresses = given.to_socket_addrs().map_err(|error| unusable(error.to_string()))?;
        let addr = addresses
            .min_by_key(SocketAddr::is_ipv6)
            .ok_or_else(|| unusable("the name has no address".to_owned()))?;
        Ok(Self { given: given.to_owned(), addr })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether only this machine can reach it.
    pub(crate) fn is_loopback(&self) -> bool {
        self.addr.ip().to_canonical().is_loopback()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}
