//! The export of a pool's audit log: lines of JSON that anyone can verify without the server.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::command::transaction::Transaction;
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::audit_log::{AuditLog, AuditTile, Leaf, TILE, canonical};
use crate::store::{Key, Store, Table};

/// The format of the lines.
pub(crate) const FORMAT: u32 = 1;

/// The number of tiles on a page.
const TILES: u64 = 4;

/// A call for one page of the export of a pool's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditExportRequest {
    /// The pool.
    pub pool_id: String,
    /// Where the page starts; `None` for the first page.
    pub next: Option<NextPage>,
}

impl AuditExportRequest {
    /// A call for the first page.
    pub fn new(pool_id: impl Into<String>) -> Self {
        Self { pool_id: pool_id.into(), next: None }
    }
}

/// Where a page starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NextPage {
    /// The first event.
    from: u64,
    /// The number of events in the export.
    size: u64,
}

/// One page of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditExportPage {
    /// The lines of the file.
    pub lines: Vec<String>,
    /// Where the next page starts; `None` on the last page.
    pub next: Option<NextPage>,
}

/// Reads one page. The log was sealed before the first.
pub(crate) fn page(
    store: &dyn Store,
    request: &AuditExportRequest,
    now: Moment,
) -> Result<AuditExportPage, ServiceError> {
    let pool_id = &request.pool_id;
    let tx = Transaction::new(store);
    let log: AuditLog = tx.peek(&AuditLog::key(pool_id))?.ok_or_else(|| {
        ServiceError::not_found(format!(
            "There is no audit log of a user pool {pool_id}: it has had no event since this \
             release."
        ))
    })?;
    let mut lines = Vec::new();
    let NextPage { from, size } =
        request.next.unwrap_or(NextPage { from: log.removed.size, size: log.tree.size });
    if request.next.is_none() {
        lines.push(canonical(&json!({ "log": {
            "format": FORMAT, "pool_id": pool_id, "public_key": log.public_key()?.to_text(),
            "head": log.head(now)?, "removed": log.removed,
        }})));
    }
    if from < log.removed.size || size > log.tree.size {
        return Err(ServiceError::invalid(
            "The log was shortened during the export, as its oldest events have expired. Start \
             the export again.",
        ));
    }
    let mut at = from;
    while at < size && at < from.saturating_add(TILES * TILE) {
        let tile: AuditTile = tx
            .peek(&AuditTile::key(pool_id, at))?
            .ok_or_else(|| ServiceError::internal("leaves of an audit log are missing"))?;
        let before = at.saturating_sub(tile.from);
        let skipped = usize::try_from(before).unwrap_or(usize::MAX);
        let count = usize::try_from(size - at).unwrap_or(usize::MAX);
        let leaves: Vec<Leaf> = tile.leaves.into_iter().skip(skipped).take(count).collect();
        if leaves.is_empty() {
            return Err(ServiceError::internal("a row of an audit log has too few leaves"));
        }
        let hashes: Vec<String> = leaves.iter().map(|leaf| leaf.seal.leaf().to_text()).collect();
        lines.push(canonical(&json!({ "from": at, "leaves": hashes })));
        for leaf in leaves {
            lines.push(canonical(&line(store, at, leaf)?));
            at += 1;
        }
    }
    let next = (at < size).then_some(NextPage { from: at, size });
    Ok(AuditExportPage { lines, next })
}

/// The line of one event, as it is stored now; of one that is no longer stored, its hash.
fn line(store: &dyn Store, index: u64, leaf: Leaf) -> Result<Value, ServiceError> {
    let Leaf { seal, event } = leaf;
    let key = Key { table: Table::AuditEvent, id: event };
    let mut line = json!({ "index": index, "expires_at": seal.expires_at });
    let (name, value) = match store.get(&key)? {
        Some(record) => {
            let event = serde_json::from_slice(&record.body)
                .map_err(|_| ServiceError::internal("an audit event does not parse"))?;
            ("event", event)
        }
        None => ("content", json!(seal.content)),
    };
    if let Some(members) = line.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    Ok(line)
}
