//! Device keys: issued without a record, and recognised later.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{Salt, Verifier};
use device_wire::Sensitive;
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::command::context::Context;
use crate::crypto::seal::SealingKey;
use crate::crypto::stored_verifier::StoredVerifier;
use crate::error::ServiceError;
use crate::host::moment::{CLOCK_STEP_MINUTES, Moment};
use crate::records::device::CONFIRM_WITHIN_MINUTES;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;

/// The group key of a device key: `-` and eight characters, the same for all devices of a user.
pub(crate) fn group_key(keys: &PoolKeys, user: &User) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bytes = keys.lasting().derive(b"device group", &[user.sub.as_bytes()]);
    let letters = bytes.iter().take(8).filter_map(|b| ALPHABET.get(usize::from(b % 32)));
    std::iter::once('-').chain(letters.map(|b| char::from(*b))).collect()
}

/// Whether the sign-in that issued a key had passed a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssuedAfter {
    FirstFactor,
    SecondFactor,
}

impl IssuedAfter {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::FirstFactor => b"device key after first factor",
            Self::SecondFactor => b"device key after second factor",
        }
    }
}

/// Issues a device key: `<region>_<uuid>`.
///
/// Most keys are never confirmed, so none is stored: the key itself proves that it was issued. Of
/// the UUID's bits, 32 are the time (minutes since the epoch), 28 are random, and the last 62
/// authenticate the others for this pool and user.
pub(crate) fn issue_key(
    cx: &mut Context<'_, '_>,
    keys: &PoolKeys,
    user: &User,
    after: IssuedAfter,
) -> String {
    let minute = minutes(cx.now()).to_be_bytes();
    let random: [u8; 4] = cx.random();
    let uuid = assemble(keys.sealing(), user, after, minute, random);
    format!("{}_{uuid}", cx.config.region)
}

/// When `key` was issued to `user`, and after which factors, if within the last day.
pub(crate) fn issued(
    cx: &Context<'_, '_>,
    keys: &PoolKeys,
    user: &User,
    key: &str,
) -> Option<(IssuedAfter, Moment)> {
    let text = key.strip_prefix(cx.config.region.as_str())?.strip_prefix('_')?;
    let uuid = Uuid::try_parse(text).ok().filter(|uuid| uuid.to_string() == text)?;
    let [m0, m1, m2, m3, r0, r1, r2, r3, ..] = uuid.into_bytes();
    let minute = u32::from_be_bytes([m0, m1, m2, m3]);
    let now = minutes(cx.now());
    // Ahead of this clock if that of another server is, or if this one was set back.
    let is_ahead = u64::from(minute.saturating_sub(now)) > CLOCK_STEP_MINUTES;
    if is_ahead || now.saturating_sub(minute) > CONFIRM_WITHIN_MINUTES {
        return None;
    }
    let is_issued = |after: &IssuedAfter| {
        keys.sealing_lately(cx.now()).any(|key| {
            let due = assemble(key, user, *after, minute.to_be_bytes(), [r0, r1, r2, r3]);
            bool::from(due.as_bytes().ct_eq(uuid.as_bytes()))
        })
    };
    let after =
        [IssuedAfter::FirstFactor, IssuedAfter::SecondFactor].into_iter().find(is_issued)?;
    Some((after, Moment::from_unix_seconds(i64::from(minute) * 60)))
}

/// Reads the secret that a device offers: salt and verifier, both in base64.
pub(crate) fn offered_secret(
    salt: Option<Sensitive<String>>,
    verifier: Option<Sensitive<String>>,
) -> Result<StoredVerifier, ServiceError> {
    let decode = |value: Option<Sensitive<String>>, name: &str| {
        let value = value
            .ok_or_else(|| ServiceError::invalid(format!("Missing required parameter {name}")))?;
        let bytes = STANDARD
            .decode(value.as_str())
            .map_err(|_| ServiceError::invalid(format!("{name} is not base64")))?;
        // The service reads a signed number, and refuses one that lacks the zero byte in front.
        if bytes.first().is_some_and(|first| *first >= 0x80) {
            return Err(ServiceError::invalid(format!("{name} is not acceptable: it is negative")));
        }
        Ok(bytes)
    };
    let salt = Salt::from_be_bytes(&decode(salt, "Salt")?)
        .map_err(|error| ServiceError::invalid(format!("Salt is not acceptable: {error}")))?;
    let verifier =
        Verifier::from_be_bytes(&decode(verifier, "PasswordVerifier")?).map_err(|error| {
            ServiceError::invalid(format!("PasswordVerifier is not acceptable: {error}"))
        })?;
    Ok(StoredVerifier::new(&salt, &verifier))
}

fn assemble(
    key: SealingKey<'_>,
    user: &User,
    after: IssuedAfter,
    minute: [u8; 4],
    random: [u8; 4],
) -> Uuid {
    let [r0, r1, r2, r3] = random;
    // These four bits hold the UUID's version, so they are not authenticated.
    let random = [r0, r1, r2 & 0x0f, r3];
    let mac = key.derive(after.label(), &[user.sub.as_bytes(), &minute, &random]);
    let mut bytes = [0; 16];
    let parts = minute.iter().chain(&random).chain(mac.iter());
    bytes.iter_mut().zip(parts).for_each(|(byte, part)| *byte = *part);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Whole minutes since the epoch.
fn minutes(moment: Moment) -> u32 {
    u32::try_from(moment.unix_seconds().div_euclid(60)).unwrap_or(0)
}
