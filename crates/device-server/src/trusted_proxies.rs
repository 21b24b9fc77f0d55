//! The sender of a request behind proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::setup_error::SetupError;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose `X-Forwarded-For` is trusted: addresses and networks.
///
/// Without any, the sender is the peer of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Proxies at these addresses (`10.0.0.7`, `fd00::7`) and in these networks (`10.0.0.0/8`,
    /// `fd00::/8`).
    ///
    /// # Errors
    /// The error names the first text that is neither.
    pub fn new<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, SetupError> {
        let network = |text: &str| {
            let network: Option<IpNet> = text.parse().ok();
            network.or_else(|| text.parse().ok().map(|address: IpAddr| address.into())).ok_or_else(
                || {
                    SetupError::setting(format!(
                        "the trusted proxy \"{text}\" is not like 10.0.0.7 or 10.0.0.0/8"
                    ))
                },
            )
        };
        list.into_iter().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` is a trusted proxy's.
    pub(crate) fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The sender of the request on a connection from `peer`.
    ///
    /// Each proxy appends the address that called it. The client may have written any earlier
    /// entries, so the list is read from its end, up to the first address that is not a trusted
    /// proxy's.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let hops = headers.get_all(FORWARDED_FOR);
        let mut hops: Vec<&str> =
            hops.iter().flat_map(|line| line.to_str().unwrap_or_default().split(',')).collect();
        while self.include(client) {
            // An entry that is not an address ends the chain: its writer is the last known sender.
            match hops.pop().and_then(address) {
                Some(before) => client = before,
                None => break,
            }
        }
        client
    }
}

/// The address of an entry, which may have a port.
fn address(hop: &str) -> Option<IpAddr> {
    let hop = hop.trim();
    let bracketed = || hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = hop.parse().ok().or_else(|| hop.parse().ok().map(|hop: SocketAddr| hop.ip()));
    address.or_else(bracketed).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_the_last_address_of_no_trusted_proxy() {
        let proxies = TrustedProxies::new(["10.0.0.0/8", "192.0.2.1", "fd00::/8"]).unwrap();
        for (peer, forwarded, client) in [
            // Only listed proxies are trusted.
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            // The client wrote the entries to the left.
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["10.9.9.9, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, 192.0.2.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1,fd00::5", "192.0.2.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            // If all are trusted, the first one is the client.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, , 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            let found = proxies.client(peer.parse().unwrap(), &headers);
            assert_eq!(found, client.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
            assert_eq!(
                TrustedProxies::default().client(peer.parse().unwrap(), &headers).to_string(),
                { peer.trim_start_matches("::ffff:") }
            );
        }
    }

    #[test]
    fn an_invalid_network_is_named_in_the_error() {
        for list in ["", "proxy", "10.0.0.0/33", "10.0.0.1:80", "10.0.0.0/8;::1"] {
            let error = TrustedProxies::new(["::1", list]).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{list}\"")), "{error}");
        }
    }
}
