//! A limit on the events in a user's audit trail that anyone can cause.
//!
//! Anyone who knows a name can fail at it, or request codes, for as long as events are kept. The
//! oldest such events are removed first, but none of the last 30 days. Acts of the user and of
//! administrators always stay.

use std::sync::{Mutex, PoisonError};

use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::audit_event::AuditEvent;
use crate::store::{Change, Key, Store, Table, Write};

/// The number of records in one scan, and of scans in one call.
const BATCH: usize = 500;
const LOOKS: usize = 20;

/// Removes the oldest events beyond the limit of each user.
///
/// A trail may have millions of events, so each call checks a bounded number, and the next call
/// continues there.
#[derive(Default)]
pub(crate) struct FailureLimit {
    place: Mutex<Place>,
}

/// How far the check has come.
#[derive(Default)]
struct Place {
    /// The last event that was checked.
    after: Option<String>,
    /// The part of its id that all events of its user and kind share.
    trail: String,
    /// The number of events of that trail which anyone can cause, up to here.
    seen: usize,
}

impl FailureLimit {
    /// Removes what a bounded scan finds beyond `max` for each user; returns the number.
    pub(crate) fn apply(
        &self,
        store: &dyn Store,
        max: usize,
        now: Moment,
    ) -> Result<usize, ServiceError> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let mut removed = 0;
        for _ in 0..LOOKS {
            let found = store.scan(Table::AuditEvent, "", place.after.as_deref(), BATCH)?;
            let is_last = found.len() < BATCH;
            place.after = found.last().map(|(key, _)| key.id.clone());
            let mut writes = Vec::new();
            for (key, record) in found {
                let Ok(event) = serde_json::from_slice::<AuditEvent>(&record.body) else {
                    continue;
                };
                if place.pass(&key, event.is_anyones()) > max && event.removable_at() < now {
                    writes.push((key, Write::Delete));
                }
            }
            if !writes.is_empty() {
                removed += writes.len();
                store.apply(Change { expect: Vec::new(), writes })?;
            }
            if is_last {
                *place = Place::default();
                break;
            }
        }
        Ok(removed)
    }
}

impl Place {
    /// Goes on to the event at `key`; returns its number among those that anyone can cause, the
    /// latest first, or zero if it is none.
    fn pass(&mut self, key: &Key, is_anyones: bool) -> usize {
        let trail = key.id.rsplit_once('/').map_or("", |(trail, _)| trail);
        if self.trail != trail {
            trail.clone_into(&mut self.trail);
            self.seen = 0;
        }
        self.seen += usize::from(is_anyones);
        if is_anyones { self.seen } else { 0 }
    }
}
