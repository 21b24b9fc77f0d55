//! AWS Signature Version 4: verified of administrators, and made for calls of functions.
//!
//! Follows the vendor's "Create a signed AWS API request". The signature is verified over exactly
//! the headers that it names, and over the body as received.

use std::fmt;
use std::time::SystemTime;

use axum::http::{HeaderMap, HeaderName, request};
use device_pool::ServiceError;
use device_wire::ErrorCode;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Duration, OffsetDateTime, PrimitiveDateTime};
use zeroize::Zeroizing;

use crate::setup_error::SetupError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "cognito-idp";
const TERMINATOR: &str = "aws4_request";

/// The largest difference between a signature's date and our clock, either way.
const MAX_SKEW: Duration = Duration::minutes(5);

/// The headers that a signature must cover.
///
/// Without the target, a recorded request could be sent again as another operation of the same
/// shape, such as `AdminGetDevice` and `AdminForgetDevice`.
const MUST_BE_SIGNED: [&str; 3] = ["host", "x-amz-date", "x-amz-target"];

const DATE_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

/// The shortest secret, in characters. Ours and the vendor's have 40.
const MIN_SECRET: usize = 16;

/// An administrator's credentials.
#[derive(Clone)]
pub struct AccessKey {
    id: String,
    secret: Zeroizing<String>,
}

impl AccessKey {
    /// A key with this id and secret. The secret must have at least 16 characters.
    ///
    /// # Errors
    /// If the secret is shorter, or the id is empty or contains a slash, which ends the id in a
    /// signature.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Result<Self, SetupError> {
        Self::of_zeroized(id.into(), Zeroizing::new(secret.into()))
    }

    /// As [`new`](Self::new), without a copy of the secret that is not wiped.
    pub(crate) fn of_zeroized(id: String, secret: Zeroizing<String>) -> Result<Self, SetupError> {
        if id.is_empty() || id.contains('/') || secret.is_empty() {
            return Err(SetupError::setting(
                "an access key's id and secret may not be empty, and the id may not hold a slash",
            ));
        }
        if secret.chars().count() < MIN_SECRET {
            return Err(SetupError::setting(format!(
                "an access key's secret must have at least {MIN_SECRET} characters, or it could be \
                 guessed"
            )));
        }
        Ok(Self { id, secret })
    }

    /// The id, which is not secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether this is the key. The time says nothing about the secret.
    pub(crate) fn is(&self, id: &str, secret: &str) -> bool {
        const TEXT: &str = "device-server compares two secrets";
        let given = hmac(secret.as_bytes(), TEXT).finalize().into_bytes();
        self.id == id && hmac(self.secret.as_bytes(), TEXT).verify_slice(&given).is_ok()
    }

    /// Whether both have the same id and secret.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is(&other.id, &other.secret)
    }

    /// A key for one purpose, which says nothing about the secret.
    pub(crate) fn derive(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hmac(self.secret.as_bytes(), purpose).finalize().into_bytes().into())
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Checks that the request was signed for `region` and this service, with the key that `find` gives
/// for the id that the request names. Returns whose it is.
///
/// The signature's date must be within five minutes of `now` (milliseconds since the epoch).
pub(crate) fn verify<H>(
    head: &request::Parts,
    body: &[u8],
    region: &str,
    now: i64,
    find: impl FnOnce(&str) -> Result<Option<(AccessKey, H)>, ServiceError>,
) -> Result<H, ServiceError> {
    let authorization = Authorization::parse(&head.headers)?;
    let date = header(&head.headers, "x-amz-date").ok_or_else(|| {
        incomplete("Authorization header requires existence of a 'X-Amz-Date' header.")
    })?;
    for name in MUST_BE_SIGNED {
        if !authorization.signed_headers.contains(&name) {
            return Err(mismatch(format!(
                "'{name}' must be a 'SignedHeader' in the AWS Credential."
            )));
        }
    }
    let (key, holder) = find(authorization.key_id)?.ok_or_else(|| {
        ServiceError::new(
            ErrorCode::UnrecognizedClient,
            "The security token included in the request is invalid.",
        )
    })?;
    check_date(&date, now)?;
    authorization.check_scope(&date, region)?;
    if !authorization.names_headers_once() {
        return Err(does_not_match());
    }

    let path = head.uri.path();
    let canonical = canonical_request(head, path, &authorization.signed_headers, body);
    // Compared in constant time.
    signature(&key.secret, authorization.scope, &date, &canonical)
        .verify_slice(&authorization.signature)
        .map_err(|_| does_not_match())?;
    Ok(holder)
}

/// Signs a request to `service` with all headers that it has; returns the value for
/// `Authorization`. `x-amz-date` is among the headers.
pub(crate) fn sign(
    head: &request::Parts,
    body: &[u8],
    key_id: &str,
    secret: &str,
    region: &str,
    service: &str,
) -> String {
    let mut names: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    let date = header(&head.headers, "x-amz-date").unwrap_or_default();
    let day = date.get(.."YYYYMMDD".len()).unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/{TERMINATOR}");
    // Every service but S3 encodes the path twice.
    let path = head.uri.path().replace('%', "%25");
    let canonical = canonical_request(head, &path, &names, body);
    let signature = hex(&signature(secret, &scope, &date, &canonical).finalize().into_bytes());
    let names = names.join(";");
    format!("{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}")
}

/// The time as `x-amz-date` has it.
pub(crate) fn date_of(now: SystemTime) -> String {
    OffsetDateTime::from(now).format(DATE_TIME).unwrap_or_default()
}

/// The id of the access key that a request names, whether or not the signature is right.
pub(crate) fn claimed_key_id(headers: &HeaderMap) -> Option<&str> {
    Authorization::parse(headers).ok().map(|authorization| authorization.key_id)
}

/// The parts of an `Authorization` header.
struct Authorization<'a> {
    key_id: &'a str,
    /// `date/region/service/aws4_request`, as sent.
    scope: &'a str,
    signed_headers: Vec<&'a str>,
    signature: [u8; 32],
}

/// The signature that a request claims: the same bytes however its header is spelled.
pub(crate) fn claimed_signature(headers: &HeaderMap) -> Option<[u8; 32]> {
    Authorization::parse(headers).ok().map(|authorization| authorization.signature)
}

impl<'a> Authorization<'a> {
    fn parse(headers: &'a HeaderMap) -> Result<Self, ServiceError> {
        let missing = || {
            ServiceError::new(ErrorCode::MissingAuthenticationToken, "Missing Authentication Token")
        };
        let text = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .ok_or_else(missing)?;
        // A bearer token is not a signature, so the request counts as unsigned.
        let parameters = text.strip_prefix(ALGORITHM).ok_or_else(missing)?;

        let parameter = |name: &str| {
            let mut parts = parameters.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(key, _)| *key == name).map(|(_, value)| value).ok_or_else(|| {
                incomplete(format!("Authorization header requires '{name}' parameter."))
            })
        };
        let (key_id, scope) = parameter("Credential")?.split_once('/').ok_or_else(|| {
            incomplete("Credential must have exactly 5 slash-delimited elements.")
        })?;
        let signature = unhex(parameter("Signature")?)
            .ok_or_else(|| incomplete("Signature must be 64 hexadecimal digits."))?;
        Ok(Self {
            key_id,
            scope,
            signed_headers: parameter("SignedHeaders")?.split(';').collect(),
            signature,
        })
    }

    /// Whether the names have their canonical form: lower case, in order, without duplicates.
    ///
    /// If a name were repeated a thousand times, a long header would be copied as often before the
    /// signature is found to be wrong.
    fn names_headers_once(&self) -> bool {
        let small = |name: &&str| !name.contains(|c: char| c.is_ascii_uppercase());
        self.signed_headers.iter().all(small) && self.signed_headers.is_sorted_by(|a, b| a < b)
    }

    /// Checks the scope. `date` is the request's; the scope repeats its day.
    fn check_scope(&self, date: &str, region: &str) -> Result<(), ServiceError> {
        let mut parts = self.scope.split('/');
        let mut next = || parts.next().unwrap_or_default();
        let (scope_day, scope_region, service, terminator) = (next(), next(), next(), next());
        if !date.starts_with(scope_day) || scope_day.len() != "YYYYMMDD".len() {
            return Err(mismatch(
                "Date in Credential scope does not match the date of the request.",
            ));
        }
        if scope_region != region {
            return Err(mismatch(format!(
                "Credential should be scoped to a valid region, not '{scope_region}'."
            )));
        }
        if service != SERVICE {
            return Err(mismatch(format!(
                "Credential should be scoped to correct service: '{SERVICE}'."
            )));
        }
        if terminator != TERMINATOR || parts.next().is_some() {
            return Err(mismatch(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}'."
            )));
        }
        Ok(())
    }
}

fn check_date(date: &str, now: i64) -> Result<(), ServiceError> {
    let signed = PrimitiveDateTime::parse(date, DATE_TIME)
        .map_err(|_| {
            incomplete("Date must be in ISO-8601 'basic format', such as 20251106T090507Z.")
        })?
        .assume_utc();
    let now = OffsetDateTime::from_unix_timestamp(now.div_euclid(1000))
        .map_err(|_| ServiceError::internal("the clock is out of range"))?;
    let text = |at: OffsetDateTime| at.format(DATE_TIME).unwrap_or_default();
    if signed < now - MAX_SKEW {
        let earliest = text(now - MAX_SKEW);
        return Err(mismatch(format!(
            "Signature expired: {date} is now earlier than {earliest} ({} - 5 min.)",
            text(now)
        )));
    }
    if signed > now + MAX_SKEW {
        let latest = text(now + MAX_SKEW);
        return Err(mismatch(format!(
            "Signature not yet current: {date} is still later than {latest} ({} + 5 min.)",
            text(now)
        )));
    }
    Ok(())
}

/// The canonical request: method, path, query, signed headers, their names and the body's hash, one
/// line each.
fn canonical_request(
    head: &request::Parts,
    path: &str,
    signed_headers: &[&str],
    body: &[u8],
) -> String {
    let mut query: Vec<&str> = head.uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    let mut lines = vec![head.method.as_str().to_owned(), path.to_owned(), query.join("&")];
    // A header that is named but absent counts as empty: either the signature fails, or the signer
    // meant that.
    lines.extend(
        signed_headers
            .iter()
            .map(|name| format!("{name}:{}", header(&head.headers, name).unwrap_or_default())),
    );
    lines.push(String::new());
    lines.push(signed_headers.join(";"));
    lines.push(hex(&Sha256::digest(body)));
    lines.join("\n")
}

/// A header's canonical value: its values joined by commas, runs of spaces as one.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let values: Vec<String> = headers
        .get_all(name)
        .iter()
        .map(|value| {
            String::from_utf8_lossy(value.as_bytes())
                .split(' ')
                .filter(|s| !s.is_empty())
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// The signature over a canonical request. Its key is the secret, keyed in turn with each part of
/// the scope.
fn signature(secret: &str, scope: &str, date: &str, canonical: &str) -> Hmac<Sha256> {
    let secret = Zeroizing::new(format!("AWS4{secret}").into_bytes());
    let key = scope.split('/').fold(secret, |key, part| {
        Zeroizing::new(hmac(&key, part).finalize().into_bytes().to_vec())
    });
    let hash = hex(&Sha256::digest(canonical));
    hmac(&key, &format!("{ALGORITHM}\n{date}\n{scope}\n{hash}"))
}

fn hmac(key: &[u8], text: &str) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(text.as_bytes());
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

fn does_not_match() -> ServiceError {
    mismatch(
        "The request signature we calculated does not match the signature you provided. Check your \
         AWS Secret Access Key and signing method. Consult the service documentation for details.",
    )
}

fn incomplete(message: impl Into<std::borrow::Cow<'static, str>>) -> ServiceError {
    ServiceError::new(ErrorCode::IncompleteSignature, message)
}

fn mismatch(message: impl Into<std::borrow::Cow<'static, str>>) -> ServiceError {
    ServiceError::new(ErrorCode::InvalidSignature, message)
}
