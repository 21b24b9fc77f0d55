//! Lists the users and devices that earlier releases stored: their entries and counts.

use crate::command::transaction::{Entity, Transaction, id_of};
use crate::error::ServiceError;
use crate::records::device::Device;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::store::{Store, StoreError};

/// The number of records that one change writes.
const BATCH: usize = 100;

/// A record that is listed or still to be.
trait Listed: Entity {
    fn is_listed(&self) -> bool;
    fn list(&mut self);
}

impl Listed for User {
    fn is_listed(&self) -> bool {
        self.is_listed
    }

    fn list(&mut self) {
        self.is_listed = true;
    }
}

impl Listed for Device {
    fn is_listed(&self) -> bool {
        self.is_listed
    }

    fn list(&mut self) {
        self.is_listed = true;
    }
}

/// Lists what is not yet listed. Pools of this release need nothing.
pub(crate) fn complete(store: &dyn Store) -> Result<(), ServiceError> {
    let mut after: Option<String> = None;
    loop {
        let pools: Vec<Pool> = Transaction::new(store).scan("", after.as_deref(), BATCH)?;
        let Some(last) = pools.last() else { return Ok(()) };
        after = Some(last.id.clone());
        for pool in pools.iter().filter(|pool| !pool.is_listed) {
            list_all::<User>(store, &pool.id)?;
            list_all::<Device>(store, &pool.id)?;
            let mut tx = Transaction::new(store);
            if let Some(mut pool) = tx.find::<Pool>(&pool.id)? {
                pool.is_listed = true;
                tx.put(&pool)?;
                done(tx)?;
            }
        }
    }
}

fn list_all<E: Listed>(store: &dyn Store, pool_id: &str) -> Result<(), ServiceError> {
    let prefix = id_of([pool_id, ""]);
    let mut after: Option<String> = None;
    loop {
        let found: Vec<E> = Transaction::new(store).scan(&prefix, after.as_deref(), BATCH)?;
        let Some(last) = found.last() else { return Ok(()) };
        after = Some(last.id());
        let ids: Vec<String> =
            found.iter().filter(|record| !record.is_listed()).map(Entity::id).collect();
        if !list::<E>(store, &ids)? {
            // A command changed one of them: each alone, until it is done.
            for id in &ids {
                while !list::<E>(store, std::slice::from_ref(id))? {}
            }
        }
    }
}

fn list<E: Listed>(store: &dyn Store, ids: &[String]) -> Result<bool, ServiceError> {
    let mut tx = Transaction::new(store);
    for id in ids {
        if let Some(mut record) = tx.find::<E>(id)?.filter(|record| !record.is_listed()) {
            record.list();
            tx.put(&record)?;
        }
    }
    done(tx)
}

/// Whether it was written, and nothing had changed before.
fn done(tx: Transaction<'_>) -> Result<bool, ServiceError> {
    match tx.commit(true) {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
