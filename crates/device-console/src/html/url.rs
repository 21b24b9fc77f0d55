//! Addresses of the console's pages.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

/// What may stand in a path as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The path of a page, of its parts below `/console`.
pub(crate) fn path(parts: &[&str]) -> String {
    let mut path = "/console".to_owned();
    for part in parts {
        path.push('/');
        path.extend(utf8_percent_encode(part, ESCAPED));
    }
    path
}

/// A path with a query, or with more of one.
pub(crate) fn with_query(path: &str, query: &impl Serialize) -> String {
    match serde_urlencoded::to_string(query) {
        Ok(query) if !query.is_empty() => {
            let sign = if path.contains('?') { '&' } else { '?' };
            format!("{path}{sign}{query}")
        }
        _ => path.to_owned(),
    }
}

/// The sign-in page, which leads on to `next`.
pub(crate) fn sign_in(next: Option<&str>) -> String {
    let next = next.filter(|next| *next != "/console");
    with_query("/console/sign-in", &next.map(|next| [("next", next)]))
}

/// The path `target`, if it is one of the console's own; else the first page.
pub(crate) fn own(target: Option<&str>) -> &str {
    let is_own = |target: &&str| {
        let below = target.strip_prefix("/console");
        let is_plain = target.chars().all(|c| c.is_ascii_graphic() && c != '\\');
        is_plain && below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    };
    target.filter(is_own).unwrap_or("/console")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_path_are_escaped() {
        assert_eq!(
            path(&["pools", "eu_1", "users", "a/b?c"]),
            "/console/pools/eu_1/users/a%2Fb%3Fc"
        );
    }

    #[test]
    fn only_the_consoles_own_pages_are_returned_to() {
        for (target, expected) in [
            ("/console/pools/eu_1?done=saved", "/console/pools/eu_1?done=saved"),
            ("/console", "/console"),
            ("//evil.example/console", "/console"),
            ("https://evil.example/console", "/console"),
            ("/console.evil.example", "/console"),
            ("/console\\evil", "/console"),
            ("/console/\r\nSet-Cookie: a=b", "/console"),
            ("/", "/console"),
            ("", "/console"),
        ] {
            assert_eq!(own(Some(target)), expected, "{target:?}");
        }
        assert_eq!(own(None), "/console");
    }
}
