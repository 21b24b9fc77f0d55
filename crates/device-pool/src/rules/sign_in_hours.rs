//! How many sign-ins passed and failed in each hour.
//!
//! They are counted in memory and written once a minute, so that counting costs a sign-in nothing
//! and no sign-in waits for another. A server that is killed loses those of its last minute. The
//! audit trail has all of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, Transaction, id_of};
use crate::error::ServiceError;
use crate::host::invocation::SignInOutcome;
use crate::host::moment::{Moment, days};
use crate::records::pool::Pool;
use crate::store::{Store, StoreError, Table};

const HOUR: i64 = 60 * 60 * 1000;

/// Days that the numbers are kept.
const KEPT_DAYS: u64 = 35;

/// How often a write is tried if other servers write the same hour.
const TRIES: usize = 8;

/// The sign-ins of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct SignInHour {
    /// When the hour began, in milliseconds since the epoch.
    pub start: i64,
    /// Sign-ins that ended with tokens.
    pub passed: u64,
    /// Those among them in which a remembered device replaced MFA.
    pub by_device: u64,
    /// Wrong passwords, codes and device proofs, and attempts in a lockout.
    pub failed: u64,
}

impl SignInHour {
    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.by_device += other.by_device;
        self.failed += other.failed;
    }
}

/// The sign-ins of an hour as they are stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredHour {
    pool_id: String,
    #[serde(flatten)]
    hour: SignInHour,
}

impl Entity for StoredHour {
    const TABLE: Table = Table::Count;

    fn id(&self) -> String {
        id_of_hour(&self.pool_id, self.hour.start)
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(Moment::from_millis(self.hour.start) + days(KEPT_DAYS))
    }
}

fn id_of_hour(pool_id: &str, start: i64) -> String {
    id_of([pool_id, "hour", &format!("{start:016}")])
}

/// The sign-ins that this process counted and has not written yet, by pool and hour.
#[derive(Default)]
pub(crate) struct SignInHours(Mutex<BTreeMap<(String, i64), SignInHour>>);

impl SignInHours {
    pub(crate) fn count(&self, pool_id: &str, outcome: SignInOutcome, now: Moment) {
        let start = now.millis() - now.millis().rem_euclid(HOUR);
        let mut counted = self.lock();
        let hour = counted.entry((pool_id.to_owned(), start)).or_default();
        match outcome {
            SignInOutcome::Passed => hour.passed += 1,
            SignInOutcome::PassedByDevice => {
                hour.passed += 1;
                hour.by_device += 1;
            }
            SignInOutcome::Failed => hour.failed += 1,
        }
    }

    /// Writes what was counted. What cannot be written is kept for the next time.
    pub(crate) fn write(&self, store: &dyn Store) -> Result<(), ServiceError> {
        let mut counted = std::mem::take(&mut *self.lock());
        while let Some(((pool_id, start), hour)) = counted.pop_first() {
            if let Err(error) = write_one(store, &pool_id, start, hour) {
                counted.insert((pool_id, start), hour);
                let mut kept = self.lock();
                for (key, hour) in counted {
                    kept.entry(key).or_default().add(hour);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// The `hours` up to now, the earliest first; hours without sign-ins among them.
    pub(crate) fn read(
        &self,
        store: &dyn Store,
        pool_id: &str,
        hours: u16,
        now: Moment,
    ) -> Result<Vec<SignInHour>, ServiceError> {
        let last = now.millis() - now.millis().rem_euclid(HOUR);
        let first = last - i64::from(hours.saturating_sub(1)) * HOUR;
        let after = id_of_hour(pool_id, first - 1);
        let prefix = id_of([pool_id, "hour", ""]);
        let tx = Transaction::new(store);
        let stored: Vec<StoredHour> = tx.scan(&prefix, Some(&after), usize::from(hours))?;
        let starts = (0..i64::from(hours)).map(|hour| first + hour * HOUR);
        let counted = self.lock();
        let hour = |start| {
            let mut sum = SignInHour { start, ..SignInHour::default() };
            stored.iter().filter(|found| found.hour.start == start).for_each(|it| sum.add(it.hour));
            counted.get(&(pool_id.to_owned(), start)).into_iter().for_each(|hour| sum.add(*hour));
            sum
        };
        Ok(starts.map(hour).collect())
    }

    /// Forgets what was counted, together with all pools.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    // A poisoned lock may be used: each change is whole.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, i64), SignInHour>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_one(
    store: &dyn Store,
    pool_id: &str,
    start: i64,
    more: SignInHour,
) -> Result<(), ServiceError> {
    for _ in 0..TRIES {
        let mut tx = Transaction::new(store);
        // Nothing is kept of a deleted pool.
        if tx.find::<Pool>(pool_id)?.is_none() {
            return Ok(());
        }
        let stored: Option<StoredHour> = tx.find(&id_of_hour(pool_id, start))?;
        let mut hour =
            stored.map_or(SignInHour { start, ..SignInHour::default() }, |stored| stored.hour);
        hour.add(more);
        tx.put(&StoredHour { pool_id: pool_id.to_owned(), hour })?;
        match tx.commit(true) {
            Ok(()) => return Ok(()),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(ServiceError::internal("the sign-ins of an hour were not written: others wrote them"))
}
