//! Checks all records of a store: each reads as its type, and what it refers to exists.
//!
//! The store must not change meanwhile: check a snapshot of it, or a store that no server uses.

mod readable;
mod references;

use std::collections::BTreeMap;
use std::fmt;

use crate::host::moment::Moment;
use crate::rules::record_check::references::References;
use crate::store::{Key, Store, StoreError, Table};

/// The number of records that are read at a time.
const PAGE: usize = 500;

/// The most problems that are kept. More of them say nothing new.
const MAX_PROBLEMS: usize = 1000;

/// What was found in a store.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RecordCheck {
    /// The number of records of each kind that has any.
    pub records: BTreeMap<Table, u64>,
    /// What is wrong, up to 1000 problems.
    pub problems: Vec<RecordProblem>,
    /// The number of further problems.
    pub more: u64,
}

/// Something that is wrong with a record. It contains ids, which may be names of users, and no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordProblem {
    /// The record.
    pub key: Key,
    /// What is wrong with it.
    pub text: String,
}

impl fmt::Display for RecordProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.key.table.name(), self.key.id, self.text)
    }
}

/// Checks all records of `store` at the time `now`.
///
/// `is_hosts` says whether a record that no rule reads is one of the host's own, and reads as such.
/// `progress` receives the number of records read.
///
/// # Errors
/// Storage failures.
pub fn check_records(
    store: &dyn Store,
    now: Moment,
    is_hosts: &dyn Fn(&Key, &[u8]) -> bool,
    progress: &mut dyn FnMut(u64),
) -> Result<RecordCheck, StoreError> {
    let mut check = RecordCheck::default();
    let mut references = References::new(store, now);
    let mut total = 0;
    for table in Table::ALL {
        let mut after: Option<String> = None;
        loop {
            let page = store.scan(table, "", after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.id.clone());
            *check.records.entry(table).or_default() += page.len() as u64;
            for (key, record) in &page {
                let found = match readable::check(key, &record.body, is_hosts) {
                    Err(problem) => Some(problem),
                    Ok(()) => references.check(key, &record.body)?,
                };
                check.add(key, found);
            }
            total += page.len() as u64;
            progress(total);
        }
    }
    for (key, problem) in references.counts() {
        check.add(&key, Some(problem));
    }
    Ok(check)
}

impl RecordCheck {
    fn add(&mut self, key: &Key, problem: Option<String>) {
        let Some(text) = problem else { return };
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(RecordProblem { key: key.clone(), text });
        } else {
            self.more += 1;
        }
    }
}
