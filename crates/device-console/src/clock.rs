//! Times as people read them: in UTC, with how long ago that was.

use device_wire::Timestamp;
use maud::{Markup, html};
use time::OffsetDateTime;

/// A point in time beside the time of the request.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    /// Milliseconds since the epoch.
    pub(crate) now: i64,
}

impl Clock {
    /// A time of the API, or a dash.
    pub(crate) fn show(self, at: Option<Timestamp>) -> Markup {
        html! {
            @match at {
                Some(at) => (self.show_millis(at.as_millis())),
                None => span.muted { "—" },
            }
        }
    }

    /// A time in milliseconds since the epoch.
    pub(crate) fn show_millis(self, at: i64) -> Markup {
        let text = utc(at);
        html! {
            time datetime=(text.replace(' ', "T").replace("TUTC", "Z")) {
                (text) " " span.ago { (self.ago(at)) }
            }
        }
    }

    /// How long ago that was, or how long it will take.
    pub(crate) fn ago(self, at: i64) -> String {
        let seconds = (self.now - at) / 1000;
        let (past, seconds) = (seconds >= 0, seconds.abs());
        let (count, unit) = match seconds {
            0..60 => return if past { "just now".to_owned() } else { "in a moment".to_owned() },
            60..3600 => (seconds / 60, "minute"),
            3600..86_400 => (seconds / 3600, "hour"),
            86_400..5_184_000 => (seconds / 86_400, "day"),
            5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
            _ => (seconds / 31_536_000, "year"),
        };
        let plural = if count == 1 { "" } else { "s" };
        if past {
            format!("{count} {unit}{plural} ago")
        } else {
            format!("in {count} {unit}{plural}")
        }
    }
}

/// A time as `2026-11-29 14:10:22 UTC`.
pub(crate) fn utc(millis: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_how_long_ago_they_were() {
        assert_eq!(utc(1_790_000_000_000), "2026-09-21 14:13:20 UTC");
        let clock = Clock { now: 1_790_000_000_000 };
        for (before, said) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (7200, "2 hours ago"),
            (86_400, "1 day ago"),
            (100 * 86_400, "3 months ago"),
            (3 * 366 * 86_400, "3 years ago"),
            (-90, "in 1 minute"),
        ] {
            assert_eq!(clock.ago(clock.now - before * 1000), said);
        }
        let shown = clock.show_millis(clock.now).into_string();
        assert!(shown.contains("datetime=\"2026-09-21T14:13:20Z\""), "{shown}");
    }
}
