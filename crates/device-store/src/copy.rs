//! Copies a deployment from a directory to PostgreSQL and verifies the copy.

use device_pool::store::{Change, Key, Store as _, StoreError, Table, Write};
use sha2::{Digest as _, Sha256};

use crate::entry::{Entries as _, Entry};
use crate::postgres::PostgresStore;
use crate::sqlite::SqliteStore;

/// The number of records that are read at a time and written in one commit.
const BATCH: usize = 500;

/// The copied records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The kind.
    pub table: Table,
    /// The number of records.
    pub records: u64,
    /// SHA-256 over ids, expiry times and bodies, as read from the target in id order.
    pub digest: [u8; 32],
}

/// Why a copy failed or cannot be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// The target has records. None of them was changed.
    #[error(
        "the target holds records already: name an empty database, or remove what an unfinished \
         copy left there (DROP SCHEMA device_store CASCADE)"
    )]
    NotEmpty,
    /// A store failed. The target may hold some of the records.
    #[error(
        "{0}. The target is incomplete: remove what is there (DROP SCHEMA device_store CASCADE) \
         and copy again"
    )]
    Store(#[from] StoreError),
    /// The target's records differ from the source's.
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

/// Copies every record of `from` into the empty store `to`, and reads them back.
///
/// `progress` receives the steps done and the steps in all; each record counts twice, as written
/// and as verified. No server may use the target meanwhile. The source is not changed.
///
/// # Errors
///
/// [`CopyError`], which says what the target holds then.
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
        let read = |after: Option<&str>| from.entries(table, "", after, BATCH);
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

/// Reads all records of a kind, and passes each batch on.
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

/// Hashes an entry. The length precedes each part, so that no two entries give the same input.
fn absorb(hash: &mut Sha256, entry: &Entry) {
    let expires_at = entry.expires_at.map(i64::to_be_bytes);
    let expires_at = expires_at.as_ref().map_or(&[][..], |bytes| bytes);
    for part in [entry.key.id.as_bytes(), expires_at, &entry.record.body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
}
