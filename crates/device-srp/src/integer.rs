//! Integers as the protocol writes them: hexadecimal and `PAD`.

use alloc::{string::String, vec::Vec};

use crate::error::Error;

/// The bytes of a big-endian integer without its leading zeros; empty for 0.
pub(crate) fn significant(be: &[u8]) -> &[u8] {
    let zeros = be.iter().take_while(|&&byte| byte == 0).count();
    be.get(zeros..).unwrap_or_default()
}

/// `PAD`: the shortest big-endian two's complement.
///
/// A zero byte goes in front if the top bit is set; 0 is `00`.
pub(crate) fn pad(be: &[u8]) -> Vec<u8> {
    let digits = significant(be);
    let mut padded = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|&top| top >= 0x80) {
        padded.push(0);
    }
    padded.extend_from_slice(digits);
    padded
}

/// Copies a big-endian integer to the end of a fixed buffer.
pub(crate) fn right_aligned<const LEN: usize>(be: &[u8]) -> Result<[u8; LEN], Error> {
    let digits = significant(be);
    let start = LEN.checked_sub(digits.len()).ok_or(Error::TooLong)?;
    let mut out = [0; LEN];
    out.iter_mut().skip(start).zip(digits).for_each(|(to, from)| *to = *from);
    Ok(out)
}

/// Reads a hexadecimal integer of any case and length, leading zeros allowed.
pub(crate) fn from_hex<const LEN: usize>(text: &str) -> Result<[u8; LEN], Error> {
    // without an early end, the compiler checks many digits at once
    if text.is_empty() || !text.bytes().fold(true, |all, digit| all & digit.is_ascii_hexdigit()) {
        return Err(Error::NotHex);
    }
    let digits = text.trim_start_matches('0').as_bytes();
    if digits.len() > 2 * LEN {
        return Err(Error::TooLong);
    }
    let mut out = [0; LEN];
    let (odd, pairs) = digits.as_rchunks();
    let bytes = out.iter_mut().skip(LEN - digits.len().div_ceil(2));
    let values = odd.iter().map(|&digit| nibble(digit));
    let values = values.chain(pairs.iter().map(|&[high, low]| nibble(high) << 4 | nibble(low)));
    bytes.zip(values).for_each(|(byte, value)| *byte = value);
    Ok(out)
}

/// The value of an ASCII hexadecimal digit.
fn nibble(digit: u8) -> u8 {
    // a letter has bit 6 set, and its low four bits are 1 for A; no branch on the digit
    (digit & 15) + 9 * (digit >> 6)
}

/// Shortest lower-case hexadecimal; `0` for 0.
pub(crate) fn to_hex(be: &[u8]) -> String {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble };
    let bytes = significant(be);
    let digits: Vec<u8> = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(digit).collect();
    let leading = usize::from(digits.first() == Some(&b'0'));
    match digits.get(leading..).map(core::str::from_utf8) {
        Some(Ok(text)) if !text.is_empty() => String::from(text),
        _ => String::from("0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_the_shortest_twos_complement() {
        for (n, expected) in [
            (0u32, &[0u8][..]),
            (1, &[1]),
            (0x7f, &[0x7f]),
            (0x80, &[0, 0x80]),
            (0xff, &[0, 0xff]),
            (0x100, &[1, 0]),
            (0x8000, &[0, 0x80, 0]),
        ] {
            assert_eq!(pad(&n.to_be_bytes()), expected, "{n:#x}");
        }
    }

    #[test]
    fn hexadecimal_of_every_form_is_the_same_integer() {
        for text in ["abc", "0abc", "ABC", "000aBc"] {
            assert_eq!(from_hex::<2>(text), Ok([0x0a, 0xbc]), "{text}");
        }
        assert_eq!(from_hex::<2>("0000000"), Ok([0, 0]));
        assert_eq!(to_hex(&[0, 0x0a, 0xbc]), "abc");
        assert_eq!(to_hex(&[0, 0]), "0");
    }

    #[test]
    fn each_digit_of_either_case_has_its_value() {
        for value in 0..16_u32 {
            let digit = char::from_digit(value, 16).unwrap_or_default();
            for digit in [digit, digit.to_ascii_uppercase()] {
                let text = String::from_iter(['1', digit, digit]);
                assert_eq!(from_hex::<2>(&text), Ok([1, (17 * value) as u8]), "{text}");
            }
        }
    }

    #[test]
    fn other_text_is_refused() {
        for (text, error) in [
            ("", Error::NotHex),
            ("0x12", Error::NotHex),
            ("-1", Error::NotHex),
            ("+1", Error::NotHex),
            (" 1", Error::NotHex),
            ("1g", Error::NotHex),
            ("\u{ff11}", Error::NotHex),
            ("10000", Error::TooLong),
        ] {
            assert_eq!(from_hex::<2>(text), Err(error), "{text:?}");
        }
        assert_eq!(right_aligned::<2>(&[0, 0, 1, 2]), Ok([1, 2]));
        assert_eq!(right_aligned::<2>(&[1, 2, 3]), Err(Error::TooLong));
    }
}
