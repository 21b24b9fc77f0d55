//! A change as one statement, and its outcome if the connection fails.
//!
//! The statement calls `device_store.apply` (`schema/1.sql`). It takes an advisory lock for every
//! key, in the order of their numbers: exclusive for written keys, shared for keys that are only
//! expected. Under these locks no other change can write an expected key or create one that must
//! not exist, so READ COMMITTED is enough. Row locks would not suffice: a missing row has none, and
//! shared locks on the rows that every sign-in reads (pool, client) would be writes.
//!
//! If the connection is lost, it is unknown whether the server committed. The change's version
//! resolves that: it was drawn for this change alone, so a written record with this version proves
//! the commit. If no record has it, the change may still have happened and been overwritten. Then
//! it is repeated only if it replaces or deletes a record of a known version, which cannot succeed
//! twice.

use std::collections::BTreeMap;

use device_pool::store::{Change, Write};
use tokio::time::Instant;
use tokio_postgres::types::ToSql;

use super::PATIENCE;
use super::connections::{Connections, Fault};
use super::place::Place;

const APPLY: &str = "SELECT device_store.apply(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";

/// Finds a written record. The row lock is a write, so the answer waits for a synchronous standby.
///
/// After a crash, a primary shows changes that no standby has. An acknowledgement of one of these
/// would not survive a failover.
const WRITTEN: &str = "SELECT 1 FROM device_store.record
    WHERE kind = $1 AND id = $2 AND owner = $3 AND version = $4 FOR KEY SHARE";

/// The parameters of the statement, by column.
#[derive(Default)]
pub(super) struct Commit<'c> {
    locks: Vec<i64>,
    exclusive: Vec<bool>,
    expect: Columns<'c>,
    expect_version: Vec<Option<i64>>,
    put: Columns<'c>,
    put_expires_at: Vec<Option<i64>>,
    put_body: Vec<&'c str>,
    delete: Columns<'c>,
    version: i64,
    /// Whether it replaces or deletes a record of a known version.
    once: bool,
    /// Whether a body is not UTF-8, which no column can hold.
    unwritable: bool,
}

#[derive(Default)]
struct Columns<'c> {
    kind: Vec<&'static str>,
    id: Vec<&'c [u8]>,
    owner: Vec<i64>,
}

impl<'c> Columns<'c> {
    fn push(&mut self, place: &Place<'c>) {
        self.kind.push(place.kind);
        self.id.push(place.id);
        self.owner.push(place.owner);
    }
}

impl<'c> Commit<'c> {
    /// Prepares a change. `version` is 64 random bits, never used for another change.
    pub(super) fn new(change: &'c Change, version: i64) -> Self {
        let mut commit = Self { version, ..Self::default() };
        let mut locks = BTreeMap::new();
        for (key, expected) in &change.expect {
            let place = Place::of(key);
            locks.entry(place.lock()).or_insert(false);
            commit.expect.push(&place);
            commit.expect_version.push(expected.map(|version| version.0.cast_signed()));
            commit.once |=
                expected.is_some() && change.writes.iter().any(|(written, _)| written == key);
        }
        for (key, write) in &change.writes {
            let place = Place::of(key);
            locks.insert(place.lock(), true);
            match write {
                Write::Put { body, expires_at } => {
                    commit.put.push(&place);
                    commit.put_expires_at.push(*expires_at);
                    let text = std::str::from_utf8(body);
                    commit.unwritable |= text.is_err();
                    commit.put_body.push(text.unwrap_or_default());
                }
                Write::Delete => commit.delete.push(&place),
            }
        }
        (commit.locks, commit.exclusive) = locks.into_iter().unzip();
        commit
    }

    /// Applies the change; returns whether the expectations held.
    pub(super) async fn run(&self, connections: &Connections) -> Result<bool, Fault> {
        if self.unwritable {
            return Err(Fault::Refused("a body is not UTF-8".to_owned()));
        }
        let deadline = Instant::now() + PATIENCE;
        let mut in_doubt = false;
        loop {
            match connections.query(APPLY, &self.parameters(), deadline, PATIENCE).await {
                Ok(rows) => {
                    let applied = rows.first().is_some_and(|row| row.get(0));
                    // The conflict may be with our own first attempt.
                    return match (applied, in_doubt) {
                        (true, _) => Ok(true),
                        (false, false) => Ok(false),
                        (false, true) => self.resolve(connections).await,
                    };
                }
                Err(Fault::InDoubt(_)) if self.once && Instant::now() < deadline => in_doubt = true,
                Err(Fault::InDoubt(_)) => return self.resolve(connections).await,
                Err(fault) if in_doubt => return Err(Fault::InDoubt(fault.to_string())),
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Determines whether a change in doubt was applied.
    async fn resolve(&self, connections: &Connections) -> Result<bool, Fault> {
        for n in 0..self.put.kind.len() {
            let (kind, id, owner) =
                (self.put.kind.get(n), self.put.id.get(n), self.put.owner.get(n));
            let written = [&kind as &(dyn ToSql + Sync), &id, &owner, &self.version];
            if !connections.repeat(WRITTEN, &written).await?.is_empty() {
                return Ok(true);
            }
        }
        Err(Fault::InDoubt("the connection was lost during a commit".to_owned()))
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 15] {
        [
            &self.locks,
            &self.exclusive,
            &self.expect.kind,
            &self.expect.id,
            &self.expect.owner,
            &self.expect_version,
            &self.put.kind,
            &self.put.id,
            &self.put.owner,
            &self.put_expires_at,
            &self.put_body,
            &self.delete.kind,
            &self.delete.id,
            &self.delete.owner,
            &self.version,
        ]
    }
}
