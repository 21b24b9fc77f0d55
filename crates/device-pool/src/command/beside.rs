//! What is kept beside a record, in the same commit: entries that lists are found by, and counts.
//!
//! Entries and changes of counts have ids of their own, so that no two commands meet at one record.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ServiceError;
use crate::store::{Key, Record, Table, Write};

/// What is kept beside one record.
#[derive(Clone, Default)]
pub(crate) struct Beside {
    /// The ids of its entries.
    pub(crate) entries: Vec<String>,
    /// When the entries may be purged, in milliseconds since the epoch.
    pub(crate) expires_at: Option<i64>,
    /// What it adds to its pool's counts.
    pub(crate) counts: Counts,
}

/// Counts of a pool, or changes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counts {
    /// Users without those who are not confirmed, who are removed without a command.
    pub(crate) users: i64,
    pub(crate) remembered: i64,
    pub(crate) not_remembered: i64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self, sign: i64) {
        self.users += sign * other.users;
        self.remembered += sign * other.remembered;
        self.not_remembered += sign * other.not_remembered;
    }
}

/// The difference between what records had beside them and what they will have.
#[derive(Default)]
pub(crate) struct Difference {
    entries: BTreeMap<String, Write>,
    counts: BTreeMap<String, Counts>,
    /// Identifies the change of counts: no other has the same records, versions and bodies.
    identity: Sha256,
}

impl Difference {
    /// Adds the change of one record from `old` to `new`.
    pub(crate) fn of(
        &mut self,
        key: &Key,
        read: Option<&Record>,
        write: &Write,
        old: &Beside,
        new: &Beside,
    ) {
        for gone in old.entries.iter().filter(|entry| !new.entries.contains(entry)) {
            self.entries.insert(gone.clone(), Write::Delete);
        }
        let same_life = old.expires_at == new.expires_at;
        for entry in new.entries.iter().filter(|entry| !same_life || !old.entries.contains(entry)) {
            let put = Write::Put { body: b"{}".to_vec(), expires_at: new.expires_at };
            self.entries.insert(entry.clone(), put);
        }
        if old.counts != new.counts {
            let pool = key.id.split('/').next().unwrap_or_default();
            let counts = self.counts.entry(pool.to_owned()).or_default();
            counts.add(new.counts, 1);
            counts.add(old.counts, -1);
            self.identity.update(key.id.as_bytes());
            self.identity.update(read.map_or(0, |record| record.version.0).to_be_bytes());
            if let Write::Put { body, .. } = write {
                self.identity.update(body);
            }
        }
    }

    /// The writes that make it so.
    pub(crate) fn writes(self) -> Result<Vec<(Key, Write)>, ServiceError> {
        let entry = |(id, write)| (Key { table: Table::UserIndex, id }, write);
        let mut writes: Vec<_> = self.entries.into_iter().map(entry).collect();
        // Few commands change a count; the others need no name for it.
        if self.counts.is_empty() {
            return Ok(writes);
        }
        let digest = self.identity.finalize();
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        for (pool, counts) in self.counts {
            if counts == Counts::default() {
                continue;
            }
            let body = serde_json::to_vec(&counts)
                .map_err(|_| ServiceError::internal("a count does not serialize"))?;
            // The pool's id stands in ids as it is, escaped already.
            let id = format!("{pool}/change/{name}");
            writes.push((Key { table: Table::Count, id }, Write::Put { body, expires_at: None }));
        }
        Ok(writes)
    }
}
