//! Points in time and durations.

use std::ops::Add;
use std::time::Duration;

use device_wire::Timestamp;
use serde::{Deserialize, Serialize};

/// A point in time: milliseconds since 1970-01-01 00:00:00 UTC. Records hold it as that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(i64);

impl Moment {
    /// The point `millis` milliseconds after the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The point `seconds` seconds after the epoch; saturates.
    pub(crate) const fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch.
    pub(crate) const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time between two points, in either order.
    pub(crate) const fn distance(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }

    /// The time since `earlier`; zero if `earlier` is in the future.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        if self < earlier { Duration::ZERO } else { self.distance(earlier) }
    }

    /// The minute in UTC: `2026-11-02 09:05 UTC`.
    pub(crate) fn minute(self) -> String {
        let minute = self.unix_seconds().div_euclid(60).rem_euclid(24 * 60);
        format!("{} {:02}:{:02} UTC", self.day(), minute / 60, minute % 60)
    }

    /// The day in UTC: `2026-11-02`.
    pub(crate) fn day(self) -> String {
        // Days since 0000-03-01, so that a leap day is the last day of a year; 400 years repeat
        // (H. Hinnant's civil_from_days).
        let days = self.unix_seconds().div_euclid(86_400) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted + 2) / 5 + 1;
        let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// The largest step of the clock, in minutes, after which nothing is accepted twice.
///
/// A clock that is corrected may step forwards and back. What was used must still be known then, so
/// it is kept for so much longer.
pub(crate) const CLOCK_STEP_MINUTES: u64 = 10;

/// Saturates.
impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        Self::from_millis(moment.0)
    }
}

pub(crate) const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

pub(crate) const fn hours(hours: u64) -> Duration {
    minutes(60 * hours)
}

pub(crate) const fn days(days: u64) -> Duration {
    hours(24 * days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_stored_as_its_milliseconds() {
        let moment = Moment::from_millis(1_790_000_000_123);
        assert_eq!(serde_json::to_string(&moment).unwrap(), "1790000000123");
        assert_eq!(serde_json::from_str::<Moment>("1790000000123").unwrap(), moment);
    }

    #[test]
    fn moments_saturate() {
        let [first, last] = [i64::MIN, i64::MAX].map(Moment::from_millis);
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(Moment::from_unix_seconds(i64::MAX), last);
        assert_eq!(first.distance(last), Duration::from_millis(u64::MAX));
        assert_eq!((first.since(last), last.since(first)), (Duration::ZERO, last.distance(first)));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_793_577_600, "2026-11-02"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(Moment::from_unix_seconds(seconds).day(), text);
        }
    }

    #[test]
    fn a_minute_is_told_with_its_day() {
        for (seconds, text) in [
            (-1, "1969-12-31 23:59 UTC"),
            (0, "1970-01-01 00:00 UTC"),
            (1_793_577_600 + 9 * 3600 + 5 * 60 + 59, "2026-11-02 09:05 UTC"),
        ] {
            assert_eq!(Moment::from_unix_seconds(seconds).minute(), text);
        }
    }
}
