//! Sealing a pool's events into its audit log, after the commands that wrote them.
//!
//! A command writes an event and a note that it is not sealed. Once a minute the notes are turned
//! into leaves, in the order in which they are found; that order is the log's. Every change of a
//! log rests on the version of its state, so two servers never append to it at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity as _, Transaction, id_of};
use crate::error::ServiceError;
use crate::host::invocation::Invocation;
use crate::host::moment::Moment;
use crate::records::audit_log::{AuditLog, AuditTile, Leaf, TILE, UnsealedEvent};
use crate::store::{Key, Store, StoreError, Table};

/// The number of events that one change seals.
const BATCH: usize = 500;

/// The most changes of one call: more events than servers write in a minute.
const MOST_BATCHES: usize = 400;

/// The most changes of a call for an export. The rest of a longer backlog waits for its minute.
const EXPORT_BATCHES: usize = 20;

/// The most full tiles of a log that one call removes.
const MOST_REMOVED: usize = 100;

/// The number of logs that one call tries to shorten.
const LOGS: usize = 100;

/// The head of a pool's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AuditHead {
    /// The pool.
    pub pool_id: String,
    /// The number of events in the log.
    pub size: u64,
    /// The root of the tree over them, in base64. It stands for all of them and their order.
    pub root: String,
    /// Size and root, signed: a `tlog-checkpoint` of C2SP.
    pub signed: String,
}

/// What a call sealed.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct SealedLogs {
    /// The new head of each log that grew.
    pub heads: Vec<AuditHead>,
    /// The first failure. What could be sealed was, all the same.
    pub failure: Option<ServiceError>,
}

/// Seals events and shortens logs, a bounded number in each call, and continues in the next.
#[derive(Default)]
pub(crate) struct LogKeeper {
    /// The place after the last pool whose events were sealed.
    sealed: Mutex<Option<String>>,
    /// The last log that was shortened, or could not be.
    shortened: Mutex<Option<String>>,
}

impl LogKeeper {
    /// Shortens logs, and seals what is not sealed yet: of each pool in turn one batch, so that
    /// none waits for the many events of another.
    pub(crate) fn run(
        &self,
        store: &dyn Store,
        public_base_url: &str,
        invocation: &mut Invocation<'_>,
    ) -> SealedLogs {
        let mut failure = self.shorten(store, invocation.now).err();
        let mut heads = BTreeMap::new();
        let mut next = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        // Those whose notes stay for now: another server is sealing them, or they fail.
        let mut left = BTreeSet::new();
        let mut has_sealed = true;
        for _ in 0..MOST_BATCHES {
            let after = next.as_deref();
            let tx = Transaction::new(store);
            let found = match tx.ids(Table::UnsealedEvent, "", after, 1) {
                Ok(found) => found,
                Err(error) => {
                    failure.get_or_insert(error);
                    break;
                }
            };
            let Some(pool_id) = found.first().map(|id| UnsealedEvent::pool_of(id)) else {
                // After the last pool: again from the first, if there can be any left.
                let was_first = next.take().is_none();
                if was_first || !std::mem::take(&mut has_sealed) {
                    break;
                }
                continue;
            };
            // The events of the next pool come after the `/` of this one's.
            *next = Some(id_of(["pool", &pool_id]) + "0");
            if left.contains(&pool_id) {
                continue;
            }
            match append(store, &pool_id, public_base_url, invocation) {
                Ok(Appended::Some(head)) => {
                    has_sealed = true;
                    heads.insert(pool_id, head);
                }
                Ok(Appended::Nothing) => has_sealed = true,
                Ok(Appended::Outrun) => {
                    left.insert(pool_id);
                }
                Err(error) => {
                    left.insert(pool_id);
                    failure.get_or_insert(error);
                }
            }
        }
        SealedLogs { heads: heads.into_values().collect(), failure }
    }

    /// Removes the leading leaves of which all events have expired and are gone, of some logs. What
    /// is left of them is enough to compute the root.
    fn shorten(&self, store: &dyn Store, now: Moment) -> Result<(), ServiceError> {
        let mut after = self.shortened.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = Transaction::new(store).ids(Table::AuditLog, "", after.as_deref(), LOGS)?;
        *after = keys.last().filter(|_| keys.len() == LOGS).cloned();
        let mut result = Ok(());
        for key in keys {
            for _ in 0..MOST_REMOVED {
                match shorten_one(store, &key, now) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        result = result.and(Err(error));
                        break;
                    }
                }
            }
        }
        result
    }
}

/// Seals what is not sealed yet of one pool, up to a bound.
pub(crate) fn seal_pool(
    store: &dyn Store,
    pool_id: &str,
    public_base_url: &str,
    invocation: &mut Invocation<'_>,
) -> Result<(), ServiceError> {
    let prefix = UnsealedEvent::prefix_of(pool_id);
    for _ in 0..EXPORT_BATCHES {
        if Transaction::new(store).count::<UnsealedEvent>(&prefix, 0)? == Some(0) {
            break;
        }
        append(store, pool_id, public_base_url, invocation)?;
    }
    Ok(())
}

/// What became of a batch.
enum Appended {
    Some(AuditHead),
    /// There was none but events of unknown names.
    Nothing,
    /// Another server was first.
    Outrun,
}

/// Seals one batch of a pool's events.
fn append(
    store: &dyn Store,
    pool_id: &str,
    public_base_url: &str,
    invocation: &mut Invocation<'_>,
) -> Result<Appended, ServiceError> {
    let mut tx = Transaction::new(store);
    // Read before the events: what another server seals meanwhile changes it.
    let mut log = match tx.find::<AuditLog>(&AuditLog::key(pool_id))? {
        Some(log) => log,
        None => {
            let mut seed = [0; 32];
            invocation.rng.fill_bytes(&mut seed);
            AuditLog::new(pool_id, public_base_url, seed)
        }
    };
    let size = log.tree.size;
    let events: Vec<UnsealedEvent> = tx.scan(&UnsealedEvent::prefix_of(pool_id), None, BATCH)?;
    let mut open: Option<AuditTile> = None;
    for event in events {
        tx.delete::<UnsealedEvent>(&event.id());
        let Some(seal) = event.seal else { continue };
        let leaf = log.tree.size;
        let mut tile = match open.take() {
            Some(tile) => tile,
            None if leaf % TILE == 0 => {
                AuditTile { pool_id: pool_id.to_owned(), from: leaf, leaves: Vec::new() }
            }
            None => tx.find(&AuditTile::key(pool_id, leaf))?.ok_or_else(|| {
                ServiceError::internal("the last leaves of an audit log are missing")
            })?,
        };
        tile.leaves.push(Leaf { seal, event: event.event });
        log.tree.push(seal.leaf());
        if log.tree.size % TILE == 0 {
            tx.put(&tile)?;
        } else {
            open = Some(tile);
        }
    }
    if let Some(tile) = open {
        tx.put(&tile)?;
    }
    let has_grown = log.tree.size > size;
    if has_grown {
        tx.put(&log)?;
    }
    match tx.commit(true) {
        Ok(()) if has_grown => Ok(Appended::Some(AuditHead {
            pool_id: pool_id.to_owned(),
            size: log.tree.size,
            root: log.tree.root().to_text(),
            signed: log.head(invocation.now)?,
        })),
        Ok(()) => Ok(Appended::Nothing),
        Err(StoreError::Conflict) => Ok(Appended::Outrun),
        Err(error) => Err(error.into()),
    }
}

/// Removes the first full tile of a log, if all its events have expired and are gone.
fn shorten_one(store: &dyn Store, key: &str, now: Moment) -> Result<bool, ServiceError> {
    let mut tx = Transaction::new(store);
    let Some(mut log) = tx.find::<AuditLog>(key)? else { return Ok(false) };
    if log.tree.size - log.removed.size < TILE {
        return Ok(false);
    }
    let key = AuditTile::key(&log.pool_id, log.removed.size);
    let Some(tile) = tx.find::<AuditTile>(&key)? else { return Ok(false) };
    if tile.leaves.iter().any(|leaf| leaf.seal.expires_at >= now) {
        return Ok(false);
    }
    // An event may stay longer than it has to, and as long as it is there it can be proven.
    for leaf in &tile.leaves {
        let event = Key { table: Table::AuditEvent, id: leaf.event.clone() };
        if store.get(&event)?.is_some() {
            return Ok(false);
        }
    }
    tile.leaves.iter().for_each(|leaf| log.removed.push(leaf.seal.leaf()));
    tx.delete::<AuditTile>(&key);
    tx.put(&log)?;
    match tx.commit(true) {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
