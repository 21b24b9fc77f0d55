//! Whether what a record refers to exists, and the counts are those of the records.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use crate::command::beside::{Beside, Counts};
use crate::command::transaction::{Entity, id_of, part_of};
use crate::host::moment::Moment;
use crate::records::app_client::{AppClient, PoolClient};
use crate::records::device::Device;
use crate::records::grant::{Grant, UserGrant};
use crate::records::login::Login;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::user_index::name_in;
use crate::records::user_profile::UserProfile;
use crate::records::user_token::UserToken;
use crate::store::{Key, Store, StoreError, Table};

/// What the records seen so far say about others.
pub(super) struct References<'s> {
    store: &'s dyn Store,
    now: Moment,
    /// The pools that exist, and whether all of their users and devices are counted.
    pools: BTreeMap<String, bool>,
    /// The pools whose records are being removed.
    deleted: Vec<String>,
    /// What the users and devices of each pool add up to, and what its counts say.
    real: BTreeMap<String, Counts>,
    stated: BTreeMap<String, Counts>,
    /// The user who was looked up last: records of one user follow each other.
    last_user: Option<(String, Option<User>)>,
}

impl<'s> References<'s> {
    pub(super) fn new(store: &'s dyn Store, now: Moment) -> Self {
        Self {
            store,
            now,
            pools: BTreeMap::new(),
            deleted: Vec::new(),
            real: BTreeMap::new(),
            stated: BTreeMap::new(),
            last_user: None,
        }
    }

    /// Checks a record that reads as its type. Kinds come in the order of [`Table::ALL`].
    pub(super) fn check(&mut self, key: &Key, body: &[u8]) -> Result<Option<String>, StoreError> {
        let pool = part_of(&key.id, 0);
        match key.table {
            Table::Pool => {
                let is_listed = parsed::<Pool>(body).is_some_and(|pool| pool.is_listed);
                self.pools.insert(pool, is_listed);
                return Ok(None);
            }
            Table::DeletedPool => {
                self.deleted.push(pool);
                return Ok(None);
            }
            Table::PoolKeys
            | Table::PoolClient
            | Table::User
            | Table::UserProfile
            | Table::Login
            | Table::Group
            | Table::Resource
            | Table::Device
            | Table::ForgottenDevice
            | Table::UserGrant
            | Table::UserIndex
            | Table::Count => {
                if self.deleted.contains(&pool) {
                    return Ok(None);
                }
                if !self.pools.contains_key(&pool) {
                    return Ok(Some(format!("its pool {pool} does not exist")));
                }
            }
            Table::Client => {}
            // They stand alone, or may outlive what they are about.
            _ => return Ok(None),
        }
        match key.table {
            Table::User => self.user(&pool, body),
            Table::Login => self.login(body),
            Table::UserProfile => match parsed::<UserProfile>(body) {
                Some(profile) if self.has_expired(profile.expires_at()) => Ok(None),
                _ => self.of_user(&key.id),
            },
            Table::Device => {
                self.count(&pool, parsed::<Device>(body).map(|device| device.beside()));
                self.of_user(&owner(&key.id))
            }
            Table::ForgottenDevice => self.of_user(&owner(&key.id)),
            Table::UserIndex => self.entry(&pool, key),
            Table::UserGrant => self.user_grant(body),
            Table::PoolClient => match parsed::<PoolClient>(body) {
                Some(listed) => self.exists(Table::Client, &listed.client_id, "app client"),
                None => Ok(None),
            },
            Table::Client => match parsed::<AppClient>(body) {
                Some(client) if !self.deleted.contains(&client.pool_id) => {
                    let id = id_of([&client.pool_id, &client.id]);
                    self.exists(Table::PoolClient, &id, "entry in its pool")
                }
                _ => Ok(None),
            },
            Table::Count => {
                if matches!(part_of(&key.id, 1).as_str(), "total" | "change") {
                    let stated = self.stated.entry(pool).or_default();
                    stated.add(parsed(body).unwrap_or_default(), 1);
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// The pools whose counts are not those of their records.
    pub(super) fn counts(&self) -> Vec<(Key, String)> {
        let of = |counts: &BTreeMap<String, Counts>, pool: &String| {
            counts.get(pool).copied().unwrap_or_default()
        };
        let wrong =
            self.pools.iter().filter(|(_, is_listed)| **is_listed).filter_map(|(pool, _)| {
                let (real, stated) = (of(&self.real, pool), of(&self.stated, pool));
                (real != stated).then(|| {
                    let words = |counts: Counts| {
                        let Counts { users, remembered, not_remembered } = counts;
                        format!(
                            "{users} users, {remembered} devices remembered, {not_remembered} not"
                        )
                    };
                    let key = Key { table: Table::Count, id: id_of([pool, "total"]) };
                    (key, format!("the counts say {}; there are {}", words(stated), words(real)))
                })
            });
        wrong.collect()
    }

    fn count(&mut self, pool: &str, beside: Option<Beside>) {
        let counts = beside.unwrap_or_default().counts;
        self.real.entry(pool.to_owned()).or_default().add(counts, 1);
    }

    fn user(&mut self, pool: &str, body: &[u8]) -> Result<Option<String>, StoreError> {
        let Some(user) = parsed::<User>(body) else { return Ok(None) };
        let beside = user.beside();
        self.count(pool, Some(beside.clone()));
        // Entries go by themselves at the time when the user does.
        if self.has_expired(user.expires_at()) {
            return Ok(None);
        }
        for entry in beside.entries {
            if let Some(problem) = self.exists(Table::UserIndex, &entry, "entry")? {
                return Ok(Some(format!("{problem} ({entry})")));
            }
        }
        if user.has_token {
            let key = Key { table: Table::UserToken, id: user.id() };
            let token = self.store.get(&key)?.and_then(|record| parsed::<UserToken>(&record.body));
            if !token.is_some_and(|token| token.is_verified_of(&user)) {
                return Ok(Some("its software token does not exist".to_owned()));
            }
        }
        Ok(None)
    }

    fn login(&mut self, body: &[u8]) -> Result<Option<String>, StoreError> {
        let Some(login) = parsed::<Login>(body) else { return Ok(None) };
        if self.has_expired(login.expires_at()) {
            return Ok(None);
        }
        let id = User::key(&login.pool_id, &login.username);
        self.exists(Table::User, &id, "user")
    }

    fn of_user(&mut self, user_id: &str) -> Result<Option<String>, StoreError> {
        let is_there = self.user_at(user_id)?.is_some();
        Ok((!is_there).then(|| "its user does not exist".to_owned()))
    }

    fn entry(&mut self, pool: &str, key: &Key) -> Result<Option<String>, StoreError> {
        let name = name_in(&key.id);
        let now = self.now;
        // The pool's id and the name stand in ids as they are, escaped already.
        let user = self.user_at(&format!("{}/{name}", id_of([pool])))?;
        Ok(match user {
            None => Some("its user does not exist".to_owned()),
            Some(user) if user.expires_at().is_some_and(|at| at <= now) => None,
            Some(user) if user.beside().entries.contains(&key.id) => None,
            Some(_) => Some("its user has another value".to_owned()),
        })
    }

    fn user_grant(&mut self, body: &[u8]) -> Result<Option<String>, StoreError> {
        let Some(listed) = parsed::<UserGrant>(body) else { return Ok(None) };
        if self.has_expired(listed.expires_at()) {
            return Ok(None);
        }
        let key = Key { table: Table::Grant, id: listed.origin.to_string() };
        Ok(match self.store.get(&key)?.and_then(|record| parsed::<Grant>(&record.body)) {
            None => Some("its sign-in does not exist".to_owned()),
            Some(grant) if grant.username != listed.username => {
                Some("its sign-in is another user's".to_owned())
            }
            Some(_) => None,
        })
    }

    fn exists(&self, table: Table, id: &str, what: &str) -> Result<Option<String>, StoreError> {
        let found = self.store.get(&Key { table, id: id.to_owned() })?;
        Ok(found.is_none().then(|| format!("its {what} does not exist")))
    }

    fn user_at(&mut self, id: &str) -> Result<Option<&User>, StoreError> {
        if self.last_user.as_ref().is_none_or(|(last, _)| last != id) {
            let record = self.store.get(&Key { table: Table::User, id: id.to_owned() })?;
            let user = record.and_then(|record| parsed(&record.body));
            self.last_user = Some((id.to_owned(), user));
        }
        Ok(self.last_user.as_ref().and_then(|(_, user)| user.as_ref()))
    }

    fn has_expired(&self, at: Option<Moment>) -> bool {
        at.is_some_and(|at| at <= self.now)
    }
}

/// The id of the user to whom a record belongs: its id without the last part.
fn owner(id: &str) -> String {
    id.rsplit_once('/').map_or(id, |(owner, _)| owner).to_owned()
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}
