//! Which members of records are secret, and where they are in a body.

use std::ops::Range;

use super::Table;

/// The secret members of a table's records: the names of strings, at any depth of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store must treat each kind")]
pub enum Secrets {
    /// The records hold none.
    None,
    /// Secrets of the server, or of a pool that the record outlives or whose id it does not name.
    OfServer(&'static [&'static str]),
    /// Secrets of the pool that the first part of the record's id names.
    OfPool(&'static [&'static str]),
}

impl Secrets {
    /// The names.
    #[must_use]
    pub const fn members(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::OfServer(members) | Self::OfPool(members) => members,
        }
    }
}

impl Table {
    /// The secret members of its records, which a store should encrypt.
    #[must_use]
    pub const fn secrets(self) -> Secrets {
        const VERIFIER: [&str; 2] = ["verifier", "powers"];
        match self {
            Self::PoolKeys => Secrets::OfPool(&["sealing", "pkcs8"]),
            // A stand-in is like what it stands for, and costs the same time.
            Self::User | Self::StandIn => {
                Secrets::OfPool(&["verifier", "powers", "secret", "pending_token"])
            }
            Self::UserToken => Secrets::OfPool(&["secret", "pending"]),
            Self::Device | Self::PasswordHistory => Secrets::OfPool(&VERIFIER),
            Self::Code => Secrets::OfPool(&["code"]),
            // Those of identity providers.
            Self::Resource => Secrets::OfPool(&["client_secret", "private_key"]),
            // Earlier releases stored it so. Since then, client secrets are sealed one by one.
            Self::Client => Secrets::OfServer(&["ClientSecret"]),
            Self::FirstFactor => Secrets::OfServer(&["session"]),
            Self::AuditLog => Secrets::OfServer(&["seed"]),
            // The secrets of access keys are sealed under the server's own key.
            Self::AccessKey
            | Self::AdminSession
            | Self::Attempts
            | Self::AuditEvent
            | Self::AuditTile
            | Self::AuthEvent
            | Self::Count
            | Self::DataKey
            | Self::DeletedPool
            | Self::DeletedUser
            | Self::Domain
            | Self::EventFeedback
            | Self::ForgottenDevice
            | Self::Grant
            | Self::Group
            | Self::Login
            | Self::Pool
            | Self::PoolClient
            | Self::SentCodes
            | Self::Spent
            | Self::UnsealedEvent
            | Self::UserGrant
            | Self::UserIndex
            | Self::UserProfile => Secrets::None,
        }
    }
}

/// Finds the string values of members with these names in a JSON text.
///
/// The ranges include the quotes, and are in the order of the text. A text that is not JSON has as
/// many as can be found.
#[must_use]
pub fn secret_values(body: &[u8], names: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    if names.is_empty() {
        return found;
    }
    let mut at = 0;
    let mut is_due = false;
    while let Some(text) = next_string(body, at) {
        at = text.end;
        let after = body.get(at..).unwrap_or_default();
        let next = after.iter().position(|byte| !byte.is_ascii_whitespace());
        let is_name = next.and_then(|next| after.get(next)) == Some(&b':');
        if is_name {
            let name = body.get(text.start + 1..text.end - 1).unwrap_or_default();
            let colon = at + next.unwrap_or_default();
            let value = body.get(colon + 1..).unwrap_or_default();
            let first = value.iter().find(|byte| !byte.is_ascii_whitespace());
            is_due = first == Some(&b'"') && names.iter().any(|known| known.as_bytes() == name);
        } else if std::mem::take(&mut is_due) {
            found.push(text);
        }
    }
    found
}

/// The first complete string of a JSON text from `from` on, which is outside of a string.
fn next_string(body: &[u8], from: usize) -> Option<Range<usize>> {
    let start = from + memchr::memchr(b'"', body.get(from..)?)?;
    let mut at = start + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', body.get(at..)?)?;
        match body.get(at)? {
            b'"' => return Some(start..at + 1),
            _ => at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'b>(body: &'b str, names: &[&str]) -> Vec<&'b str> {
        secret_values(body.as_bytes(), names).into_iter().map(|range| &body[range]).collect()
    }

    #[test]
    fn values_are_found_by_name_at_any_depth() {
        let body = r#"{"a":"code","code":"1","b":{"code" : "2"},"c":[{"code":"\"3\\"},{"x":"4"}]}"#;
        assert_eq!(found(body, &["code"]), [r#""1""#, r#""2""#, r#""\"3\\""#]);
        assert_eq!(found(body, &["x", "a"]), [r#""code""#, r#""4""#]);
        assert_eq!(found(body, &[]), [""; 0]);
    }

    #[test]
    fn what_is_no_string_is_not_found() {
        for body in [r#"{"code":null,"n":"1"}"#, r#"{"code":{"n":"1"}}"#, r#"{"code":["1"]}"#] {
            assert_eq!(found(body, &["code"]), [""; 0], "{body}");
        }
        for cut in ["", "\"", r#"{"code":"1"#, r#"{"code":"\"#, r#"{"code":"#, r#"{"code""#] {
            assert_eq!(found(cut, &["code"]), [""; 0], "{cut}");
        }
    }
}
