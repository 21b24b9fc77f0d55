//! Sessions of administrators in the console, kept with the service's records.
//!
//! A session outlives the process, is listed, and can be ended from another one. Its id alone opens
//! nothing: what a browser holds is sealed by the console.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use device_pool::store::{Change, Key, Record, StoreError, Table, Write};
use device_pool::{ServerAct, ServiceError};
use serde::{Deserialize, Serialize};

use crate::administrator::{Administrator, Role, title};
use crate::service::Service;

/// How long a session may go unused: 30 minutes, in milliseconds.
const MAX_IDLE: i64 = 30 * 60 * 1000;

/// How long a session lasts at most: 8 hours, in milliseconds.
const MAX_AGE: i64 = 8 * 60 * 60 * 1000;

/// How exactly the last use is known: a minute, in milliseconds. Not every request writes.
const SEEN_STEP: i64 = 60 * 1000;

/// How much longer a used id is kept: 10 minutes, in milliseconds. A clock may step forwards and
/// back.
const CLOCK_STEP_MILLIS: i64 = 10 * 60 * 1000;

/// The most sessions in a list.
const MAX_LISTED: usize = 1000;

/// A session of an administrator in the console. Times are in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminSession {
    /// The session's id: letters, digits, `-` and `_`.
    pub id: String,
    /// The id of the access key that it was opened with.
    pub key_id: String,
    /// The name of that key, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it permits, if the key permits no less.
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
    /// The access key as people know it.
    #[must_use]
    pub fn title(&self) -> String {
        title(&self.key_id, self.name.as_deref())
    }

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
    /// Keeps a new session of `administrator`, and notes it in the audit trail.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn start_admin_session(
        self: &Arc<Self>,
        administrator: Administrator,
        session: AdminSession,
    ) -> Result<(), ServiceError> {
        self.off_the_workers(move |service| {
            let may = if session.role == Role::Full { "change" } else { "only look" };
            let about = format!("a session that may {may}");
            let (act, from) = (ServerAct::SessionOpened, session.source_ip);
            service.act(change(&session, None)?, act, about, &administrator, from)
        })
        .await
    }

    /// The session with this id and its administrator, unless it has ended; marks it as used now.
    /// It ends with its access key.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn use_admin_session(
        self: &Arc<Self>,
        id: String,
    ) -> Result<Option<(AdminSession, Administrator)>, ServiceError> {
        let now = self.now();
        self.off_the_workers(move |service| {
            let store = &*service.store;
            let Some(record) = store.get(&key(&id))? else { return Ok(None) };
            let Some(mut session) = read(&record).filter(|found| !found.has_expired(now)) else {
                return Ok(None);
            };
            let holder = service.administrators.holder(&session.key_id, now)?;
            let Some(mut administrator) = holder else { return Ok(None) };
            administrator.role = administrator.role.min(session.role);
            if now - session.seen >= SEEN_STEP {
                session.seen = now;
                match store.apply(change(&session, Some(&record))?) {
                    // Another request was first, or the session was ended a moment ago.
                    Ok(()) | Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(Some((session, administrator)))
        })
        .await
    }

    /// The sessions that have not ended, the latest used first. A key for some pools sees only
    /// its own.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn admin_sessions(
        self: &Arc<Self>,
        administrator: &Administrator,
    ) -> Result<Vec<AdminSession>, ServiceError> {
        let (now, administrator) = (self.now(), administrator.clone());
        self.off_the_workers(move |service| {
            let mut sessions = service.all_sessions()?;
            sessions
                .retain(|session| !session.has_expired(now) && may_see(&administrator, session));
            // A session ends with its key, which may have been revoked or have ended meanwhile.
            let mut ended = BTreeMap::new();
            for session in &sessions {
                if !ended.contains_key(&session.key_id) {
                    let holder = service.administrators.holder(&session.key_id, now)?;
                    ended.insert(session.key_id.clone(), holder.is_none());
                }
            }
            sessions.retain(|session| ended.get(&session.key_id) == Some(&false));
            sessions.sort_by_key(|session| std::cmp::Reverse((session.seen, session.started)));
            Ok(sessions)
        })
        .await
    }

    /// Ends a session, and notes in the audit trail that `administrator` did. One that has ended
    /// already, or that the administrator does not see, stays as it is.
    ///
    /// # Errors
    /// Storage failures.
    pub async fn end_admin_session(
        self: &Arc<Self>,
        administrator: &Administrator,
        id: String,
        source_ip: Option<IpAddr>,
    ) -> Result<(), ServiceError> {
        let (now, administrator) = (self.now(), administrator.clone());
        self.off_the_workers(move |service| {
            let key = key(&id);
            let Some(record) = service.store.get(&key)? else { return Ok(()) };
            let seen = |session: &AdminSession| {
                !session.has_expired(now) && may_see(&administrator, session)
            };
            let Some(session) = read(&record).filter(seen) else { return Ok(()) };
            let from = session.source_ip.map_or_else(String::new, |from| format!(" from {from}"));
            let about = format!("the session of {}{from}", session.title());
            // Whether it was used in this moment does not matter.
            let change = Change { expect: Vec::new(), writes: vec![(key, Write::Delete)] };
            service.act(change, ServerAct::SessionEnded, about, &administrator, source_ip)
        })
        .await
    }

    /// The writes that end all sessions of these access keys.
    pub(crate) fn sessions_of(
        &self,
        key_ids: &[String],
    ) -> Result<Vec<(Key, Write)>, ServiceError> {
        let sessions = self.all_sessions()?;
        let sessions = sessions.into_iter().filter(|found| key_ids.contains(&found.key_id));
        Ok(sessions.map(|session| (key(&session.id), Write::Delete)).collect())
    }

    fn all_sessions(&self) -> Result<Vec<AdminSession>, ServiceError> {
        let records = self.store.scan(Table::AdminSession, "", None, MAX_LISTED)?;
        Ok(records.iter().filter_map(|(_, record)| read(record)).collect())
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
            let kept_until = Some(expires_at.saturating_add(CLOCK_STEP_MILLIS));
            let put = Write::Put { body: body.to_string().into(), expires_at: kept_until };
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

/// Whether this record is a session.
pub(crate) fn is_session(found: &Key, body: &[u8]) -> bool {
    serde_json::from_slice::<AdminSession>(body).is_ok_and(|session| key(&session.id) == *found)
}

fn key(id: &str) -> Key {
    Key { table: Table::AdminSession, id: id.to_owned() }
}

/// A record that does not read is no session.
fn read(record: &Record) -> Option<AdminSession> {
    serde_json::from_slice(&record.body).ok()
}

/// Whether it is a session of the administrator's key, or the key is for all pools.
fn may_see(administrator: &Administrator, session: &AdminSession) -> bool {
    administrator.pools.is_none() || administrator.key_id == session.key_id
}

/// The change that keeps a session.
fn change(session: &AdminSession, instead_of: Option<&Record>) -> Result<Change, StoreError> {
    let key = key(&session.id);
    let body =
        serde_json::to_vec(session).map_err(|error| StoreError::Failed(error.to_string()))?;
    let put = Write::Put { body, expires_at: Some(session.expires_at()) };
    let expect = vec![(key.clone(), instead_of.map(|record| record.version))];
    Ok(Change { expect, writes: vec![(key, put)] })
}
