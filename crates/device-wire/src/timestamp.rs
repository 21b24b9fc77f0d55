//! Points in time on the wire.

use std::fmt;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, negative before it.
///
/// On the wire it is a JSON number of seconds. Whole seconds are written as an integer, others with
/// up to three decimal places. Both integers and floats are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    millis: i64,
}

impl Timestamp {
    /// The time `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self { millis }
    }

    /// The time `seconds` seconds after the epoch. Saturates at the range of `i64` milliseconds.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { millis: seconds.saturating_mul(1000) }
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.millis
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.millis.div_euclid(1000)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.millis % 1000 == 0 {
            serializer.serialize_i64(self.millis / 1000)
        } else {
            // The double nearest to a decimal with three places prints as that decimal again.
            serializer.serialize_f64(self.millis as f64 / 1000.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl Visitor<'_> for Seconds {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since the epoch, as a number")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Timestamp, E> {
                let millis = seconds.checked_mul(1000);
                millis
                    .map(Timestamp::from_millis)
                    .ok_or_else(|| E::invalid_value(Unexpected::Signed(seconds), &self))
            }

            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Timestamp, E> {
                match i64::try_from(seconds) {
                    Ok(seconds) => self.visit_i64(seconds),
                    Err(_) => Err(E::invalid_value(Unexpected::Unsigned(seconds), &self)),
                }
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Timestamp, E> {
                let millis = (seconds * 1000.0).round();
                // The bound is exact as a double, and NaN fails the comparison.
                if millis.abs() < i64::MAX as f64 {
                    Ok(Timestamp::from_millis(millis as i64))
                } else {
                    Err(E::invalid_value(Unexpected::Float(seconds), &self))
                }
            }
        }

        deserializer.deserialize_any(Seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    fn decode(json: &str) -> Option<i64> {
        serde_json::from_str::<Timestamp>(json).ok().map(Timestamp::as_millis)
    }

    #[test]
    fn writes_only_the_decimal_places_it_needs() {
        let cases = [
            (1_760_000_000_000, "1760000000"),
            (1_760_000_000_123, "1760000000.123"),
            (1_760_000_000_500, "1760000000.5"),
            (-1, "-0.001"),
            (0, "0"),
        ];
        for (millis, json) in cases {
            assert_eq!(serde_json::to_string(&Timestamp::from_millis(millis)).unwrap(), json);
            assert_eq!(decode(json), Some(millis));
        }
    }

    #[test]
    fn reads_integers_and_floats() {
        assert_eq!(decode("1760000000.0"), Some(1_760_000_000_000));
        assert_eq!(decode("1.76E9"), Some(1_760_000_000_000));
        assert_eq!(decode("1760000000.1239"), Some(1_760_000_000_124));
    }

    #[test]
    fn refuses_anything_but_a_number_in_range() {
        for json in [
            "\"1760000000\"",
            "true",
            "1e300",
            "-1e300",
            "9223372036854775807",
            "18446744073709551615",
        ] {
            assert_eq!(decode(json), None, "{json}");
        }
    }

    #[test]
    fn whole_seconds_round_down() {
        assert_eq!(Timestamp::from_millis(1_999).as_seconds(), 1);
        assert_eq!(Timestamp::from_millis(-1).as_seconds(), -1);
        assert_eq!(Timestamp::from_seconds(i64::MAX).as_millis(), i64::MAX);
    }
}
