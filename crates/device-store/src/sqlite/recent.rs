//! The records that were used last, as they are in the database.
//!
//! A sign-in reads the same records at each of its steps, and after every commit SQLite reads its
//! pages from the file again. All changes are made by the [writer](super::writer), which brings
//! what is kept here up to date before a change is acknowledged. A change by another process, which
//! only an operator's shell can make, is seen at the next commit.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use device_pool::store::{Change, Key, Record, Version, Write};

/// The most records that are kept. Then all are forgotten, and read once more.
const MAX_RECORDS: usize = 4096;

/// The largest body that is kept, in bytes. Users and devices are smaller; long lists are rarely
/// read.
const MAX_BODY: usize = 8 * 1024;

#[derive(Default)]
pub(super) struct Recent {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    /// The number of commits, so that nothing is kept that a commit may have changed since.
    commits: u64,
    /// `None` for what does not exist.
    records: HashMap<Key, Option<Record>>,
    /// SQLite's `data_version` at the last commit.
    data_version: i64,
}

impl State {
    fn forget(&mut self) {
        self.commits += 1;
        self.records.clear();
    }
}

/// The number of commits before a read.
#[derive(Clone, Copy)]
pub(super) struct Before(u64);

impl Recent {
    /// What `look` makes of the record at `key`, if that is known.
    pub(super) fn look<T>(
        &self,
        key: &Key,
        look: impl FnOnce(Option<&Record>) -> T,
    ) -> Result<T, Before> {
        let state = self.read();
        state.records.get(key).map(|record| look(record.as_ref())).ok_or(Before(state.commits))
    }

    /// Keeps what was read at `key`, unless there was a commit meanwhile.
    pub(super) fn keep(&self, key: &Key, record: Option<&Record>, Before(commits): Before) {
        if record.is_some_and(|record| record.body.len() > MAX_BODY) {
            return;
        }
        let mut state = self.write();
        if state.commits == commits {
            if state.records.len() >= MAX_RECORDS {
                state.records.clear();
            }
            state.records.insert(key.clone(), record.cloned());
        }
    }

    /// Notes a commit of these changes, each with the version of what it wrote.
    pub(super) fn committed<'c>(&self, changes: impl Iterator<Item = (&'c Change, Version)>) {
        let mut state = self.write();
        state.commits += 1;
        for (change, version) in changes {
            for (key, write) in &change.writes {
                let Some(kept) = state.records.get_mut(key) else { continue };
                *kept = match write {
                    Write::Delete => None,
                    Write::Put { body, .. } => Some(Record { version, body: body.clone() }),
                };
            }
        }
    }

    /// Forgets everything, since it may have changed.
    pub(super) fn forget(&self) {
        self.write().forget();
    }

    /// Forgets everything if another process has changed the database, which changes this number.
    pub(super) fn follow(&self, data_version: i64) {
        let mut state = self.write();
        if state.data_version != data_version {
            state.data_version = data_version;
            state.forget();
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use device_pool::store::Table;

    use super::*;

    fn key(id: &str) -> Key {
        Key { table: Table::Device, id: id.to_owned() }
    }

    fn record(version: u64) -> Record {
        Record { version: Version(version), body: b"{}".to_vec() }
    }

    /// The version that is known; `None` if nothing is known.
    fn known(recent: &Recent, id: &str) -> Option<Option<u64>> {
        recent.look(&key(id), |record| record.map(|record| record.version.0)).ok()
    }

    fn before(recent: &Recent) -> Before {
        recent.look(&key("unknown"), |_| ()).unwrap_err()
    }

    fn change(id: &str, write: Write) -> Change {
        Change { expect: Vec::new(), writes: vec![(key(id), write)] }
    }

    #[test]
    fn what_is_kept_follows_the_commits() {
        let recent = Recent::default();
        recent.keep(&key("a"), Some(&record(1)), before(&recent));
        recent.keep(&key("b"), None, before(&recent));
        assert_eq!((known(&recent, "a"), known(&recent, "b")), (Some(Some(1)), Some(None)));

        let put = || Write::Put { body: Vec::new(), expires_at: None };
        let changes = [change("a", Write::Delete), change("b", put()), change("c", put())];
        recent.committed(changes.iter().zip([2, 3, 4].map(Version)));
        assert_eq!((known(&recent, "a"), known(&recent, "b")), (Some(None), Some(Some(3))));
        assert_eq!(known(&recent, "c"), None, "nobody has read it");

        recent.forget();
        assert_eq!((known(&recent, "a"), known(&recent, "b")), (None, None));
    }

    #[test]
    fn a_read_that_a_commit_overtook_is_not_kept() {
        let recent = Recent::default();
        let overtakers: [fn(&Recent); 3] =
            [|recent| recent.committed([].into_iter()), |recent| recent.follow(1), Recent::forget];
        for overtake in overtakers {
            let before = before(&recent);
            overtake(&recent);
            recent.keep(&key("a"), Some(&record(1)), before);
            assert_eq!(known(&recent, "a"), None);
        }
        recent.keep(&key("a"), Some(&record(1)), before(&recent));
        recent.follow(1);
        assert_eq!(known(&recent, "a"), Some(Some(1)), "nobody else has changed it");
    }

    #[test]
    fn large_and_too_many_records_are_not_kept() {
        let recent = Recent::default();
        let large = Record { version: Version(1), body: vec![b' '; MAX_BODY + 1] };
        recent.keep(&key("large"), Some(&large), before(&recent));
        assert_eq!(known(&recent, "large"), None);
        for n in 0..=MAX_RECORDS {
            recent.keep(&key(&n.to_string()), None, before(&recent));
        }
        assert_eq!(recent.read().records.len(), 1);
    }
}
