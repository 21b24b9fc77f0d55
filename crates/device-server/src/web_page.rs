//! Which web pages may do what anyone may where administrators do not sign: a developer's own, and
//! no others.
//!
//! A developer's browser is on the machine that the server trusts, and visits pages that nobody
//! trusts. Browsers put an `Origin` on every POST, and on every GET whose answer a page of another
//! origin wants to read. What is left is a GET by a page whose own name has been made to point here
//! (DNS rebinding), and its `Host` is that name.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Method};
use reqwest::Url;

use crate::service::Origins;

/// What a page that may not is told.
pub(crate) const REFUSED: &str = "Where administrators do not sign, only pages on localhost, or of \
                                  origins that are listed, may do this.";

/// Whether a request was made by a page that is neither on this machine nor listed in `origins`.
/// `public_url` is where clients reach the server.
pub(crate) fn is_foreign(
    method: &Method,
    headers: &HeaderMap,
    origins: &Origins,
    public_url: &str,
) -> bool {
    match headers.get(ORIGIN) {
        Some(origin) => {
            let listed = matches!(origins, Origins::Only(list) if list.contains(origin));
            let page = origin.to_str().ok().and_then(page);
            !(listed || page.as_ref().is_some_and(is_this_machine))
        }
        None if method == Method::POST => false,
        None => headers.get(HOST).is_some_and(|host| {
            let here = host.to_str().ok().and_then(|host| page(&format!("http://{host}")));
            !here.is_some_and(|here| {
                // No name was looked up for an address.
                is_this_machine(&here)
                    || address(&here).is_some()
                    || page(public_url).is_some_and(|public| public.host_str() == here.host_str())
            })
        }),
    }
}

fn page(url: &str) -> Option<Url> {
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

fn is_this_machine(page: &Url) -> bool {
    match (page.domain(), address(page)) {
        (Some(name), _) => name == "localhost" || name.ends_with(".localhost"),
        (None, address) => address.is_some_and(|address| address.to_canonical().is_loopback()),
    }
}

/// The address that stands in place of a name.
fn address(page: &Url) -> Option<IpAddr> {
    page.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(method: Method, header: (&'static str, &str), origins: &Origins) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header.0, header.1.parse().unwrap());
        is_foreign(&method, &headers, origins, "http://auth.test:9229")
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
                    foreign(method, ("origin", origin), &Origins::Any),
                    expected,
                    "{origin}"
                );
            }
        }
    }

    #[test]
    fn a_page_of_a_listed_origin_is_a_developers_own_too() {
        let listed = Origins::Only(vec!["http://dev.example:3000".parse().unwrap()]);
        assert!(!foreign(Method::POST, ("origin", "http://dev.example:3000"), &listed));
        assert!(!foreign(Method::POST, ("origin", "http://localhost:3000"), &listed));
        assert!(foreign(Method::POST, ("origin", "http://dev.example"), &listed));
    }

    #[test]
    fn a_name_that_was_made_to_point_here_reads_nothing() {
        for (host, expected) in [
            ("localhost:9229", false),
            ("127.0.0.1:9229", false),
            ("[::1]:9229", false),
            ("192.168.1.5:9229", false),
            ("AUTH.test:9229", false),
            ("evil.example:9229", true),
            ("127.0.0.1.evil.example", true),
            ("a b", true),
        ] {
            assert_eq!(foreign(Method::GET, ("host", host), &Origins::Any), expected, "{host}");
            // A browser's POST says its origin, and other clients reach the server by whatever name
            // they know.
            assert!(!foreign(Method::POST, ("host", host), &Origins::Any), "{host}");
        }
        assert!(!is_foreign(&Method::GET, &HeaderMap::new(), &Origins::Any, ""));
    }
}
