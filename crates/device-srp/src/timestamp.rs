#![allow(clippy::integer_division_remainder_used, reason = "times are no secret")]

use alloc::string::ToString;
use core::fmt;

use crate::error::Error;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY: i64 = 86_400;
/// The first and last second that a year of four digits can express.
const FIRST: i64 = -719_528 * DAY;
const LAST: i64 = 2_932_897 * DAY - 1;

/// A moment in the form of `TIMESTAMP`: `EEE MMM d HH:mm:ss UTC yyyy`.
///
/// It is in English and in UTC whatever the locale.
///
/// ```
/// use device_srp::Timestamp;
/// assert_eq!(Timestamp::from_unix_seconds(0).to_string(), "Thu Jan 1 00:00:00 UTC 1970");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Takes seconds since 1970-01-01 00:00:00 UTC, clamped to the years 0000 to 9999.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.clamp(FIRST, LAST))
    }

    /// Seconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }

    /// Reads the exact form, and no other.
    ///
    /// One space between fields, no leading zero on the day, two digits in each part of the time,
    /// the weekday of the date.
    ///
    /// # Errors
    /// [`Error::MalformedTimestamp`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_lenient(text)
            .ok()
            .filter(|read| read.to_string() == text)
            .ok_or(Error::MalformedTimestamp)
    }

    /// Also accepts a wrong weekday, and a leading zero on the day.
    ///
    /// The service reads both and then verifies the proof over the exact form, so a client that
    /// signed another text is told that its password is wrong.
    ///
    /// # Errors
    /// [`Error::MalformedTimestamp`].
    pub fn parse_lenient(text: &str) -> Result<Self, Error> {
        Self::read(text).ok_or(Error::MalformedTimestamp)
    }

    fn read(text: &str) -> Option<Self> {
        let mut fields = text.split(' ');
        let mut field = || fields.next();
        let (weekday, month, day, time, zone, year) =
            (field()?, field()?, field()?, field()?, field()?, field()?);
        if zone != "UTC" || !WEEKDAYS.contains(&weekday) || fields.next().is_some() {
            return None;
        }
        let month = MONTHS.iter().zip(1..).find_map(|(name, m)| (*name == month).then_some(m))?;
        let date = Date { year: digits(year, 4..=4)?, month, day: digits(day, 1..=2)? };
        let mut clock = time.split(':').map(|part| digits(part, 2..=2));
        let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
        if clock.next().is_some() || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let days = date.days();
        (Date::at(days) == date).then_some(())?;
        Some(Self(days * DAY + hour * 3600 + minute * 60 + second))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.0.div_euclid(DAY), self.0.rem_euclid(DAY));
        let name = |names: &[&'static str], i: i64| {
            usize::try_from(i).ok().and_then(|i| names.get(i).copied())
        };
        let date = Date::at(days);
        write!(
            f,
            "{} {} {} {:02}:{:02}:{:02} UTC {:04}",
            name(&WEEKDAYS, days.rem_euclid(7)).unwrap_or_default(),
            name(&MONTHS, date.month - 1).unwrap_or_default(),
            date.day,
            second / 3600,
            second / 60 % 60,
            second % 60,
            date.year
        )
    }
}

/// Reads an unsigned decimal whose length is in a range.
fn digits(text: &str, length: core::ops::RangeInclusive<usize>) -> Option<i64> {
    let plain = length.contains(&text.len()) && text.bytes().all(|c| c.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A date of the proleptic Gregorian calendar; months and days count from 1.
#[derive(PartialEq)]
struct Date {
    year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Days since 1970-01-01.
    ///
    /// Years start in March here, so that the leap day comes last and a straight line gives the
    /// lengths of the months. 400 years are 146,097 days.
    fn days(&self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The inverse of [`Self::days`].
    fn at(days: i64) -> Self {
        let (era, of_era) =
            ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let march_month = (5 * of_year + 2) / 153;
        let month = (march_month + 2) % 12 + 1;
        Self {
            year: era * 400 + year + i64::from(month <= 2),
            month,
            day: of_year - (153 * march_month + 2) / 5 + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (seconds, text) in [
            (0, "Thu Jan 1 00:00:00 UTC 1970"),
            (-1, "Wed Dec 31 23:59:59 UTC 1969"),
            (951_782_400, "Tue Feb 29 00:00:00 UTC 2000"),
            (1_632_897_648, "Wed Sep 29 06:40:48 UTC 2021"),
            (1_739_212_212, "Mon Feb 10 18:30:12 UTC 2025"),
            (FIRST, "Sat Jan 1 00:00:00 UTC 0000"),
            (LAST, "Fri Dec 31 23:59:59 UTC 9999"),
        ] {
            assert_eq!(Timestamp::from_unix_seconds(seconds).to_string(), text);
            assert_eq!(Timestamp::parse(text).map(Timestamp::unix_seconds), Ok(seconds), "{text}");
        }
        assert_eq!(Timestamp::from_unix_seconds(i64::MIN).unix_seconds(), FIRST);
        assert_eq!(Timestamp::from_unix_seconds(i64::MAX).unix_seconds(), LAST);
    }

    #[test]
    fn every_day_of_four_centuries_survives_the_round_trip() {
        for day in -146_097..146_097 {
            let moment = Timestamp::from_unix_seconds(day * DAY + day.rem_euclid(DAY));
            assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
        }
    }

    #[test]
    fn weekdays_and_padded_days_are_read_leniently() {
        for text in ["Thu Jan 01 00:00:00 UTC 1970", "Fri Jan 1 00:00:00 UTC 1970"] {
            assert_eq!(Timestamp::parse(text), Err(Error::MalformedTimestamp), "{text}");
            let read = Timestamp::parse_lenient(text).unwrap();
            assert_eq!(read, Timestamp::from_unix_seconds(0), "{text}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "Thu Jan  1 00:00:00 UTC 1970",
            "thu Jan 1 00:00:00 UTC 1970",
            "Thu jan 1 00:00:00 UTC 1970",
            "Thu Jan 1 0:00:00 UTC 1970",
            "Thu Jan 1 24:00:00 UTC 1970",
            "Thu Jan 1 00:60:00 UTC 1970",
            "Thu Jan 1 00:00:60 UTC 1970",
            "Thu Jan 1 00:00 UTC 1970",
            "Thu Jan 1 00:00:00:00 UTC 1970",
            "Thu Jan 1 00:00:00 GMT 1970",
            "Thu Jan 1 00:00:00 UTC 70",
            "Thu Jan 1 00:00:00 UTC 1970 ",
            "Thu Jan 1 00:00:00 UTC +970",
            "Mon Feb 29 00:00:00 UTC 1999",
            "Sun Feb 30 00:00:00 UTC 2020",
            "Thu Jan 32 00:00:00 UTC 1970",
            "Thu Jan 0 00:00:00 UTC 1970",
            "jeu. janv. 1 00:00:00 UTC 1970",
        ] {
            for read in [Timestamp::parse(text), Timestamp::parse_lenient(text)] {
                assert_eq!(read, Err(Error::MalformedTimestamp), "{text:?}");
            }
        }
    }
}
