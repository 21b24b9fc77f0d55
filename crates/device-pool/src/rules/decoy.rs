//! Decoys: fake records for names that have no user.
//!
//! They are derived from the name and the pool's key, so they are stable and never stored.

use device_srp::Salt;
use device_wire::Sensitive;
use device_wire::enums::AliasAttributeType;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::command::context::Context;
use crate::crypto::stored_verifier::StoredVerifier;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::{Address, is_email, is_phone};
use crate::records::password::Password;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::rules::{decoy_name, profile};

/// What passes for a user's identity.
pub(crate) struct Decoy {
    pub(crate) username: String,
    pub(crate) sub: String,
}

/// The decoy that is found under `name`. `named` says whether the pool's users have names that are
/// no UUIDs.
pub(crate) fn of_name(pool: &Pool, keys: &PoolKeys, name: &str, named: bool) -> Decoy {
    let folded = pool.fold(name);
    let by_alias = profile::check_no_alias(pool, &folded).is_err();
    // Both are always derived, so that timing does not tell which was needed.
    let sub = id(keys, &folded).to_string();
    let made_up = decoy_name::of_address(keys.lasting(), &folded);
    // If users sign in with an address, the address is never an internal name.
    let username = match made_up {
        _ if !pool.username_attributes().is_empty() => sub.clone(),
        Some(made_up) if by_alias && named => made_up,
        _ if by_alias => sub.clone(),
        _ => folded,
    };
    Decoy { username, sub }
}

/// The decoy verifier for an internal name without a password.
pub(crate) fn password(
    cx: &Context<'_, '_>,
    keys: &PoolKeys,
    username: &str,
) -> Result<Password, ServiceError> {
    let failed = || ServiceError::internal("a decoy could not be made");
    let part = |label: &[u8]| keys.lasting().derive(label, &[username.as_bytes()]);
    let salt = part(b"stand-in salt");
    let salt = Salt::from_be_bytes(salt.get(..16).ok_or_else(failed)?).map_err(|_| failed())?;
    // Twelve blocks minus the top byte: certainly below N, and as unpredictable as any verifier.
    let verifier: Zeroizing<Vec<u8>> =
        Zeroizing::new((0_u8..12).flat_map(|block| *part(&[b's', block])).skip(1).collect());
    Ok(Password {
        secret: StoredVerifier::that_no_password_has(&salt, &verifier),
        set_at: cx.now(),
    })
}

/// The decoy id for a name.
///
/// A client may start with an address and continue with the id, or start again with the id, and
/// must see the same masked address each time. So the id contains the visible parts of the address,
/// encrypted. The id of an id is itself.
fn id(keys: &PoolKeys, name: &str) -> Uuid {
    if let Ok(id) = Uuid::parse_str(name)
        && id.to_string() == name
    {
        return id;
    }
    let mut bytes = [0; 16];
    let unique = keys.lasting().derive(b"stand-in id", &[name.as_bytes()]);
    bytes.iter_mut().zip(unique.iter()).for_each(|(byte, unique)| *byte = *unique);
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    let [_, _, _, _, _, _, rest @ ..] = id.into_bytes();
    let [a, b, c, d, e, f] = mix(keys, &rest, visible_parts(name));
    let [g, h, i, j, k, l, m, n, o, p] = rest;
    Uuid::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// Encrypts or decrypts the visible parts, with a key stream from the id's other bytes.
fn mix(keys: &PoolKeys, rest: &[u8; 10], mut shown: [u8; 6]) -> [u8; 6] {
    let stream = keys.lasting().derive(b"stand-in address", &[rest]);
    shown.iter_mut().zip(stream.iter()).for_each(|(byte, stream)| *byte ^= stream);
    shown
}

const EMAIL: u32 = 1;
const PHONE: u32 = 2;
/// A character has 21 bits. The three bits above say, twice, which part it belongs to.
const VALUE_BITS: u32 = 21;

/// The parts of `name` that a masked address shows.
///
/// For an e-mail address these are the first letters of both halves, for a phone number its length
/// and last four digits.
fn visible_parts(name: &str) -> [u8; 6] {
    let (kind, first, second) = if is_email(name) {
        let mut letters = name.split('@').map(|half| half.chars().next().map_or(0, u32::from));
        (EMAIL, letters.next().unwrap_or(0), letters.next().unwrap_or(0))
    } else if is_phone(name) {
        let number = name
            .bytes()
            .skip(1)
            .fold(0, |number, digit| (number * 10 + u32::from(digit - b'0')) % 10_000);
        (PHONE, u32::try_from(name.len()).unwrap_or(1) - 1, number)
    } else {
        (0, 0, 0)
    };
    let [_, a, b, c] = (kind << VALUE_BITS | first).to_be_bytes();
    let [_, d, e, f] = (kind << VALUE_BITS | second).to_be_bytes();
    [a, b, c, d, e, f]
}

/// An address with the same visible parts.
fn address_like([a, b, c, d, e, f]: [u8; 6]) -> Option<String> {
    let (first, second) = (u32::from_be_bytes([0, a, b, c]), u32::from_be_bytes([0, d, e, f]));
    let value = |part: u32| part & ((1 << VALUE_BITS) - 1);
    match (first >> VALUE_BITS, second >> VALUE_BITS) {
        (EMAIL, EMAIL) => {
            let letters = char::from_u32(value(first)).zip(char::from_u32(value(second)));
            letters.map(|(name, domain)| format!("{name}@{domain}"))
        }
        (PHONE, PHONE) => {
            let digits = usize::try_from(value(first)).ok()?;
            Some(format!("+{:0digits$}", value(second)))
        }
        _ => None,
    }
    .filter(|address| is_email(address) || is_phone(address))
}

/// The address by which this decoy was found, reduced to its visible parts.
fn found_by(pool: &Pool, keys: &PoolKeys, username: &str, medium: Medium) -> Option<String> {
    let like = || {
        let [a, b, c, d, e, f, rest @ ..] = Uuid::parse_str(username).ok()?.into_bytes();
        address_like(mix(keys, &rest, [a, b, c, d, e, f]))
    };
    let is = |address: &String| match medium {
        Medium::Email => is_email(address),
        Medium::Sms => is_phone(address),
    };
    let made_up = || decoy_name::address_of(keys.lasting(), username, medium);
    Some(username.to_owned())
        .filter(is)
        .or_else(|| like().filter(is))
        .or_else(|| signs_in(pool, medium).then(made_up).flatten())
}

/// The verified address of a decoy, if it has one. A decoy found by an alias has that address.
pub(crate) fn verified(
    pool: &Pool,
    keys: &PoolKeys,
    username: &str,
    medium: Medium,
) -> Option<Address> {
    let found_by = found_by(pool, keys, username, medium);
    let part = if found_by.is_some() || pool.verifies(medium) { 7 } else { 2 };
    let has = found_by.is_some() && signs_in(pool, medium)
        || draw(keys, username, medium.attribute().as_bytes(), part, 8);
    has.then(|| address(pool, keys, username, medium))
}

/// Whether addresses of this kind are aliases.
fn signs_in(pool: &Pool, medium: Medium) -> bool {
    let aliases = pool.description.alias_attributes.as_deref().unwrap_or_default();
    aliases.contains(&match medium {
        Medium::Email => AliasAttributeType::Email,
        Medium::Sms => AliasAttributeType::PhoneNumber,
    })
}

/// The address of a decoy, the same for every operation that reports a destination.
pub(crate) fn address(pool: &Pool, keys: &PoolKeys, username: &str, medium: Medium) -> Address {
    let destination = found_by(pool, keys, username, medium).unwrap_or_else(|| {
        let bytes = keys.lasting().derive(b"stand-in destination", &[username.as_bytes()]);
        let mut bytes = bytes.iter();
        let mut pick = |from: u8, many: u8| char::from(from + bytes.next().unwrap_or(&0) % many);
        match medium {
            Medium::Email => format!("{}@{}", pick(b'a', 26), pick(b'a', 26)),
            Medium::Sms => std::iter::once('+').chain((0..11).map(|_| pick(b'0', 10))).collect(),
        }
    });
    Address { medium, destination: Sensitive::from(destination) }
}

/// Answers a yes/no question about a decoy: yes for `part` of `whole` names, always the same for a
/// name.
pub(crate) fn draw(keys: &PoolKeys, username: &str, question: &[u8], part: u8, whole: u8) -> bool {
    let bytes = keys.lasting().derive(b"stand-in draw", &[question, username.as_bytes()]);
    bytes.first().is_some_and(|byte| byte % whole < part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_address_has_the_same_visible_parts() {
        for (medium, address) in [
            (Medium::Email, "eve@example.com"),
            (Medium::Email, "\u{fc}n\u{ef}@\u{1f600}.example"),
            (Medium::Sms, "+15550123"),
            (Medium::Sms, "+123456789012345"),
            (Medium::Sms, "+1000"),
            (Medium::Sms, "+007"),
            (Medium::Sms, "+1"),
        ] {
            let like = address_like(visible_parts(address)).unwrap();
            assert_eq!(medium.mask(&like), medium.mask(address), "{address}");
        }
        for none in ["", "eve", "@", "+", "+1234567890123456"] {
            assert_eq!(address_like(visible_parts(none)), None, "{none}");
        }
    }
}
