//! Decoy usernames for unknown aliases.
//!
//! A user found by an alias has one address, whether the client starts with the address or with the
//! username. So a decoy username contains the visible parts of the address that it was made from,
//! encrypted in four digits at its end, and any other name of that form also yields an address.

use crate::crypto::seal::SealingKey;
use crate::host::message::Medium;
use crate::records::address::{is_email, is_phone};

/// The maximum number of an address's letters in a name.
const MAX_STEM: usize = 24;

/// The number of values of four digits.
const DIGITS: u32 = 10_000;

/// The characters that a domain may start with.
const DOMAIN: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

const CONSONANTS: &[u8; 20] = b"bcdfghjklmnprstvwxyz";
const VOWELS: &[u8; 5] = b"aeiou";
const SYLLABLES: u32 = 100;

/// The maximum number of digits of a phone number.
const LONGEST_PHONE: u32 = 15;

/// A decoy username for this address. `None` if it is not an address, or has visible parts that no
/// name can encode.
pub(crate) fn of_address(key: SealingKey<'_>, address: &str) -> Option<String> {
    let unique = numbers(key, b"stand-in name", address);
    let (stem, shown) = if is_phone(address) {
        let digits = u32::try_from(address.len()).ok()?.checked_sub(2)?;
        let number = address
            .bytes()
            .skip(1)
            .fold(0, |number, digit| (number * 10 + u32::from(digit - b'0')) % DIGITS);
        (phone_stem(key, unique, digits)?, number)
    } else if is_email(address) {
        let (local, domain) = address.split_once('@')?;
        let mut stem: String = local.chars().take(MAX_STEM).collect();
        if is_phone_stem(&stem) {
            stem.push('_');
        }
        let first = domain.bytes().next()?;
        let letter = u32::try_from(DOMAIN.iter().position(|letter| *letter == first)?).ok()?;
        let letters = u32::try_from(DOMAIN.len()).ok()?;
        (stem, letter + letters * (unique[3] % (DIGITS / letters)))
    } else {
        return None;
    };
    let digits = (shown + numbers(key, b"stand-in digits", &stem)[0]) % DIGITS;
    Some(format!("{stem}{digits:04}"))
}

/// An address with the visible parts that `name` encodes.
pub(crate) fn address_of(key: SealingKey<'_>, name: &str, medium: Medium) -> Option<String> {
    let (stem, digits) = name.split_at_checked(name.len().checked_sub(4)?)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let offset = numbers(key, b"stand-in digits", stem)[0] % DIGITS;
    let shown = (digits.parse::<u32>().ok()? + DIGITS - offset) % DIGITS;
    let address = match medium {
        Medium::Sms if is_phone_stem(stem) => {
            let digits = usize::try_from(phone_digits(key, stem)?).ok()?;
            format!("+{shown:0digits$}")
        }
        Medium::Email if !is_phone_stem(stem) => {
            let letter = DOMAIN.get(usize::try_from(shown).ok()? % DOMAIN.len())?;
            format!("{}@{}", stem.chars().next()?, char::from(*letter))
        }
        _ => return None,
    };
    (is_email(&address) || is_phone(&address)).then_some(address)
}

/// Three syllables. The first encodes, relative to the others, how many digits the number has.
fn phone_stem(key: SealingKey<'_>, unique: [u32; 4], digits: u32) -> Option<String> {
    let rest = syllable(unique[1])? + &syllable(unique[2])?;
    let more = SYLLABLES / LONGEST_PHONE;
    let first = digits + LONGEST_PHONE * (unique[0] % more) + phone_offset(key, &rest);
    Some(syllable(first)? + &rest)
}

/// The number of digits that this stem encodes.
fn phone_digits(key: SealingKey<'_>, stem: &str) -> Option<u32> {
    let (first, rest) = stem.split_at_checked(2)?;
    let [consonant, vowel] = first.as_bytes() else { return None };
    let at = |letters: &[u8], letter: &u8| {
        letters.iter().position(|known| known == letter).and_then(|at| u32::try_from(at).ok())
    };
    let first = at(CONSONANTS, consonant)? * 5 + at(VOWELS, vowel)?;
    Some((first + SYLLABLES - phone_offset(key, rest)) % SYLLABLES % LONGEST_PHONE + 1)
}

fn phone_offset(key: SealingKey<'_>, rest: &str) -> u32 {
    numbers(key, b"stand-in syllable", rest)[0] % SYLLABLES
}

fn syllable(number: u32) -> Option<String> {
    let number = usize::try_from(number % SYLLABLES).ok()?;
    let letters = [*CONSONANTS.get(number / VOWELS.len())?, *VOWELS.get(number % VOWELS.len())?];
    Some(letters.map(char::from).iter().collect())
}

fn is_phone_stem(stem: &str) -> bool {
    let is = |(at, letter): (usize, u8)| {
        if at % 2 == 0 { CONSONANTS.contains(&letter) } else { VOWELS.contains(&letter) }
    };
    stem.len() == 6 && stem.bytes().enumerate().all(is)
}

/// Numbers that nobody can predict without the pool's key.
fn numbers(key: SealingKey<'_>, label: &[u8], text: &str) -> [u32; 4] {
    let bytes = key.derive(label, &[text.as_bytes()]);
    let mut numbers = [0; 4];
    for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(4)) {
        *number = bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)) % DIGITS;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_is_shown_of_its_address() {
        let key = SealingKey(&[7; 32]);
        for (medium, address) in [
            (Medium::Email, "vid@mail.example"),
            (Medium::Email, "vid.4711@9.example"),
            // It looks as if it was made from a phone number.
            (Medium::Email, "tomato@mail.example"),
            (Medium::Sms, "+15550123"),
            (Medium::Sms, "+123456789012345"),
            (Medium::Sms, "+1"),
        ] {
            let name = of_address(key, address).unwrap();
            assert!(name.len() < 20, "{name}");
            let like = address_of(key, &name, medium).unwrap();
            assert_eq!(medium.mask(&like), medium.mask(address), "{name}");
        }
        for none in ["", "vid", "vid@\u{fc}.example", "+"] {
            assert_eq!(of_address(key, none), None, "{none}");
        }
        for none in ["", "vid", "123", "\u{fc}\u{fc}\u{fc}"] {
            assert_eq!(address_of(key, none, Medium::Email), None, "{none}");
        }
    }
}
