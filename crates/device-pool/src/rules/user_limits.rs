//! Limits on the sessions and devices that a user may pile up.
//!
//! Each sign-in is a session and may be a new device. Those that were used last are kept.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::command::transaction::Transaction;
use crate::error::ServiceError;
use crate::host::invocation::Retention;
use crate::host::moment::Moment;
use crate::records::device::Device;
use crate::records::grant::UserGrant;
use crate::records::user::User;
use crate::rules::audit;
use crate::store::{Change, Key, Store, StoreError, Table, Write};

/// The number of records in one scan, and of scans of a table in one call.
const BATCH: usize = 500;
const LOOKS: usize = 5;

/// Removes the sessions and devices of each user beyond a limit.
///
/// There may be millions of them, so each call checks a bounded number, and the next call continues
/// there.
#[derive(Default)]
pub(crate) struct UserLimits {
    sessions: Mutex<Place<i64>>,
    devices: Mutex<Place<(bool, Moment)>>,
}

/// How far the check of a table has come.
struct Place<K> {
    /// The last record that was checked.
    after: Option<String>,
    /// The part of its id that all records of its user share.
    owner: String,
    /// The records of that user that are kept so far, the first to go first.
    kept: BTreeSet<(K, String)>,
}

impl<K> Default for Place<K> {
    fn default() -> Self {
        Self { after: None, owner: String::new(), kept: BTreeSet::new() }
    }
}

impl<K: Ord> Place<K> {
    /// Goes on to the record at `id`; returns the id of the record that is one too many.
    fn pass(&mut self, id: &str, worth: K, max: usize) -> Option<String> {
        let owner = id.rsplit_once('/').map_or("", |(owner, _)| owner);
        if self.owner != owner {
            owner.clone_into(&mut self.owner);
            self.kept.clear();
        }
        self.kept.insert((worth, id.to_owned()));
        (self.kept.len() > max).then(|| self.kept.pop_first()).flatten().map(|(_, id)| id)
    }

    /// The ids beyond `max` for a user that a bounded number of scans finds.
    fn find(
        &mut self,
        store: &dyn Store,
        table: Table,
        max: usize,
        worth: impl Fn(&[u8]) -> Option<K>,
    ) -> Result<Vec<String>, StoreError> {
        let mut beyond = Vec::new();
        for _ in 0..LOOKS {
            let found = store.scan(table, "", self.after.as_deref(), BATCH)?;
            let is_last = found.len() < BATCH;
            self.after = found.last().map(|(key, _)| key.id.clone());
            for (key, record) in found {
                let worth = worth(&record.body);
                beyond.extend(worth.and_then(|worth| self.pass(&key.id, worth, max)));
            }
            if is_last {
                *self = Self::default();
                break;
            }
        }
        Ok(beyond)
    }
}

impl UserLimits {
    /// Removes what a bounded scan finds beyond the limits; returns the number of records.
    pub(crate) fn apply(
        &self,
        store: &dyn Store,
        retention: &Retention,
        now: Moment,
    ) -> Result<usize, ServiceError> {
        Ok(self.end_sessions(store, retention)? + self.forget_devices(store, retention, now)?)
    }

    fn end_sessions(
        &self,
        store: &dyn Store,
        retention: &Retention,
    ) -> Result<usize, ServiceError> {
        let mut place = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        // With one lifetime of refresh tokens, the oldest sign-in expires first.
        let worth = |body: &[u8]| {
            let grant = serde_json::from_slice::<UserGrant>(body).ok()?;
            Some(grant.expires_at.millis())
        };
        let max = retention.max_sessions_per_user;
        let beyond = place.find(store, Table::UserGrant, max, worth)?;
        for id in &beyond {
            let origin = id.rsplit_once('/').map_or("", |(_, origin)| origin).to_owned();
            let grant = Key { table: Table::Grant, id: origin };
            let listed = Key { table: Table::UserGrant, id: id.clone() };
            let writes = vec![(grant, Write::Delete), (listed, Write::Delete)];
            store.apply(Change { expect: Vec::new(), writes })?;
        }
        Ok(2 * beyond.len())
    }

    fn forget_devices(
        &self,
        store: &dyn Store,
        retention: &Retention,
        now: Moment,
    ) -> Result<usize, ServiceError> {
        let mut place = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        // Devices that are not remembered go first.
        let worth = |body: &[u8]| {
            let device = serde_json::from_slice::<Device>(body).ok()?;
            Some((device.is_remembered(), device.last_authenticated))
        };
        let max = retention.max_devices_per_user;
        let mut forgotten = 0;
        for id in place.find(store, Table::Device, max, worth)? {
            let mut tx = Transaction::new(store);
            let Some(device) = tx.find::<Device>(&id)? else { continue };
            // A device of an earlier user with the same name is nobody's.
            let user: Option<User> = tx.peek(&User::key(&device.pool_id, &device.username))?;
            if let Some(user) = user.filter(|user| device.is_of(user)) {
                let reason =
                    format!("Forgotten by the server: the user had more than {max} devices");
                audit::forgotten(&mut tx, retention, &user, &device, now, reason)?;
            }
            device.forget_at(&mut tx, now)?;
            match tx.commit(true) {
                Ok(()) => forgotten += 1,
                // It signs in at this moment; the next call looks again.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(forgotten)
    }
}
