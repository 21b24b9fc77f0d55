//! A clock that developers set, stop and advance.

use std::sync::{Arc, PoisonError, RwLock};

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::duration;
use crate::environment::Clock;

/// The service's clock in dev mode: another clock, moved or stopped.
pub(crate) struct DevClock {
    under: Arc<dyn Clock>,
    moved: RwLock<Moved>,
}

#[derive(Clone, Copy, Default)]
struct Moved {
    /// How far it is ahead, in milliseconds.
    ahead: i64,
    /// Where it stands still.
    stopped_at: Option<i64>,
}

/// A change of the clock: set, then advanced, then stopped or started.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    set: Option<String>,
    advance: Option<String>,
    stopped: Option<bool>,
}

impl DevClock {
    pub(crate) fn new(under: Arc<dyn Clock>) -> Self {
        Self { under, moved: RwLock::default() }
    }

    /// Makes a change, or says what is wrong with it.
    pub(crate) fn change(&self, change: &Change) -> Result<(), String> {
        let set = change.set.as_deref().map(millis_of).transpose()?;
        let by = change.advance.as_deref().map(duration::parse).transpose()?;
        let by = by.map_or(0, |by| i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        let under = self.under.now_millis();
        let mut moved = self.moved.write().unwrap_or_else(PoisonError::into_inner);
        let now = set.unwrap_or(moved.now(under)).saturating_add(by);
        if to_text(now).is_none() {
            return Err("the clock cannot go beyond the year 9999".to_owned());
        }
        let stopped = change.stopped.unwrap_or(moved.stopped_at.is_some());
        *moved = Moved { ahead: now.saturating_sub(under), stopped_at: stopped.then_some(now) };
        Ok(())
    }

    /// Follows the clock under it again.
    pub(crate) fn reset(&self) {
        *self.moved.write().unwrap_or_else(PoisonError::into_inner) = Moved::default();
    }

    /// The time, as developers see it.
    pub(crate) fn describe(&self) -> Value {
        let moved = *self.moved.read().unwrap_or_else(PoisonError::into_inner);
        let now = moved.now(self.under.now_millis());
        json!({ "now": to_text(now), "millis": now, "stopped": moved.stopped_at.is_some() })
    }
}

impl Moved {
    fn now(self, under: i64) -> i64 {
        self.stopped_at.unwrap_or(under.saturating_add(self.ahead))
    }
}

impl Clock for DevClock {
    fn now_millis(&self) -> i64 {
        let moved = *self.moved.read().unwrap_or_else(PoisonError::into_inner);
        moved.now(self.under.now_millis())
    }
}

/// Reads a time such as `2027-01-31T12:00:00Z`.
pub(crate) fn millis_of(text: &str) -> Result<i64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|_| format!("\"{text}\" is no time like 2027-01-31T12:00:00Z"))?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000)
        .map_err(|_| format!("\"{text}\" is too far away"))
}

/// A time as text; `None` beyond the year 9999.
pub(crate) fn to_text(millis: i64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
    time.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Clock for Fixed {
        fn now_millis(&self) -> i64 {
            1_000
        }
    }

    fn change(text: &str) -> Change {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_clock_is_set_then_advanced_then_stopped() {
        let clock = DevClock::new(Arc::new(Fixed));
        assert_eq!(clock.now_millis(), 1_000);
        clock.change(&change(r#"{"advance": "31d"}"#)).unwrap();
        assert_eq!(clock.now_millis(), 1_000 + 31 * 86_400_000);
        let all = r#"{"set": "1970-01-01T00:00:05Z", "advance": "2s", "stopped": true}"#;
        clock.change(&change(all)).unwrap();
        assert_eq!(clock.describe()["now"], "1970-01-01T00:00:07Z");
        assert_eq!(clock.describe()["stopped"], true);
        clock.change(&change(r#"{"advance": "1500ms"}"#)).unwrap();
        assert_eq!((clock.now_millis(), clock.describe()["stopped"].clone()), (8_500, true.into()));
        clock.change(&change(r#"{"stopped": false}"#)).unwrap();
        assert_eq!(
            (clock.now_millis(), clock.describe()["stopped"].clone()),
            (8_500, false.into())
        );
        clock.reset();
        assert_eq!(clock.now_millis(), 1_000);
    }

    #[test]
    fn a_change_that_makes_no_sense_changes_nothing() {
        let clock = DevClock::new(Arc::new(Fixed));
        for text in [
            r#"{"set": "tomorrow"}"#,
            r#"{"advance": "31 days"}"#,
            r#"{"set": "1970-01-01T00:00:05Z", "advance": "-1s"}"#,
            r#"{"advance": "9999999d"}"#,
        ] {
            assert!(clock.change(&change(text)).is_err(), "{text}");
            assert_eq!(clock.now_millis(), 1_000, "{text}");
        }
    }
}
