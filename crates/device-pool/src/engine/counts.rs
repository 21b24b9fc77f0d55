//! Numbers of a pool: users, devices and sign-ins.

use super::Engine;
use crate::command::transaction::Transaction;
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::pool::Pool;
use crate::rules::device_count::{self, DeviceCount};
use crate::rules::pool_counts::{self, PoolCounts, Totals};
use crate::rules::sign_in_hours::SignInHour;

impl Engine {
    /// The number of users and devices of a pool; `None` for an unknown pool.
    ///
    /// # Errors
    /// Storage failures.
    pub fn pool_counts(&self, pool_id: &str) -> Result<Option<PoolCounts>, ServiceError> {
        let mut tx = Transaction::new(&*self.store);
        let pool = tx.find::<Pool>(pool_id)?;
        pool.map(|pool| pool_counts::read(&*self.store, &pool)).transpose()
    }

    /// The sums over all pools, as of the last [`Engine::purge`].
    ///
    /// # Errors
    /// Storage failures.
    pub fn totals(&self) -> Result<Totals, ServiceError> {
        pool_counts::totals(&*self.store)
    }

    /// The number of devices of a pool by status; zero for an unknown pool. While the records of an
    /// earlier release are still being counted, up to 1000.
    ///
    /// # Errors
    /// Storage failures.
    pub fn count_devices(&self, pool_id: &str) -> Result<DeviceCount, ServiceError> {
        let mut tx = Transaction::new(&*self.store);
        let pool = tx.find::<Pool>(pool_id)?;
        let counted = pool.map(|pool| pool_counts::devices(&*self.store, &pool)).transpose()?;
        match counted.flatten() {
            Some(counted) => Ok(counted),
            None => device_count::count(&*self.store, pool_id),
        }
    }

    /// The sign-ins of a pool in each of the last `hours`, the earliest first.
    ///
    /// Each process writes what it counted once a minute; see [`Self::write_counts`].
    ///
    /// # Errors
    /// Storage failures.
    pub fn sign_ins_by_hour(
        &self,
        pool_id: &str,
        hours: u16,
        now: Moment,
    ) -> Result<Vec<SignInHour>, ServiceError> {
        self.sign_in_hours.read(&*self.store, pool_id, hours, now)
    }

    /// Writes the sign-ins that were counted since the last purge. For the end of the process.
    ///
    /// # Errors
    /// Storage failures; what was not written is kept.
    pub fn write_counts(&self) -> Result<(), ServiceError> {
        self.sign_in_hours.write(&*self.store)
    }
}
