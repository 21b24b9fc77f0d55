//! Removal of a user and of everything that could tell who the user was.
//!
//! What another user of the name could meet goes with the user, in one change. Grants and audit
//! events belong to a `sub`: they are removed, or made pseudonymous, in batches afterwards.

use crate::command::context::Context;
use crate::command::transaction::{Entity, id_of};
use crate::error::ServiceError;
use crate::records::audit_event::AuditEvent;
use crate::records::deleted_user::DeletedUser;
use crate::records::device::{Device, ForgottenDevice};
use crate::records::grant::{Grant, UserGrant};
use crate::records::login::Login;
use crate::records::password_history::PasswordHistory;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_profile::UserProfile;
use crate::records::user_token::UserToken;
use crate::rules::{codes, lockout};
use crate::store::{Change, Key, Record, Store, StoreError, Table, Write};

/// The number of records that one change writes.
const BATCH: usize = 500;

/// Removes a user with names, devices, codes and counts. The audit events stay.
pub(crate) fn begin(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
) -> Result<(), ServiceError> {
    let prefix = Device::prefix_of(&pool.id, &user.username);
    remove_all::<Device>(cx, &prefix)?;
    remove_all::<ForgottenDevice>(cx, &prefix)?;
    codes::remove_all(cx, user)?;
    lockout::forget(cx, user)?;
    Login::remove_all(cx, pool, user)?;
    let id = User::key(&pool.id, &user.username);
    cx.tx.delete::<User>(&id);
    cx.tx.delete::<UserProfile>(&id);
    cx.tx.delete::<PasswordHistory>(&id);
    cx.tx.delete::<UserToken>(&id);
    cx.tx.put(&DeletedUser {
        pool_id: pool.id.clone(),
        username: user.username.clone().into(),
        sub: user.sub.clone(),
    })
}

/// Removes all records of a kind whose ids start with `prefix`.
fn remove_all<E: Entity>(cx: &mut Context<'_, '_>, prefix: &str) -> Result<(), ServiceError> {
    for record in cx.tx.scan::<E>(prefix, None, usize::MAX)? {
        // What is beside a record goes with the record that was read.
        if E::HAS_BESIDE {
            cx.tx.find::<E>(&record.id())?;
        }
        cx.tx.delete::<E>(&record.id());
    }
    Ok(())
}

/// Removes the traces of deleted users; returns the number of records that were written or removed.
pub(crate) fn erase(store: &dyn Store) -> Result<usize, StoreError> {
    let mut erased = 0;
    loop {
        let users = store.scan(Table::DeletedUser, "", None, BATCH)?;
        if users.is_empty() {
            return Ok(erased);
        }
        for (marker, record) in users {
            if let Ok(user) = serde_json::from_slice::<DeletedUser>(&record.body) {
                erased += erase_grants(store, &user)?;
                erased += erase_old_events(store, &user)?;
                erased += pseudonymise(store, &user)?;
            }
            apply(store, vec![(marker, Write::Delete)])?;
        }
    }
}

/// Removes the user's grants. Those of a later user of the name stay.
fn erase_grants(store: &dyn Store, user: &DeletedUser) -> Result<usize, StoreError> {
    let prefix = UserGrant::key(&user.pool_id, &user.username, "");
    each_batch(store, Table::UserGrant, &prefix, |listed, record| {
        let Ok(UserGrant { origin, .. }) = serde_json::from_slice(&record.body) else {
            return Ok(Vec::new());
        };
        let key = Key { table: Table::Grant, id: origin.to_string() };
        let grant = store.get(&key)?;
        let grant = grant.and_then(|found| serde_json::from_slice::<Grant>(&found.body).ok());
        let is_of = |grant: &Grant| grant.holder.as_ref().is_none_or(|(sub, _)| *sub == user.sub);
        if grant.as_ref().is_some_and(|grant| !is_of(grant)) {
            return Ok(Vec::new());
        }
        Ok(vec![(key, Write::Delete), (listed, Write::Delete)])
    })
}

/// Removes the sign-ins that earlier releases recorded by name.
fn erase_old_events(store: &dyn Store, user: &DeletedUser) -> Result<usize, StoreError> {
    let prefix = id_of([&user.pool_id, &user.username, ""]);
    each_batch(store, Table::AuthEvent, &prefix, |key, _| Ok(vec![(key, Write::Delete)]))
}

/// Takes the addresses out of the user's audit events.
fn pseudonymise(store: &dyn Store, user: &DeletedUser) -> Result<usize, StoreError> {
    let prefix = AuditEvent::prefix_of(&user.pool_id, &user.sub);
    each_batch(store, Table::AuditEvent, &prefix, |key, record| {
        let Ok(mut event) = serde_json::from_slice::<AuditEvent>(&record.body) else {
            return Ok(Vec::new());
        };
        if !event.pseudonymise() {
            return Ok(Vec::new());
        }
        let expires_at = event.expires_at().map(|at| at.millis());
        let body = serde_json::to_vec(&event)
            .map_err(|_| StoreError::Failed("an audit event does not serialize".to_owned()))?;
        Ok(vec![(key, Write::Put { body, expires_at })])
    })
}

/// Makes the writes that `of` asks for each record whose id starts with `prefix`, in batches.
fn each_batch(
    store: &dyn Store,
    table: Table,
    prefix: &str,
    of: impl Fn(Key, Record) -> Result<Vec<(Key, Write)>, StoreError>,
) -> Result<usize, StoreError> {
    let mut written = 0;
    let mut after: Option<String> = None;
    loop {
        let found = store.scan(table, prefix, after.as_deref(), BATCH)?;
        let Some((last, _)) = found.last() else { return Ok(written) };
        after = Some(last.id.clone());
        let mut writes = Vec::new();
        for (key, record) in found {
            writes.extend(of(key, record)?);
        }
        written += writes.len();
        apply(store, writes)?;
    }
}

fn apply(store: &dyn Store, writes: Vec<(Key, Write)>) -> Result<(), StoreError> {
    if writes.is_empty() {
        return Ok(());
    }
    store.apply(Change { expect: Vec::new(), writes })
}
