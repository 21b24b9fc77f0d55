//! Times as people read them.

use time::OffsetDateTime;

/// A time in milliseconds since the epoch, as `2026-11-29 14:10 UTC`.
pub(crate) fn utc(millis: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(millis.div_euclid(1000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (at.year(), u8::from(at.month()), at.day());
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02} UTC", at.hour(), at.minute())
}
