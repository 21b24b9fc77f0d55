//! Sessions of administrators in the console, kept with the service's records.
//!
//! A session outlives the process, is listed, and can be ended from another one. Its id alone opens
//! nothing: what a browser holds is sealed by the console.

use std::net::IpAddr;
use std::sync::Arc;

use device_pool::ServiceError;
use device_pool::store::{Change, Key, Record, Store, StoreError, Table, Write};
use serde::{Deserialize, Serialize};

use crate::administrators::Role;
use crate::service::Service;

/// How long a session may go unused: 30 minutes, in milliseconds.
const MAX_IDLE: i64 = 30 * 60 * 1000;

/// How long a session lasts at most: 8 hours, in milliseconds.
const MAX_AGE: i64 = 8 * 60 * 60 * 1000;

/// How exactly the last use is known: a minute, in milliseconds. Not every request writes.
const SEEN_STEP: i64 = 60 * 1000;

/// The most sessions in a list.
const MAX_LISTED: usize = 1000;

/// A session of an administrator in the console. Times are in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminSession {
    /// The session's id: letters, digits, `-` and `_`.
    pub id: String,
    /// The id of the access key that it was opened with.
    pub key_id: String,
    /// What it permits.
    pub role: Role,
    /// Where it was opened from.
    pub source_ip: Option<IpAddr>,
    /// The browser, as it names itself.
    pub user_agent: String,
    /// When it was opened.
    pub started: i64,
    /// When it was last used, within a minute.
    pub seen: i64,
}

impl AdminSession {
    /// When it ends by itself if it is not used again.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        (self.seen + MAX_IDLE).min(self.started + MAX_AGE)
    }

    fn has_expired(&self, now: i64) -> bool {
        self.expires_at() <= now
    }
}

impl Service {
    /// Keeps a new session.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn start_admin_session(
        self: &Arc<Self>,
        session: AdminSession,
    ) -> Result<(), ServiceError> {
        self.off_the_workers(move |service| Ok(write(&*service.store, &session, None)?)).await
    }

    /// The session with this id, unless it has ended; marks it as used now.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn use_admin_session(
        self: &Arc<Self>,
        id: String,
    ) -> Result<Option<AdminSession>, ServiceError> {
        let now = self.now();
        self.off_the_workers(move |service| {
            let store = &*service.store;
            let Some(record) = store.get(&key(&id))? else { return Ok(None) };
            let Some(mut session) = read(&record).filter(|found| !found.has_expired(now)) else {
                return Ok(None);
            };
            if now - session.seen >= SEEN_STEP {
                session.seen = now;
                match write(store, &session, Some(&record)) {
                    // Another request was first, or the session was ended a moment ago.
                    Ok(()) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Some(session))
        })
        .await
    }

    /// The sessions that have not ended, the latest used first.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn admin_sessions(self: &Arc<Self>) -> Result<Vec<AdminSession>, ServiceError> {
        let now = self.now();
        self.off_the_workers(move |service| {
            let records = service.store.scan(Table::AdminSession, "", None, MAX_LISTED)?;
            let mut sessions: Vec<_> = records
                .iter()
                .filter_map(|(_, record)| read(record))
                .filter(|session| !session.has_expired(now))
                .collect();
            sessions.sort_by_key(|session| std::cmp::Reverse((session.seen, session.started)));
            Ok(sessions)
        })
        .await
    }

    /// Ends a session; one that has ended already may be ended again.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn end_admin_session(self: &Arc<Self>, id: String) -> Result<(), ServiceError> {
        self.off_the_workers(move |service| {
            let writes = vec![(key(&id), Write::Delete)];
            Ok(service.store.apply(Change { expect: Vec::new(), writes })?)
        })
        .await
    }

    /// Uses up `id` until `expires_at`; whether it was still unused.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn use_once(
        self: &Arc<Self>,
        id: String,
        expires_at: i64,
    ) -> Result<bool, ServiceError> {
        self.off_the_workers(move |service| {
            let key = Key { table: Table::Spent, id: format!("console/{id}") };
            let body = serde_json::json!({ "id": key.id, "expires_at": expires_at });
            let put = Write::Put { body: body.to_string().into(), expires_at: Some(expires_at) };
            let change = Change { expect: vec![(key.clone(), None)], writes: vec![(key, put)] };
            match service.store.apply(change) {
                Ok(()) => Ok(true),
                Err(StoreError::Conflict) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }
}

fn key(id: &str) -> Key {
    Key { table: Table::AdminSession, id: id.to_owned() }
}

/// A record that does not read is no session.
fn read(record: &Record) -> Option<AdminSession> {
    serde_json::from_slice(&record.body).ok()
}

fn write(
    store: &dyn Store,
    session: &AdminSession,
    instead_of: Option<&Record>,
) -> Result<(), StoreError> {
    let key = key(&session.id);
    let body =
        serde_json::to_vec(session).map_err(|error| StoreError::Failed(error.to_string()))?;
    let put = Write::Put { body, expires_at: Some(session.expires_at()) };
    let expect = vec![(key.clone(), instead_of.map(|record| record.version))];
    store.apply(Change { expect, writes: vec![(key, put)] })
}
