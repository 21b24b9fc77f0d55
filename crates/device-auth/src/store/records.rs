//! The contents of the stores in memory and in a file: device records, aliases and sessions.

use device_proto::{DeviceOwner, DeviceRecord};
use serde::{Deserialize, Serialize};

use crate::session::SessionRecord;

/// A few of each, so that a search is as fast as an index.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Records {
    records: Vec<DeviceRecord>,
    aliases: Vec<Alias>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<SessionRecord>,
}

/// A name that a user typed, and the user that the service resolved it to.
#[derive(Debug, Serialize, Deserialize)]
struct Alias {
    typed: String,
    #[serde(flatten)]
    owner: DeviceOwner,
}

impl Records {
    /// The records of the user that `owner` names.
    pub(super) fn find(&self, owner: &DeviceOwner) -> Vec<DeviceRecord> {
        let folded = owner.username.to_lowercase();
        let user = self
            .user(owner, |name| name == owner.username)
            .or_else(|| self.user(owner, |name| name.to_lowercase() == folded));
        let is_theirs = |record: &&DeviceRecord| Some(&record.owner) == user;
        self.records.iter().filter(is_theirs).cloned().collect()
    }

    /// The user with a matching name: an internal name first, then a typed one.
    fn user(&self, owner: &DeviceOwner, matches: impl Fn(&str) -> bool) -> Option<&DeviceOwner> {
        let is_there = |other: &DeviceOwner| {
            other.user_pool_id == owner.user_pool_id && other.client_id == owner.client_id
        };
        let mut owners = self.records.iter().map(|record| &record.owner);
        owners.find(|owner| is_there(owner) && matches(&owner.username)).or_else(|| {
            let mut aliases = self.aliases.iter();
            let alias = aliases.find(|alias| is_there(&alias.owner) && matches(&alias.typed))?;
            Some(&alias.owner)
        })
    }

    pub(super) fn save(&mut self, record: &DeviceRecord, alias: &str) {
        self.take(&record.owner, &record.device_key);
        self.records.push(record.clone());
        let owner = &record.owner;
        self.aliases.retain(|other| {
            other.typed != alias
                || other.owner.user_pool_id != owner.user_pool_id
                || other.owner.client_id != owner.client_id
        });
        if alias != owner.username {
            self.aliases.push(Alias { typed: alias.to_owned(), owner: owner.clone() });
        }
    }

    /// Removes a record, and the owner's aliases with the last one. Returns whether it existed.
    pub(super) fn remove(&mut self, owner: &DeviceOwner, device_key: &str) -> bool {
        let removed = self.take(owner, device_key);
        if removed && self.records.iter().all(|record| record.owner != *owner) {
            self.aliases.retain(|alias| alias.owner != *owner);
        }
        removed
    }

    fn take(&mut self, owner: &DeviceOwner, device_key: &str) -> bool {
        let before = self.records.len();
        self.records.retain(|record| record.owner != *owner || record.device_key != device_key);
        self.records.len() < before
    }

    pub(super) fn session(&self, client_id: &str) -> Option<&SessionRecord> {
        self.sessions.iter().find(|session| session.client_id == client_id)
    }

    pub(super) fn save_session(&mut self, session: &SessionRecord) {
        self.remove_session(&session.client_id);
        self.sessions.push(session.clone());
    }

    /// Removes a session. Returns whether it existed.
    pub(super) fn remove_session(&mut self, client_id: &str) -> bool {
        let before = self.sessions.len();
        self.sessions.retain(|session| session.client_id != client_id);
        self.sessions.len() < before
    }
}
