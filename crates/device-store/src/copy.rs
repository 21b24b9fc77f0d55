//! Moves a deployment from a directory to PostgreSQL, and proves that all of it arrived.

use device_pool::store::{Change, Key, Store as _, StoreError, Table, Write};
use sha2::{Digest as _, Sha256};

use crate::entry::Entry;
use crate::postgres::PostgresStore;
use crate::sqlite::SqliteStore;

/// Records read, and written in one commit, at a time.
const BATCH: usize = 500;

/// What was copied of one kind of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The kind.
    pub table: Table,
    /// How many records.
    pub records: u64,
    /// SHA-256 over ids, times of expiry and bodies in the order of ids, as read from the target.
    pub digest: [u8; 32],
}

/// Why a copy was not made, or is not to be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The target has records, and none of them was touched.
    #[error(
        "the target holds records already: name an empty database, or remove what an unfinished \
         copy left there (DROP SCHEMA device_store CASCADE)"
    )]
    NotEmpty,
    /// One of the stores failed. The target may have a part of the records.
    #[error(
        "{0}. The target is incomplete: remove what is there (DROP SCHEMA device_store CASCADE) \
         and copy again"
    )]
    Store(#[from] StoreError),
    /// What the target gives back is not what was read.
    #[error(
        "the target's records of kind {} differ from the source's: make sure that no server uses \
         it, remove what is there (DROP SCHEMA device_store CASCADE) and copy again",
        table.name()
    )]
    Differs {
        /// The kind.
        table: Table,
    },
}

/// Copies every record of `from` into `to`, which must be empty, then reads all of it back.
///
/// `progress` is told how many steps of how many are done; each record is two, one written and one
/// verified. No server may use the target meanwhile. The source is as it was.
///
/// # Errors
/// [`CopyError`] says what is in the target then.
pub fn copy(
    from: &SqliteStore,
    to: &PostgresStore,
    mut progress: impl FnMut(u64, u64),
) -> Result<Vec<Copied>, CopyError> {
    for table in Table::ALL {
        if !to.entries(table, "", None, 1)?.is_empty() {
            return Err(CopyError::NotEmpty);
        }
    }
    let total = 2 * from.count()?;
    let mut done = 0;
    let mut step = |records: usize| {
        done += records as u64;
        progress(done, total);
    };
    let mut copied = Vec::new();
    for table in Table::ALL {
        let read = |after: Option<&str>| from.entries(table, after, BATCH);
        copied.push(walk(table, read, |entries| {
            let records = entries.len();
            let writes = entries.into_iter().map(put).collect();
            to.apply(Change { expect: Vec::new(), writes })?;
            step(records);
            Ok(())
        })?);
    }
    for source in &copied {
        let read = |after: Option<&str>| to.entries(source.table, "", after, BATCH);
        let target = walk(source.table, read, |entries| {
            step(entries.len());
            Ok(())
        })?;
        if target != *source {
            return Err(CopyError::Differs { table: source.table });
        }
    }
    Ok(copied)
}

fn put(entry: Entry) -> (Key, Write) {
    (entry.key, Write::Put { body: entry.record.body, expires_at: entry.expires_at })
}

/// Reads a kind from its first record to its last, and hands on what it read.
fn walk(
    table: Table,
    read: impl Fn(Option<&str>) -> Result<Vec<Entry>, StoreError>,
    mut each: impl FnMut(Vec<Entry>) -> Result<(), StoreError>,
) -> Result<Copied, StoreError> {
    let (mut records, mut hash) = (0, Sha256::new());
    let mut after: Option<String> = None;
    loop {
        let entries = read(after.as_deref())?;
        let Some(last) = entries.last() else { break };
        after = Some(last.key.id.clone());
        for entry in &entries {
            records += 1;
            absorb(&mut hash, entry);
        }
        each(entries)?;
    }
    Ok(Copied { table, records, digest: hash.finalize().into() })
}

/// Every part with its length before it, so that no two records are absorbed alike.
fn absorb(hash: &mut Sha256, entry: &Entry) {
    let expires_at = entry.expires_at.map(i64::to_be_bytes);
    let expires_at = expires_at.as_ref().map_or(&[][..], |bytes| bytes);
    for part in [entry.key.id.as_bytes(), expires_at, &entry.record.body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}
