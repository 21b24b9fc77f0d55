//! Sealing anew of records that are not sealed, or not with the current data key.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use device_pool::store::{Change, Key, Store as _, StoreError, Table, Write};

use super::data_keys::{self, SERVER};
use super::{MAX_ATTEMPTS, MAX_GENERATIONS, Sealed, SealedStore, body};
use crate::entry::Entry;

/// The number of records that are read at a time and written in one commit.
const BATCH: usize = 50;

/// A pass over all records, which goes on where it was interrupted.
#[derive(Default)]
pub(super) struct Pass {
    /// The tables that are done.
    tables: usize,
    /// The last id of the current table.
    after: Option<String>,
    /// The data keys that were former ones when the pass began. `None` before it begins.
    former: Option<BTreeSet<String>>,
    unreadable: usize,
}

/// What [`SealedStore::renew`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Renewed {
    /// The number of records that were sealed anew.
    pub records: usize,
    /// The number of records that cannot be opened. They stay, and former data keys with them.
    pub unreadable: usize,
    /// Whether all records are sealed with current keys, and former data keys removed.
    pub is_done: bool,
}

impl SealedStore {
    /// Seals what an earlier release stored, and what has a former data key.
    ///
    /// `goes_on` is asked after each batch. The next call continues. Other servers may read and
    /// write meanwhile. When all is done, former data keys are removed, and records that are not
    /// sealed are refused from then on.
    ///
    /// # Errors
    /// [`StoreError::Failed`]; the next call continues.
    pub fn renew(&self, mut goes_on: impl FnMut() -> bool) -> Result<Renewed, StoreError> {
        let mut pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner);
        let mut renewed = Renewed::default();
        if pass.former.is_none() {
            if !self.has_work.swap(false, Ordering::AcqRel) {
                return Ok(Renewed { is_done: true, ..renewed });
            }
            let former = self.former_keys()?;
            if former.is_empty() && !self.permits_plain.load(Ordering::Acquire) {
                return Ok(Renewed { is_done: true, ..renewed });
            }
            pass.former = Some(former);
        }
        let former = pass.former.clone().unwrap_or_default();
        while let Some(table) = Table::ALL.get(pass.tables).copied() {
            let entries = match table {
                Table::DataKey => Vec::new(),
                _ => self.inner.entries(table, "", pass.after.as_deref(), BATCH)?,
            };
            let Some(last) = entries.last() else {
                pass.tables += 1;
                pass.after = None;
                continue;
            };
            let after = last.key.id.clone();
            let (records, unreadable) = self.renew_batch(entries, &former)?;
            renewed.records += records;
            pass.unreadable += unreadable;
            pass.after = Some(after);
            if !goes_on() {
                return Ok(renewed);
            }
        }
        let Pass { unreadable, .. } = std::mem::take(&mut *pass);
        renewed.unreadable = unreadable;
        if unreadable == 0 {
            self.conclude(&former)?;
            renewed.is_done = true;
        }
        Ok(renewed)
    }

    /// The ids of data keys that seal no more.
    fn former_keys(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut former = BTreeSet::new();
        let mut last: Option<String> = None;
        for key in self.data_keys()? {
            if let Some(before) = last.replace(key.id.clone())
                && scope(&before) == scope(&key.id)
            {
                former.insert(before);
            }
        }
        Ok(former)
    }

    /// The places of all data keys, in the order of their ids.
    pub(super) fn data_keys(&self) -> Result<Vec<Key>, StoreError> {
        let mut places: Vec<Key> = Vec::new();
        loop {
            let after = places.last().map(|key| key.id.clone());
            let page = self.inner.scan(Table::DataKey, "", after.as_deref(), MAX_GENERATIONS)?;
            if page.is_empty() {
                return Ok(places);
            }
            places.extend(page.into_iter().map(|(key, _)| key));
        }
    }

    /// Seals what is due of a batch. Returns how many were sealed, and how many cannot be opened.
    fn renew_batch(
        &self,
        entries: Vec<Entry>,
        former: &BTreeSet<String>,
    ) -> Result<(usize, usize), StoreError> {
        let (mut due, mut unreadable) = (Vec::new(), 0);
        for entry in entries {
            if self.is_current(&entry, former)? {
                continue;
            }
            match self.open_body(&entry.key, &entry.record.body)? {
                // Sealing it anew would hide that the time was changed.
                Ok((_, Some(sealed))) if sealed != entry.expires_at => unreadable += 1,
                Ok((body, _)) => {
                    let write = Write::Put { body, expires_at: entry.expires_at };
                    due.push(((entry.key.clone(), Some(entry.record.version)), (entry.key, write)));
                }
                Err(_) => unreadable += 1,
            }
        }
        let number = due.len();
        let change = |due: &[_]| {
            let (expect, writes) = due.iter().cloned().unzip();
            self.apply(Change { expect, writes })
        };
        if number > 0 && matches!(change(&due), Err(StoreError::Conflict)) {
            // One of them changed meanwhile, and with that it was sealed anew.
            for one in &due {
                match change(std::slice::from_ref(one)) {
                    Ok(()) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok((number, unreadable))
    }

    /// Whether an entry is sealed with the current key. A key among `former` is not, even if this
    /// server has not met the next one yet.
    fn is_current(&self, entry: &Entry, former: &BTreeSet<String>) -> Result<bool, StoreError> {
        let sealed = body::split(&entry.record.body).and_then(|(_, text)| Sealed::read(text));
        let Some(sealed) = sealed else { return Ok(false) };
        let scope = data_keys::scope_of(&entry.key);
        if former.contains(&data_keys::place_of(scope, sealed.generation).id) {
            return Ok(false);
        }
        let current = self.current(scope)?;
        Ok(current.is_some_and(|current| current.generation == sealed.generation))
    }

    /// Removes former data keys, and refuses records that are not sealed from now on.
    fn conclude(&self, former: &BTreeSet<String>) -> Result<(), StoreError> {
        if self.permits_plain.load(Ordering::Acquire) {
            self.refuse_plain()?;
        }
        let keys = former.iter().map(|id| Key { table: Table::DataKey, id: id.clone() });
        let writes: Vec<_> = keys.map(|key| (key, Write::Delete)).collect();
        for batch in writes.chunks(BATCH) {
            self.inner.apply(Change { expect: Vec::new(), writes: batch.to_vec() })?;
        }
        former.iter().for_each(|id| self.ring.forget(scope(id)));
        Ok(())
    }

    /// Notes in the server's data key that all records are sealed.
    fn refuse_plain(&self) -> Result<(), StoreError> {
        for _ in 0..MAX_ATTEMPTS {
            self.ring.forget(SERVER);
            let Some(current) = self.current(SERVER)? else { return Ok(()) };
            if !current.key.permits_plain {
                return Ok(());
            }
            let place = data_keys::place_of(SERVER, current.generation);
            let Some(record) = self.inner.get(&place)? else { continue };
            let mut secret = self.unwrap(&place, &record)?;
            secret.permits_plain = false;
            let write = secret.wrapped(&place, self.master().current())?;
            let expect = vec![(place.clone(), Some(record.version))];
            match self.inner.apply(Change { expect, writes: vec![(place, write)] }) {
                Ok(()) | Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }
}

fn scope(id: &str) -> &str {
    data_keys::parse_id(id).map_or("", |(scope, _)| scope)
}
