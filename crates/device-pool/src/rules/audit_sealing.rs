//! Sealing a pool's events into its audit log, behind the commands that wrote them.
//!
//! A command writes an event and a note that it is not sealed. Once a minute the notes are turned
//! into leaves, in the order in which they are found; that order is the log's. Every change of a
//! log rests on the version of its state, so two servers never append to it at the same time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, Transaction, id_of};
use crate::error::ServiceError;
use crate::host::invocation::Invocation;
use crate::host::moment::Moment;
use crate::records::audit_log::{AuditLog, AuditTile, Leaf, TILE, UnsealedEvent};
use crate::store::{Key, Store, StoreError, Table};

/// The number of events that one change seals.
const BATCH: usize = 500;

/// The most changes of one call: as many events as nobody makes in a minute.
const MOST_BATCHES: usize = 400;

/// The most full tiles of a log that one call removes.
const MOST_REMOVED: usize = 100;

/// The number of logs read at once.
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

/// Seals what is not sealed yet; returns the new heads.
pub(crate) fn seal(
    store: &dyn Store,
    public_base_url: &str,
    invocation: &mut Invocation<'_>,
) -> Result<Vec<AuditHead>, ServiceError> {
    let mut heads = BTreeMap::new();
    let mut after: Option<String> = None;
    for _ in 0..MOST_BATCHES {
        let next: Vec<UnsealedEvent> = Transaction::new(store).scan("", after.as_deref(), 1)?;
        let Some(next) = next.first() else { break };
        let pool_id = next.pool_id();
        match append(store, pool_id, public_base_url, invocation)? {
            Appended::Some(head) => {
                heads.insert(pool_id.to_owned(), head);
            }
            Appended::Nothing => {}
            // Another server is sealing them. The next pool's are behind the `/` of this one's.
            Appended::Outrun => after = Some(id_of(["pool", pool_id]) + "0"),
        }
    }
    Ok(heads.into_values().collect())
}

/// Seals what is not sealed yet of one pool.
pub(crate) fn seal_pool(
    store: &dyn Store,
    pool_id: &str,
    public_base_url: &str,
    invocation: &mut Invocation<'_>,
) -> Result<(), ServiceError> {
    let prefix = UnsealedEvent::prefix_of(pool_id);
    for _ in 0..MOST_BATCHES {
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

/// Removes the leading leaves of which all events have expired and are gone. What is left of them
/// is enough to compute the root. Returns the number of records removed.
pub(crate) fn shorten(store: &dyn Store, now: Moment) -> Result<usize, ServiceError> {
    let mut removed = 0;
    let mut after: Option<String> = None;
    loop {
        let logs: Vec<AuditLog> = Transaction::new(store).scan("", after.as_deref(), LOGS)?;
        after = logs.last().map(Entity::id);
        if after.is_none() {
            return Ok(removed);
        }
        for log in logs {
            let mut tiles = 0;
            while tiles < MOST_REMOVED && shorten_one(store, &log.pool_id, now)? {
                tiles += 1;
            }
            removed += tiles;
        }
    }
}

/// Removes the first full tile of a log, if all its events have expired and are gone.
fn shorten_one(store: &dyn Store, pool_id: &str, now: Moment) -> Result<bool, ServiceError> {
    let mut tx = Transaction::new(store);
    let Some(mut log) = tx.find::<AuditLog>(&AuditLog::key(pool_id))? else { return Ok(false) };
    if log.tree.size - log.removed.size < TILE {
        return Ok(false);
    }
    let key = AuditTile::key(pool_id, log.removed.size);
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
