//! Events of the audit trail as they are stored, for lists and exports.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::transaction::id_of;
use crate::error::ServiceError;
use crate::host::moment::{Moment, days};
use crate::store::{Store, Table};

/// The number of records that are read at once, if only late events are asked for.
const FEW: usize = 16;

/// The number that is read at once if all are.
const MANY: usize = 500;

/// The number of reads for a page.
const READS: usize = 100;

/// The number of events after which a page ends.
const ENOUGH: usize = 1000;

/// How much later an event may be than its place in the order says, at most. The events of a wait
/// have the place of its start.
const LATE_DAYS: u64 = 2;

/// A call for events of the audit trail: all, or those of a pool or a user, since a time.
///
/// They come by pool and user, and not in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditEventsRequest {
    /// The pool. If empty: all pools, also deleted ones, and the server's own events.
    #[serde(default)]
    pub pool_id: String,
    /// The `sub` of a user of the pool.
    #[serde(default)]
    pub sub: Option<String>,
    /// The time of the earliest event, in milliseconds since the epoch.
    #[serde(default)]
    pub since: i64,
    /// Where the page starts, as the page before says; `None` for the first page.
    #[serde(default)]
    pub next: Option<String>,
}

/// One page of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditEventsPage {
    /// The events, as they are stored. There may be none on a page that is not the last.
    pub events: Vec<Value>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<String>,
}

/// The members that the call itself reads.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    pool_id: String,
    at: Moment,
}

/// Reads one page.
pub(crate) fn page(
    store: &dyn Store,
    request: &AuditEventsRequest,
) -> Result<AuditEventsPage, ServiceError> {
    let AuditEventsRequest { pool_id, sub, since, next } = request;
    let prefix = match sub {
        Some(_) if pool_id.is_empty() => {
            return Err(ServiceError::invalid("A sub is that of a user of a pool: name the pool."));
        }
        Some(sub) => id_of([pool_id, sub, ""]),
        None => String::new(),
    };
    let since = Moment::from_millis(*since);
    let limit = if since.millis() > 0 { FEW } else { MANY };
    let (mut events, mut after) = (Vec::new(), next.clone());
    for _ in 0..READS {
        let records = store.scan(Table::AuditEvent, &prefix, after.as_deref(), limit)?;
        let is_last = records.len() < limit;
        let mut skipped = None;
        for (key, record) in records {
            let stored: Stored = serde_json::from_slice(&record.body).map_err(unreadable)?;
            let is_wanted = pool_id.is_empty() || stored.pool_id == *pool_id;
            if is_wanted && stored.at >= since {
                events.push(serde_json::from_slice(&record.body).map_err(unreadable)?);
            }
            if placed_at(&key.id).is_some_and(|at| at + days(LATE_DAYS) < since) {
                // The latest are first, so the rest of this stream is older.
                skipped = Some(end_of_stream(&key.id));
                break;
            }
            after = Some(key.id);
        }
        if is_last && skipped.is_none() {
            return Ok(AuditEventsPage { events, next: None });
        }
        after = skipped.or(after);
        if events.len() >= ENOUGH {
            break;
        }
    }
    Ok(AuditEventsPage { events, next: after })
}

fn unreadable(_: serde_json::Error) -> ServiceError {
    ServiceError::internal("an audit event does not parse")
}

/// The time by which an event's id is ordered.
fn placed_at(id: &str) -> Option<Moment> {
    let (_, place) = id.rsplit_once('/')?;
    let left = u64::from_str_radix(place.get(..16)?, 16).ok()?;
    i64::try_from(u64::MAX - left).ok().map(Moment::from_millis)
}

/// A text after all ids of the id's stream, and before those of the next one.
fn end_of_stream(id: &str) -> String {
    let stream = id.rsplit_once('/').map_or(id, |(stream, _)| stream);
    // The rest of an id starts with a hexadecimal digit.
    format!("{stream}/g")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_ends_after_its_oldest_event() {
        let id = "pool/us-east-1_a/other/fffffe60a2b3c4d5-f00d";
        let end = end_of_stream(id);
        assert!(*end > *id && *end > *"pool/us-east-1_a/other/ffffffffffffffff-f00d");
        assert!(*end < *"pool/us-east-1_b/auth/0");
        let at = placed_at("a/b/auth/fffffffffffffffe-x").unwrap();
        assert_eq!(at.millis(), 1);
        assert!(placed_at("a/b/auth/short").is_none());
    }
}
