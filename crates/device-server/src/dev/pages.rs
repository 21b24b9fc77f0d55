//! The web pages that dev mode trusts: the developer's own and no others.
//!
//! A developer's browser runs on the machine that the server trusts, and visits pages that must not
//! be trusted. Browsers send an `Origin` with every POST, and with every GET whose answer a page of
//! another origin wants to read. What remains is a GET by a page whose own name was made to point
//! to this server (DNS rebinding): its `Host` is that name.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use reqwest::Url;

use crate::origins::Origins;

/// The pages and host names that dev mode trusts.
pub(super) struct Pages {
    origins: Origins,
    public: Option<Url>,
    /// In lower case.
    hosts: Vec<String>,
}

impl Pages {
    /// Trusts this machine, the listed `origins`, the host of `public_url`, and `hosts` (in lower
    /// case).
    pub(super) fn new(origins: Origins, public_url: &str, hosts: Vec<String>) -> Self {
        Self { origins, public: parse(public_url), hosts }
    }

    /// Whether a request came from an untrusted page, or used a foreign host name.
    pub(super) fn is_foreign(&self, method: &Method, headers: &HeaderMap) -> bool {
        match headers.get(ORIGIN) {
            Some(origin) => {
                let page = origin.to_str().ok().and_then(parse);
                !(self.origins.lists(origin) || page.as_ref().is_some_and(is_this_machine))
            }
            // Browsers send an origin with every request that is no mere reading.
            None if !matches!(*method, Method::GET | Method::HEAD) => false,
            None => headers.get(HOST).is_some_and(|host| {
                let host = host.to_str().ok().and_then(|host| parse(&format!("http://{host}")));
                !host.is_some_and(|host| self.trusts_host(&host))
            }),
        }
    }

    fn trusts_host(&self, host: &Url) -> bool {
        // An address is reached without a name look-up, so it cannot be rebound.
        is_this_machine(host)
            || address(host).is_some()
            || self.public.as_ref().is_some_and(|public| public.host_str() == host.host_str())
            || host.host_str().is_some_and(|name| self.hosts.iter().any(|listed| listed == name))
    }
}

fn parse(url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

fn is_this_machine(page: &Url) -> bool {
    match (page.domain(), address(page)) {
        (Some(name), _) => name == "localhost" || name.ends_with(".localhost"),
        (None, address) => address.is_some_and(|address| address.to_canonical().is_loopback()),
    }
}

/// The address used instead of a name, if any.
fn address(page: &Url) -> Option<IpAddr> {
    page.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(method: Method, header: (&'static str, &str), origins: &Origins) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header.0, header.1.parse().unwrap());
        let hosts = vec!["cognito".to_owned()];
        Pages::new(origins.clone(), "http://auth.test:9229", hosts).is_foreign(&method, &headers)
    }

    #[test]
    fn a_page_on_this_machine_is_a_developers_own() {
        for (origin, expected) in [
            ("http://localhost", false),
            ("http://localhost:5173", false),
            ("https://LOCALHOST:5173", false),
            ("http://app.localhost:3000", false),
            ("http://127.0.0.1:8080", false),
            ("http://127.1.2.3", false),
            ("http://[::1]:8080", false),
            ("https://evil.example", true),
            ("http://evil.example:9229", true),
            ("http://auth.test:9229", true),
            ("http://localhost.evil.example", true),
            ("http://notlocalhost", true),
            ("http://localhost@evil.example", true),
            ("http://127.0.0.1.evil.example", true),
            ("http://192.168.1.5:5173", true),
            ("http://[::2]:8080", true),
            ("ftp://localhost", true),
            ("null", true),
            ("", true),
        ] {
            for method in [Method::POST, Method::GET] {
                assert_eq!(
                    foreign(method, ("origin", origin), &Origins::any()),
                    expected,
                    "{origin}"
                );
            }
        }
    }

    #[test]
    fn a_page_of_a_listed_origin_is_a_developers_own_too() {
        let listed = Origins::only(["http://dev.example:3000"]).unwrap();
        assert!(!foreign(Method::POST, ("origin", "http://dev.example:3000"), &listed));
        assert!(!foreign(Method::POST, ("origin", "http://localhost:3000"), &listed));
        assert!(foreign(Method::POST, ("origin", "http://dev.example"), &listed));
    }

    #[test]
    fn a_rebound_host_name_reads_nothing() {
        for (host, expected) in [
            ("localhost:9229", false),
            ("127.0.0.1:9229", false),
            ("[::1]:9229", false),
            ("192.168.1.5:9229", false),
            ("AUTH.test:9229", false),
            ("cognito:9229", false),
            ("Cognito", false),
            ("cognito.evil.example", true),
            ("evil.example:9229", true),
            ("127.0.0.1.evil.example", true),
            ("a b", true),
        ] {
            assert_eq!(foreign(Method::GET, ("host", host), &Origins::any()), expected, "{host}");
            // A browser's POST gives its origin, and other clients may reach the server by any
            // name.
            assert!(!foreign(Method::POST, ("host", host), &Origins::any()), "{host}");
        }
        let nothing = Pages::new(Origins::any(), "", Vec::new());
        assert!(!nothing.is_foreign(&Method::GET, &HeaderMap::new()));
    }
}
