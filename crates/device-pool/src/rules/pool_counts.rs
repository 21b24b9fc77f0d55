//! How many users and devices a pool has.
//!
//! Commands add changes; the total is made of them once a minute. So counting costs a command one
//! small record and no command waits for another.

use crate::command::beside::Counts;
use crate::command::transaction::{Transaction, id_of};
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::records::user_index::IndexedBy;
use crate::rules::device_count::DeviceCount;
use crate::store::{Change, Key, Record, Store, StoreError, Table, Write};

/// The number of changes that are added to a total at once.
const BATCH: usize = 500;

/// The most changes that are read for an answer. There are more only while users are imported.
const MAX_READ: usize = 5000;

/// The most unconfirmed users that are counted.
const MAX_UNCONFIRMED: usize = 1000;

/// How many users and devices a pool has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolCounts {
    /// Users.
    pub users: u64,
    /// Devices that are remembered.
    pub remembered: u64,
    /// Devices that are tracked and not remembered.
    pub not_remembered: u64,
    /// Whether there are more users: more than 1000 of them are unconfirmed, or the records of an
    /// earlier release are still being counted.
    pub has_more: bool,
    /// Whether all devices are counted, and not those of an earlier release only in part.
    pub is_complete: bool,
}

/// Counts the users and devices of a pool.
pub(crate) fn read(store: &dyn Store, pool: &Pool) -> Result<PoolCounts, ServiceError> {
    let (counts, is_complete) = added_up(store, pool)?;
    let unconfirmed = IndexedBy::UserStatus.of_value(&pool.id, "unconfirmed");
    let unconfirmed = store.scan(Table::UserIndex, &unconfirmed, None, MAX_UNCONFIRMED)?.len();
    Ok(PoolCounts {
        users: count(counts.users) + u64::try_from(unconfirmed).unwrap_or(0),
        remembered: count(counts.remembered),
        not_remembered: count(counts.not_remembered),
        has_more: !is_complete || unconfirmed == MAX_UNCONFIRMED,
        is_complete,
    })
}

/// Counts the devices of a pool; `None` if only a part of them is counted yet.
pub(crate) fn devices(store: &dyn Store, pool: &Pool) -> Result<Option<DeviceCount>, ServiceError> {
    let (counts, is_complete) = added_up(store, pool)?;
    let number = |number| usize::try_from(count(number)).unwrap_or(usize::MAX);
    Ok(is_complete.then(|| DeviceCount {
        remembered: number(counts.remembered),
        not_remembered: number(counts.not_remembered),
        has_more: false,
    }))
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The total with all changes of it, and whether these are all.
fn added_up(store: &dyn Store, pool: &Pool) -> Result<(Counts, bool), ServiceError> {
    let mut is_complete = pool.is_listed;
    let mut counts = Counts::default();
    // Changes may be moved to the total between the two reads.
    for _ in 0..3 {
        let total = store.get(&total_of(&pool.id))?;
        let changes = store.scan(Table::Count, &changes_of(&pool.id), None, MAX_READ)?;
        let again = store.get(&total_of(&pool.id))?;
        counts = total.as_ref().map(parsed).transpose()?.unwrap_or_default();
        for (_, change) in &changes {
            counts.add(parsed(change)?, 1);
        }
        if total.map(|found| found.version) == again.map(|found| found.version) {
            is_complete &= changes.len() < MAX_READ;
            break;
        }
    }
    Ok((counts, is_complete))
}

/// The sums over all pools.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Pools.
    pub pools: u64,
    /// Confirmed users.
    pub users: u64,
    /// Devices that are remembered.
    pub remembered: u64,
    /// Devices that are tracked and not remembered.
    pub not_remembered: u64,
}

/// The sums over all pools, without the changes that [`add_up`] has not added yet.
pub(crate) fn totals(store: &dyn Store) -> Result<Totals, ServiceError> {
    let mut totals = Totals::default();
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let mut after: Option<String> = None;
    loop {
        let pools: Vec<Pool> = Transaction::new(store).scan("", after.as_deref(), BATCH)?;
        let Some(last) = pools.last() else { return Ok(totals) };
        after = Some(last.id.clone());
        for pool in &pools {
            let total = store.get(&total_of(&pool.id))?;
            let counts: Counts = total.as_ref().map(parsed).transpose()?.unwrap_or_default();
            totals.pools += 1;
            totals.users += count(counts.users);
            totals.remembered += count(counts.remembered);
            totals.not_remembered += count(counts.not_remembered);
        }
    }
}

/// Adds the changes of all pools to their totals.
pub(crate) fn add_up(store: &dyn Store) -> Result<(), ServiceError> {
    let mut after: Option<String> = None;
    loop {
        let pools: Vec<Pool> = Transaction::new(store).scan("", after.as_deref(), BATCH)?;
        let Some(last) = pools.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for pool in &pools {
            while add_up_one(store, &pool.id)? {}
        }
    }
}

/// Adds a batch of changes; `false` if there are no more, or another server is at it.
fn add_up_one(store: &dyn Store, pool_id: &str) -> Result<bool, ServiceError> {
    let changes = store.scan(Table::Count, &changes_of(pool_id), None, BATCH)?;
    if changes.is_empty() {
        return Ok(false);
    }
    let total_key = total_of(pool_id);
    let total = store.get(&total_key)?;
    let mut counts = total.as_ref().map(parsed).transpose()?.unwrap_or_default();
    for (_, change) in &changes {
        counts.add(parsed(change)?, 1);
    }
    let body = serde_json::to_vec(&counts)
        .map_err(|_| ServiceError::internal("a count does not serialize"))?;
    // The pool's deletion removes its changes first: nothing comes back after it.
    let mut expect: Vec<_> =
        changes.iter().map(|(key, change)| (key.clone(), Some(change.version))).collect();
    expect.push((total_key.clone(), total.map(|found| found.version)));
    let mut writes: Vec<_> = changes.into_iter().map(|(key, _)| (key, Write::Delete)).collect();
    writes.push((total_key, Write::Put { body, expires_at: None }));
    match store.apply(Change { expect, writes }) {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn parsed(record: &Record) -> Result<Counts, ServiceError> {
    serde_json::from_slice(&record.body)
        .map_err(|_| ServiceError::internal("a count does not read"))
}

/// The prefix of the ids of changes that are not yet in the total.
fn changes_of(pool_id: &str) -> String {
    id_of([pool_id, "change", ""])
}

/// The key of the total of a pool's counts.
fn total_of(pool_id: &str) -> Key {
    Key { table: Table::Count, id: id_of([pool_id, "total"]) }
}
