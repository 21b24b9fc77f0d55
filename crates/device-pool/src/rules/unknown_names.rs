//! Limits on the number of records of unknown names.
//!
//! Anyone can fail under any number of names. If unknown names were not counted, the difference
//! would reveal who exists. So they are counted as users are, up to a limit.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::records::attempts::Attempts;
use crate::records::audit_event::AuditEvent;
use crate::records::code::Codes;
use crate::records::sent_codes::SentCodes;
use crate::records::whose::nobodys;
use crate::store::{Change, Key, Store, Table, Write};

/// The number of records that one scan reads and one change removes.
const BATCH: usize = 500;

/// Removes the records above `max` of each kind in each pool; returns their number.
pub(crate) fn cap(store: &dyn Store, max: usize) -> Result<usize, ServiceError> {
    let mut removed = 0;
    let mut after: Option<String> = None;
    loop {
        let pools = store.scan(Table::Pool, "", after.as_deref(), BATCH)?;
        let Some((last, _)) = pools.last() else { return Ok(removed) };
        after = Some(last.id.clone());
        for (pool, _) in pools {
            let prefix = nobodys(&pool.id);
            removed += cap_kind::<Attempts>(store, &prefix, max)?;
            removed += cap_kind::<SentCodes>(store, &prefix, max)?;
            removed += cap_kind::<Codes>(store, &prefix, max)?;
            removed += cap_kind::<AuditEvent>(store, &prefix, max)?;
        }
    }
}

/// Keeps the `max` records that expire last.
fn cap_kind<E: Entity>(store: &dyn Store, prefix: &str, max: usize) -> Result<usize, ServiceError> {
    let mut removed = 0;
    let mut kept = BinaryHeap::new();
    let mut after: Option<String> = None;
    loop {
        let found = store.scan(E::TABLE, prefix, after.as_deref(), BATCH)?;
        let Some((last, _)) = found.last() else { return Ok(removed) };
        after = Some(last.id.clone());
        let mut writes = Vec::new();
        for (key, record) in found {
            let expires_at =
                serde_json::from_slice::<E>(&record.body).ok().and_then(|found| found.expires_at());
            kept.push(Reverse((expires_at, key.id)));
            if kept.len() > max
                && let Some(Reverse((_, id))) = kept.pop()
            {
                writes.push((Key { table: E::TABLE, id }, Write::Delete));
            }
        }
        if !writes.is_empty() {
            removed += writes.len();
            store.apply(Change { expect: Vec::new(), writes })?;
        }
    }
}
