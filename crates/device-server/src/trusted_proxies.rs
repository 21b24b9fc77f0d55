//! The sender of a request behind proxies.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::setup_error::SetupError;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The header in which proxies name the sender of a request.
///
/// Only one is read: a proxy that sets one passes the other on as the client wrote it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProxyHeader {
    /// `X-Forwarded-For: 192.0.2.7`.
    #[default]
    XForwardedFor,
    /// `Forwarded: for=192.0.2.7;proto=https`, of RFC 7239.
    Forwarded,
}

/// The proxies that are trusted to name the sender of a request: addresses and networks.
///
/// Without any, the sender is the peer of the connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ProxyHeader,
}

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
        let networks = list.into_iter().map(network).collect::<Result<_, _>>()?;
        Ok(Self { networks, ..Self::default() })
    }

    /// Reads senders from this header. Default: `X-Forwarded-For`.
    #[must_use]
    pub fn header(mut self, header: ProxyHeader) -> Self {
        self.header = header;
        self
    }

    /// Whether `address` is a trusted proxy's.
    pub(crate) fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The sender of the request on a connection from `peer`.
    ///
    /// Each proxy appends the address that called it. The client may have written any earlier
    /// entries, so the list is read from its end, up to the first address that is not a trusted
    /// proxy's.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        self.along(peer.to_canonical(), self.hops(headers))
    }

    fn along(&self, mut client: IpAddr, mut hops: Vec<Option<IpAddr>>) -> IpAddr {
        while self.include(client) {
            // An entry that is not an address ends the chain: its writer is the last known sender.
            match hops.pop().flatten() {
                Some(before) => client = before,
                None => break,
            }
        }
        client
    }

    /// The sender of a request over a socket file. A process that may open the file is trusted as a
    /// proxy.
    pub(crate) fn client_of_file(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let mut hops = self.hops(headers);
        let peer = hops.pop().flatten()?;
        Some(self.along(peer, hops))
    }

    /// The senders that the header names, the latest last; `None` for one that is not an address.
    fn hops(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        match self.header {
            ProxyHeader::XForwardedFor => {
                let lines = headers.get_all(X_FORWARDED_FOR).iter();
                lines
                    .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
                    .map(|hop| address(std::str::from_utf8(hop).ok()?))
                    .collect()
            }
            ProxyHeader::Forwarded => {
                let lines = headers.get_all(FORWARDED).iter();
                lines.flat_map(|line| forwarded(line.as_bytes())).collect()
            }
        }
    }
}

/// The senders in a line of `Forwarded`.
///
/// It is split from its end: quotes that the client left open must not swallow what a proxy
/// appended. Addresses and ports need no escapes in quotes.
fn forwarded(line: &[u8]) -> Vec<Option<IpAddr>> {
    let mut is_quoted = false;
    let elements = line.rsplit(|byte| {
        is_quoted ^= *byte == b'"';
        *byte == b',' && !is_quoted
    });
    let mut senders: Vec<_> = elements.map(sender).collect();
    senders.reverse();
    senders
}

/// The only `for` of an element.
fn sender(element: &[u8]) -> Option<IpAddr> {
    let element = std::str::from_utf8(element).ok()?;
    let mut senders = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then_some(value.trim())
    });
    let value = senders.next().filter(|_| senders.next().is_none())?;
    address(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
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
    use axum::http::HeaderValue;

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
                headers.append(X_FORWARDED_FOR, line.parse().unwrap());
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
    fn forwarded_is_read_from_its_end_only_if_it_is_chosen() {
        let x_only = TrustedProxies::new(["10.0.0.0/8"]).unwrap();
        let proxies = x_only.clone().header(ProxyHeader::Forwarded);
        for (line, client) in [
            ("for=198.51.100.1", "198.51.100.1"),
            ("For=\"198.51.100.1:4711\";proto=https;by=10.0.0.1", "198.51.100.1"),
            ("proto=https; for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=\"[2001:db8::7]\"", "2001:db8::7"),
            // The client wrote what is to the left, whatever it is.
            ("for=1.1.1.1, for=198.51.100.1", "198.51.100.1"),
            ("for=1.1.1.1, for=198.51.100.1, for=10.0.0.2", "198.51.100.1"),
            ("for=\"1.1.1.1, for=198.51.100.1", "198.51.100.1"),
            ("for=\"a,b\", for=198.51.100.1", "198.51.100.1"),
            ("\u{e9}, for=198.51.100.1", "198.51.100.1"),
            ("for=\"\\\"\", for=198.51.100.1;proto=http", "198.51.100.1"),
            // What names nobody, or two, ends the chain at the proxy that wrote it.
            ("for=198.51.100.1, for=unknown", "10.0.0.1"),
            ("for=198.51.100.1, for=_hidden", "10.0.0.1"),
            ("for=1.1.1.1;for=2.2.2.2", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.append(FORWARDED, HeaderValue::from_bytes(line.as_bytes()).unwrap());
            let of = |proxies: &TrustedProxies, peer: &str| {
                proxies.client(peer.parse().unwrap(), &headers).to_string()
            };
            assert_eq!(of(&proxies, "10.0.0.1"), client, "{line}");
            assert_eq!(of(&proxies, "203.0.113.9"), "203.0.113.9", "a stranger's is ignored");
            assert_eq!(of(&x_only, "10.0.0.1"), "10.0.0.1", "the other header counts");
            let named = proxies.client_of_file(&headers).map(|client| client.to_string());
            assert_eq!(named, Some(client.to_owned()).filter(|it| it != "10.0.0.1"), "{line}");
            headers.append(X_FORWARDED_FOR, "192.0.2.66".parse().unwrap());
            let of = proxies.client("10.0.0.1".parse().unwrap(), &headers).to_string();
            assert_eq!(of, client, "the client may have written the other header");
        }
    }

    #[test]
    fn bytes_that_are_no_text_hide_no_sender() {
        let proxies = TrustedProxies::new(["10.0.0.0/8"]).unwrap();
        let mut headers = HeaderMap::new();
        let line = HeaderValue::from_bytes(b"\xe9, 198.51.100.1").unwrap();
        headers.append(X_FORWARDED_FOR, line);
        let client = proxies.client("10.0.0.1".parse().unwrap(), &headers);
        assert_eq!(client.to_string(), "198.51.100.1");
    }

    #[test]
    fn an_invalid_network_is_named_in_the_error() {
        for list in ["", "proxy", "10.0.0.0/33", "10.0.0.1:80", "10.0.0.0/8;::1"] {
            let error = TrustedProxies::new(["::1", list]).unwrap_err().to_string();
            assert!(error.contains(&format!("\"{list}\"")), "{error}");
        }
    }
}
