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
}

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
}
