//! A stored body: the readable part, and the sealed member at its end.

use device_pool::store::secret_values;
use device_wire::Sensitive;

/// What stands between the readable part and the sealed text.
const MEMBER: &[u8] = b"\"sealed\":\"";

/// What stands after the sealed text.
const END: &[u8] = b"\"}";

/// What stands in the place of a secret.
const GAP: &[u8] = b"null";

/// The first byte of the hidden part says what is in it.
const EXPIRES: u8 = 1;
const COMMA: u8 = 2;
const TAIL: u8 = 4;

/// A body taken apart.
pub(super) struct Parts {
    /// The JSON up to the sealed member, with gaps for the secrets.
    pub(super) readable: Vec<u8>,
    /// The secrets with their places, and when the record expires.
    pub(super) hidden: Sensitive<Vec<u8>>,
}

/// Takes a body apart; `None` if it is no JSON object.
pub(super) fn take_apart(body: &[u8], names: &[&str], expires_at: Option<i64>) -> Option<Parts> {
    let end = memchr::memrchr(b'}', body)?;
    let (object, tail) = (body.get(..end)?, body.get(end + 1..)?);
    let solid = |byte: &u8| !byte.is_ascii_whitespace();
    if object.iter().find(|byte| solid(byte)) != Some(&b'{') || tail.iter().any(solid) {
        return None;
    }
    let has_members = object.iter().rev().find(|byte| solid(byte)) != Some(&b'{');
    let secrets = secret_values(object, names);

    let secret_bytes: usize = secrets.iter().map(|range| range.len() + 8).sum();
    let mut readable = Vec::with_capacity(object.len() + 1);
    let mut hidden = Sensitive::from(Vec::with_capacity(1 + 8 + 4 + tail.len() + secret_bytes));
    let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
    hidden.push(
        flag(EXPIRES, expires_at.is_some())
            | flag(COMMA, has_members)
            | flag(TAIL, !tail.is_empty()),
    );
    if let Some(expires_at) = expires_at {
        hidden.extend_from_slice(&expires_at.to_be_bytes());
    }
    if !tail.is_empty() {
        put_bytes(&mut hidden, tail)?;
    }
    let mut copied = 0;
    for range in secrets {
        readable.extend_from_slice(object.get(copied..range.start)?);
        copied = range.end;
        hidden.extend_from_slice(&u32::try_from(readable.len()).ok()?.to_be_bytes());
        put_bytes(&mut hidden, object.get(range)?)?;
        readable.extend_from_slice(GAP);
    }
    readable.extend_from_slice(object.get(copied..)?);
    if has_members {
        readable.push(b',');
    }
    Some(Parts { readable, hidden })
}

/// The body as it was, and when it expires; `None` if the parts do not fit each other.
pub(super) fn put_together(readable: &[u8], hidden: &[u8]) -> Option<(Vec<u8>, Option<i64>)> {
    let mut hidden = Reader(hidden);
    let flags = *hidden.take(1)?.first()?;
    let expires_at = match flags & EXPIRES {
        0 => None,
        _ => Some(i64::from_be_bytes(hidden.take(8)?.try_into().ok()?)),
    };
    let tail = if flags & TAIL == 0 { &[][..] } else { hidden.take_bytes()? };
    let object = if flags & COMMA == 0 { readable } else { readable.strip_suffix(b",")? };

    let mut body = Vec::with_capacity(object.len() + hidden.0.len() + 1 + tail.len());
    let mut copied = 0;
    while !hidden.0.is_empty() {
        let at = usize::try_from(hidden.take_length()?).ok()?;
        body.extend_from_slice(object.get(copied..at)?);
        body.extend_from_slice(hidden.take_bytes()?);
        copied = at + GAP.len();
    }
    body.extend_from_slice(object.get(copied..)?);
    body.push(b'}');
    body.extend_from_slice(tail);
    Some((body, expires_at))
}

/// The stored body: the readable part and the sealed text.
pub(super) fn join(mut readable: Vec<u8>, text: &str) -> Vec<u8> {
    readable.reserve_exact(MEMBER.len() + text.len() + END.len());
    readable.extend_from_slice(MEMBER);
    readable.extend_from_slice(text.as_bytes());
    readable.extend_from_slice(END);
    readable
}

/// The readable part and the sealed text of a stored body; `None` if it is not sealed.
///
/// No other body ends so: one that ends with a string has it in its own last member, and none is
/// named like this.
pub(super) fn split(stored: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = stored.strip_suffix(END)?;
    let start = memchr::memrchr(b'"', rest)? + 1;
    Some((rest.get(..start)?.strip_suffix(MEMBER)?, rest.get(start..)?))
}

fn put_bytes(hidden: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
    hidden.extend_from_slice(&u32::try_from(bytes.len()).ok()?.to_be_bytes());
    hidden.extend_from_slice(bytes);
    Some(())
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn take_length(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn take_bytes(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.take_length()?).ok()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &str) -> Parts {
        take_apart(body.as_bytes(), &["code", "key"], Some(7)).unwrap()
    }

    #[test]
    fn what_is_taken_apart_is_put_together_again() {
        for body in [
            "{}",
            " { } \n",
            r#"{"code":"1"}"#,
            r#"{"n":1,"code":"1","m":{"key":"2","code":null},"x":"}"}"#,
            "{\"code\" :\t\"\\\"\\\\\" }",
        ] {
            let Parts { readable, hidden } = parts(body);
            let together = put_together(&readable, &hidden).unwrap();
            assert_eq!(together, (body.as_bytes().to_vec(), Some(7)), "{body}");
            let stored = join(readable.clone(), "dGV4dA");
            assert_eq!(split(&stored), Some((&*readable, &b"dGV4dA"[..])), "{body}");
            assert!(serde_json::from_slice::<serde_json::Value>(&stored).is_ok(), "{body}");
        }
    }

    #[test]
    fn the_readable_part_has_no_secret() {
        let stored = join(parts(r#"{"name":"ada","code":"123456","n":2}"#).readable, "dGV4dA");
        let text = String::from_utf8(stored).unwrap();
        assert_eq!(text, r#"{"name":"ada","code":null,"n":2,"sealed":"dGV4dA"}"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["", "1", "[]", "\"}\"", "{} 1", "x{}"] {
            assert!(take_apart(body.as_bytes(), &[], None).is_none(), "{body}");
        }
    }

    #[test]
    fn a_plain_body_is_not_taken_for_a_sealed_one() {
        for body in ["{}", r#"{"a":"b"}"#, r#"{"a":{"sealed":"b"}}"#, r#"{"unsealed":"b"}"#, ""] {
            assert_eq!(split(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let Parts { readable, hidden } = parts(r#"{"n":1,"code":"1"}"#);
        for length in 0..hidden.len() {
            assert_ne!(
                put_together(&readable, &hidden[..length]).map(|(body, _)| body),
                Some(br#"{"n":1,"code":"1"}"#.to_vec()),
                "{length}"
            );
        }
        assert_eq!(put_together(&readable[..3], &hidden), None);
    }
}
