//! Limits on the number of a user's devices and on their idle time.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use device_wire::ErrorCode;

use crate::command::context::Context;
use crate::command::page::Page;
use crate::command::transaction::{Entity, Transaction, id_of};
use crate::error::ServiceError;
use crate::host::invocation::Retention;
use crate::host::moment::Moment;
use crate::records::device::Device;
use crate::records::device_tags::{DeviceTags, WhenFull, how_long_ago, how_often};
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::rules::audit;
use crate::store::{Store, StoreError};

/// Makes room for one more device, if the pool limits their number; refuses if there is none.
pub(crate) fn make_room(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
) -> Result<(), ServiceError> {
    // Two concurrent confirmations must not both take the last place, and none may go along with a
    // deletion of the user. All write the user, so one of them is decided again.
    cx.tx.put(user)?;
    let tags = DeviceTags::of(pool);
    let Some(most) = tags.max_per_user else { return Ok(()) };
    let now = cx.now();
    let prefix = Device::prefix_of(&pool.id, &user.username);
    let is_there = |device: &Device| device.is_there(&tags, user, now);
    let mut devices = Page::scan(&cx.tx, &prefix, None, usize::MAX, is_there)?.items;
    if devices.len() < most {
        return Ok(());
    }
    if tags.when_full == WhenFull::Refuse {
        return Err(ServiceError::new(
            ErrorCode::LimitExceeded,
            format!(
                "The user has {} devices, and this pool allows {most}. Forget one of them first.",
                devices.len()
            ),
        ));
    }
    devices.sort_by_key(|device| (device.last_authenticated, device.created));
    let too_many = devices.len() + 1 - most;
    for device in devices.into_iter().take(too_many) {
        // Read by key, so that a device that signs in at this moment is checked again.
        if let Some(device) = Device::find(cx, pool, user, &device.key)? {
            device.forget(cx)?;
        }
    }
    Ok(())
}

/// Forgets devices that have been unused for longer than their pool keeps them.
///
/// A pool may have millions of devices, so each call checks a bounded number, and the next call
/// continues there. A device is unknown from the moment it is due, whether or not it was removed.
#[derive(Default)]
pub(crate) struct IdleDevices {
    /// Where the next check of each pool starts.
    next: Mutex<BTreeMap<String, String>>,
}

/// The number of records in one scan, and of scans of a pool in one call.
const BATCH: usize = 500;
const LOOKS: usize = 20;

impl IdleDevices {
    /// Forgets the devices that a bounded scan finds; returns their number.
    pub(crate) fn forget(
        &self,
        store: &dyn Store,
        retention: &Retention,
        now: Moment,
    ) -> Result<usize, ServiceError> {
        let mut forgotten = 0;
        let mut after: Option<String> = None;
        loop {
            let pools: Vec<Pool> = Transaction::new(store).scan("", after.as_deref(), BATCH)?;
            let Some(last) = pools.last() else { return Ok(forgotten) };
            after = Some(last.id());
            for pool in pools {
                let tags = DeviceTags::of(&pool);
                if tags.forget_after_idle.is_some() {
                    forgotten += self.forget_in(store, retention, &pool, &tags, now)?;
                }
            }
        }
    }

    fn forget_in(
        &self,
        store: &dyn Store,
        retention: &Retention,
        pool: &Pool,
        tags: &DeviceTags,
        now: Moment,
    ) -> Result<usize, ServiceError> {
        let prefix = id_of([&pool.id, ""]);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mut forgotten = 0;
        for _ in 0..LOOKS {
            let after = next.get(&pool.id).map(String::as_str);
            let devices: Vec<Device> = Transaction::new(store).scan(&prefix, after, BATCH)?;
            let is_last = devices.len() < BATCH;
            match devices.last() {
                Some(last) if !is_last => next.insert(pool.id.clone(), last.id()),
                _ => next.remove(&pool.id),
            };
            for device in devices.into_iter().filter(|device| device.is_idle(tags, now)) {
                let is_gone = forget_one(store, retention, &device.id(), &pool.id, now)?;
                forgotten += usize::from(is_gone);
            }
            if is_last {
                break;
            }
        }
        Ok(forgotten)
    }
}

/// Forgets a device if it is still idle; a sign-in or a change of the pool that comes first wins.
fn forget_one(
    store: &dyn Store,
    retention: &Retention,
    id: &str,
    pool_id: &str,
    now: Moment,
) -> Result<bool, ServiceError> {
    let mut tx = Transaction::new(store);
    let Some(pool) = tx.find::<Pool>(pool_id)? else { return Ok(false) };
    let Some(idle) = DeviceTags::of(&pool).forget_after_idle else { return Ok(false) };
    let Some(device) = tx.find::<Device>(id)? else { return Ok(false) };
    let unused = now.since(device.last_authenticated);
    if unused < idle {
        return Ok(false);
    }
    // A device of an earlier user with the same name is nobody's.
    let user: Option<User> = tx.peek(&User::key(&device.pool_id, &device.username))?;
    if let Some(user) = user.filter(|user| device.is_of(user)) {
        let reason = format!(
            "Forgotten by the server: last used {} ago, the pool keeps unused devices for {}",
            how_long_ago(unused),
            how_often(idle)
        );
        audit::forgotten(&mut tx, retention, &user, &device, now, reason)?;
    }
    device.forget_at(&mut tx, now)?;
    match tx.commit(true) {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
