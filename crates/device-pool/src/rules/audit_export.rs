//! The export of a pool's audit log: lines of JSON that anyone can verify without the server.
//!
//! Each page ends with a signature over all lines of the file so far, so that without the log's key
//! nothing in a file can be changed, left out or added. The server keeps nothing between two pages:
//! the call for a page has the signed end of the page before it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::transaction::Transaction;
use crate::crypto::head::PageEnd;
use crate::crypto::tree::{Hash, LineDigest, Tree};
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::audit_log::{AuditLog, AuditTile, Leaf, TILE, WithPool, canonical};
use crate::store::{Key, Store, Table};

/// The format of the lines.
pub(crate) const FORMAT: u32 = 2;

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

/// Where a page starts: the signed end of the page before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[non_exhaustive]
pub struct NextPage(String);

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

/// A line of an export.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Line {
    /// The first.
    Log {
        log: LogLine,
    },
    /// The hashes of the leaves whose events follow.
    Leaves {
        from: u64,
        leaves: Vec<Hash>,
    },
    Event(EventLine),
    /// The signed end of a page.
    Page {
        page: String,
    },
}

/// What the first line has.
#[derive(Serialize, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) format: u32,
    pub(crate) pool_id: String,
    pub(crate) public_key: String,
    pub(crate) head: String,
    pub(crate) removed: Tree,
}

/// An event as it is stored, or if it is not stored any more, the hash of its content.
#[derive(Serialize, Deserialize)]
pub(crate) struct EventLine {
    pub(crate) index: u64,
    pub(crate) expires_at: Moment,
    #[serde(default, skip_serializing_if = "WithPool::is_stays")]
    pub(crate) with_pool: WithPool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<Hash>,
}

impl Line {
    /// The only text of the line.
    pub(crate) fn text(&self) -> Result<String, ServiceError> {
        serde_json::to_value(self)
            .map(|value| canonical(&value))
            .map_err(|_| ServiceError::internal("a line of an export does not serialize"))
    }

    /// Reads a line; `None` for any other text than its own.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let line: Self = serde_json::from_str(text).ok()?;
        line.text().is_ok_and(|own| own == text).then_some(line)
    }
}

/// The lines of a page, and the digest of those of the file so far.
struct Page {
    lines: Vec<String>,
    digest: LineDigest,
}

impl Page {
    fn push(&mut self, line: &Line) -> Result<(), ServiceError> {
        let text = line.text()?;
        self.digest.line(&text);
        self.lines.push(text);
        Ok(())
    }
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
    let mut page = Page { lines: Vec::new(), digest: LineDigest::default() };
    let (from, size) = match &request.next {
        None => {
            page.push(&Line::Log {
                log: LogLine {
                    format: FORMAT,
                    pool_id: pool_id.clone(),
                    public_key: log.public_key()?.to_text(),
                    head: log.head(now)?,
                    removed: log.removed.clone(),
                },
            })?;
            (log.removed.size, log.tree.size)
        }
        Some(NextPage(end)) => {
            let end = PageEnd::open(end, &log.public_key()?).ok_or_else(|| {
                ServiceError::invalid("No page of an export of this log ends so.")
            })?;
            page.digest = LineDigest::after(end.digest);
            (end.next, end.size)
        }
    };
    if from < log.removed.size || size > log.tree.size {
        return Err(shortened());
    }
    let mut at = from;
    while at < size && at < from.saturating_add(TILES * TILE) {
        let Some(tile) = tx.peek::<AuditTile>(&AuditTile::key(pool_id, at))? else {
            // Removed since the log was read, or lost.
            let log: Option<AuditLog> = tx.peek(&AuditLog::key(pool_id))?;
            return Err(match log {
                Some(log) if log.removed.size <= at => {
                    ServiceError::internal("leaves of an audit log are missing")
                }
                _ => shortened(),
            });
        };
        let before = at.saturating_sub(tile.from);
        let skipped = usize::try_from(before).unwrap_or(usize::MAX);
        let count = usize::try_from(size - at).unwrap_or(usize::MAX);
        let leaves: Vec<Leaf> = tile.leaves.into_iter().skip(skipped).take(count).collect();
        if leaves.is_empty() {
            return Err(ServiceError::internal("a row of an audit log has too few leaves"));
        }
        let hashes = leaves.iter().map(|leaf| leaf.seal.leaf()).collect();
        page.push(&Line::Leaves { from: at, leaves: hashes })?;
        for leaf in leaves {
            page.push(&Line::Event(line(store, at, leaf)?))?;
            at += 1;
        }
    }
    let Page { mut lines, digest } = page;
    let end = log.page_end(digest.end(), at, size, now)?;
    lines.push(Line::Page { page: end.clone() }.text()?);
    Ok(AuditExportPage { lines, next: (at < size).then_some(NextPage(end)) })
}

fn shortened() -> ServiceError {
    ServiceError::invalid(
        "The log was shortened during the export, as its oldest events have expired. Start the \
         export again.",
    )
}

/// The line of one event, as it is stored now; of one that is no longer stored, its hash.
fn line(store: &dyn Store, index: u64, leaf: Leaf) -> Result<EventLine, ServiceError> {
    let Leaf { seal, event } = leaf;
    let stored = store.get(&Key { table: Table::AuditEvent, id: event })?;
    let event: Option<Value> = stored
        .map(|record| serde_json::from_slice(&record.body))
        .transpose()
        .map_err(|_| ServiceError::internal("an audit event does not parse"))?;
    let content = event.is_none().then_some(seal.content);
    let (expires_at, with_pool) = (seal.expires_at, seal.with_pool);
    Ok(EventLine { index, expires_at, with_pool, event, content })
}
