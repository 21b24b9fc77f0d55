//! Times and ages as they are typed.

use std::str::FromStr;

use time::{Date, Duration, Month, OffsetDateTime, Time};

/// An age, such as `90d` or `12h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Age(Duration);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "an age is a number and m, h, d or w, such as 90d or 12h".to_owned();
        let unit = text.chars().next_back().ok_or_else(wrong)?;
        let count = text.strip_suffix(unit).unwrap_or_default();
        let count: u32 = count.parse().map_err(|_| wrong())?;
        let seconds = match unit {
            'm' => 60,
            'h' => 60 * 60,
            'd' => 24 * 60 * 60,
            'w' => 7 * 24 * 60 * 60,
            _ => return Err(wrong()),
        };
        Ok(Self(Duration::seconds(i64::from(count) * seconds)))
    }
}

impl Age {
    /// The time this long ago, in seconds since the epoch.
    pub(crate) fn ago(self) -> i64 {
        (OffsetDateTime::now_utc() - self.0).unix_timestamp()
    }
}

/// A time: a date, a date with a time of day (UTC), or an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    At(OffsetDateTime),
    Ago(Age),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(age) = text.parse() {
            return Ok(Self::Ago(age));
        }
        moment(text).map(Self::At).ok_or_else(|| {
            "a time is like 2026-11-29, 2026-11-29T14:10Z (UTC), or an age like 7d".to_owned()
        })
    }
}

impl Since {
    /// In milliseconds since the epoch.
    pub(crate) fn millis(self) -> i64 {
        match self {
            Self::At(at) => at.unix_timestamp() * 1000,
            Self::Ago(age) => age.ago() * 1000,
        }
    }
}

/// Reads `2026-11-29`, `2026-11-29T14:10Z` or `2026-11-29T14:10:30Z`.
fn moment(text: &str) -> Option<OffsetDateTime> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, time.strip_suffix('Z').unwrap_or(time)),
        None => (text, "00:00"),
    };
    let mut parts = date.splitn(3, '-');
    let year: i32 = parts.next()?.parse().ok()?;
    let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year, month, parts.next()?.parse().ok()?).ok()?;
    let mut parts = time.splitn(3, ':');
    let (hour, minute) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let second = parts.next().map_or(Some(0), |second| second.parse().ok())?;
    Some(date.with_time(Time::from_hms(hour, minute, second).ok()?).assume_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (text, seconds) in [
            ("1970-01-02", 86_400),
            ("1970-01-01T00:01Z", 60),
            ("1970-01-01 00:00:05", 5),
            ("2026-11-29T14:10:00Z", 1_795_961_400),
        ] {
            assert_eq!(text.parse::<Since>().unwrap().millis(), seconds * 1000, "{text}");
        }
        for text in ["yesterday", "2026-13-01", "2026-11-31", "2026-11-29T25:00", "", "d", "-1d"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
        assert_eq!("2w".parse::<Age>().unwrap(), Age(Duration::days(14)));
        assert!("90".parse::<Age>().is_err());
    }
}
