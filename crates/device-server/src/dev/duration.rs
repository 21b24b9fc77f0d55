//! Durations as developers write them: `31d`, `1h30m`, `250ms`.

use std::time::Duration;

/// Reads a duration: numbers with a unit, one after the other.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let invalid = || format!("\"{text}\" is no duration like 31d, 1h30m or 250ms");
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(invalid)?;
        let (number, unit) = rest.split_at(digits);
        let letters = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
        let (unit, after) = unit.split_at(letters);
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(invalid()),
        };
        let number: u64 = number.parse().map_err(|_| invalid())?;
        let part = Duration::from_millis(number.checked_mul(millis).ok_or_else(invalid)?);
        total = total.checked_add(part).ok_or_else(invalid)?;
        rest = after;
    }
    if text.is_empty() { Err(invalid()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_numbers_with_units() {
        for (text, seconds) in [("31d", 2_678_400), ("1h30m", 5_400), ("90s", 90), ("0s", 0)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse("1s250ms"), Ok(Duration::from_millis(1_250)));
        for text in ["", "5", "d", "-5d", "5 d", "5w", "1.5h", "99999999999999999999d", "5d!"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
