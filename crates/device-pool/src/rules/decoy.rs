//! What somebody whom there is not has in place of a user's record. All of it follows from the name
//! and the pool's key: it is the same at every attempt, and nothing of it is stored.

use device_srp::Salt;
use device_wire::{AliasAttributeType, Sensitive, UserStatusType};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::command::context::Context;
use crate::crypto::stored_verifier::StoredVerifier;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::{Address, is_email, is_phone};
use crate::records::attributes::Attributes;
use crate::records::password::Password;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::profile;

/// A user as one would be found under `name`, without a password.
pub(crate) fn user(cx: &Context<'_, '_>, pool: &Pool, keys: &PoolKeys, name: &str) -> User {
    let folded = pool.fold(name);
    let id = id(keys, &folded).to_string();
    // Where an address signs in, it is nobody's internal name.
    let addressed =
        !pool.username_attributes().is_empty() || profile::check_no_alias(pool, &folded).is_err();
    let username = if addressed { id.clone() } else { folded };
    User::new(cx, pool, username, id, UserStatusType::Confirmed, Attributes::default())
}

/// What stands in for the password of whoever has this internal name and none.
pub(crate) fn password(
    cx: &Context<'_, '_>,
    keys: &PoolKeys,
    username: &str,
) -> Result<Password, ServiceError> {
    let failed = || ServiceError::internal("a decoy could not be made");
    let part = |label: &[u8]| keys.sealing().derive(label, &[username.as_bytes()]);
    let salt = part(b"stand-in salt");
    let salt = Salt::from_be_bytes(salt.get(..16).ok_or_else(failed)?).map_err(|_| failed())?;
    // Twelve blocks less the top byte: below N for certain, and as unpredictable as any verifier.
    let verifier: Zeroizing<Vec<u8>> =
        Zeroizing::new((0_u8..12).flat_map(|block| *part(&[b's', block])).skip(1).collect());
    Ok(Password {
        secret: StoredVerifier::that_no_password_has(&salt, &verifier),
        set_at: cx.now(),
    })
}

/// The id for a name. Clients begin with an address and go on with the id, or begin anew with it,
/// and a user has one address whichever it is: so what is shown of the address is in the id,
/// encrypted. An id stays what it is.
fn id(keys: &PoolKeys, name: &str) -> Uuid {
    if let Ok(id) = Uuid::parse_str(name)
        && id.to_string() == name
    {
        return id;
    }
    let mut bytes = [0; 16];
    let unique = keys.sealing().derive(b"stand-in id", &[name.as_bytes()]);
    bytes.iter_mut().zip(unique.iter()).for_each(|(byte, unique)| *byte = *unique);
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    let [_, _, _, _, _, _, rest @ ..] = id.into_bytes();
    let [a, b, c, d, e, f] = mix(keys, &rest, visible_parts(name));
    let [g, h, i, j, k, l, m, n, o, p] = rest;
    Uuid::from_bytes([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// Encrypts and decrypts what an id tells of an address, with what else is in the id.
fn mix(keys: &PoolKeys, rest: &[u8; 10], mut shown: [u8; 6]) -> [u8; 6] {
    let stream = keys.sealing().derive(b"stand-in address", &[rest]);
    shown.iter_mut().zip(stream.iter()).for_each(|(byte, stream)| *byte ^= stream);
    shown
}

const EMAIL: u32 = 1;
const PHONE: u32 = 2;
/// A character has 21 bits; the three above say, twice, what it is part of.
const VALUE_BITS: u32 = 21;

/// All that a response shows of `name` where it is an address: the first letters of its halves, or
/// how many digits it has and the last four.
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

/// An address of which the same is shown.
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

/// The address that a decoy of this internal name was found by, as far as it is ever shown.
fn found_by(keys: &PoolKeys, username: &str, medium: Medium) -> Option<String> {
    let like = || {
        let [a, b, c, d, e, f, rest @ ..] = Uuid::parse_str(username).ok()?.into_bytes();
        address_like(mix(keys, &rest, [a, b, c, d, e, f]))
    };
    let is = |address: &String| match medium {
        Medium::Email => is_email(address),
        Medium::Sms => is_phone(address),
    };
    Some(username.to_owned()).filter(is).or_else(|| like().filter(is))
}

/// The verified address that a decoy passes for having, if it does. Whoever is found by an alias
/// has it.
pub(crate) fn verified(
    pool: &Pool,
    keys: &PoolKeys,
    username: &str,
    medium: Medium,
) -> Option<Address> {
    let aliases = pool.description.alias_attributes.as_deref().unwrap_or_default();
    let alias = match medium {
        Medium::Email => AliasAttributeType::Email,
        Medium::Sms => AliasAttributeType::PhoneNumber,
    };
    let found_by = found_by(keys, username, medium);
    let part = if found_by.is_some() || pool.verifies(medium) { 7 } else { 2 };
    let has = found_by.is_some() && aliases.contains(&alias)
        || draw(keys, username, medium.attribute().as_bytes(), part, 8);
    has.then(|| address(keys, username, medium))
}

/// The address of a decoy, whichever operation says that a code went there.
pub(crate) fn address(keys: &PoolKeys, username: &str, medium: Medium) -> Address {
    let destination = found_by(keys, username, medium).unwrap_or_else(|| {
        let bytes = keys.sealing().derive(b"stand-in destination", &[username.as_bytes()]);
        let mut bytes = bytes.iter();
        let mut pick = |from: u8, many: u8| char::from(from + bytes.next().unwrap_or(&0) % many);
        match medium {
            Medium::Email => format!("{}@{}", pick(b'a', 26), pick(b'a', 26)),
            Medium::Sms => std::iter::once('+').chain((0..11).map(|_| pick(b'0', 10))).collect(),
        }
    });
    Address { medium, destination: Sensitive::from(destination) }
}

/// A question about a decoy, answered with yes in `part` of `whole` cases, and for one name
/// always alike.
pub(crate) fn draw(keys: &PoolKeys, username: &str, question: &[u8], part: u8, whole: u8) -> bool {
    let bytes = keys.sealing().derive(b"stand-in draw", &[question, username.as_bytes()]);
    bytes.first().is_some_and(|byte| byte % whole < part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_address_is_shown_of_the_one_like_it() {
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
