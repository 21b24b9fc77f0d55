//! Device records, the names that lead to them, and sessions: what the stores of this crate keep.

use device_proto::{DeviceOwner, DeviceRecord};
use serde::{Deserialize, Serialize};

use crate::SessionRecord;

/// A handful of them, so that a search is as good as an index.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Records {
    records: Vec<DeviceRecord>,
    aliases: Vec<Alias>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<SessionRecord>,
}

/// A name that was typed, and whose it turned out to be.
#[derive(Debug, Serialize, Deserialize)]
struct Alias {
    typed: String,
    #[serde(flatten)]
    owner: DeviceOwner,
}

impl Records {
    /// The record of that name, or else of one that differs in case alone: pools tell those apart
    /// only where they were told to.
    pub(super) fn find(&self, owner: &DeviceOwner) -> Option<&DeviceRecord> {
        let folded = owner.username.to_lowercase();
        self.find_by(owner, |name| name == owner.username)
            .or_else(|| self.find_by(owner, |name| name.to_lowercase() == folded))
    }

    fn find_by(
        &self,
        owner: &DeviceOwner,
        is_target: impl Fn(&str) -> bool,
    ) -> Option<&DeviceRecord> {
        let is_there = |other: &DeviceOwner| {
            other.user_pool_id == owner.user_pool_id && other.client_id == owner.client_id
        };
        let mut records = self.records.iter().filter(|record| is_there(&record.owner));
        records.find(|record| is_target(&record.owner.username)).or_else(|| {
            let mut aliases = self.aliases.iter().filter(|alias| is_there(&alias.owner));
            let alias = aliases.find(|alias| is_target(&alias.typed))?;
            self.records.iter().find(|record| record.owner == alias.owner)
        })
    }

    pub(super) fn save(&mut self, record: &DeviceRecord, alias: &str) {
        self.records.retain(|other| other.owner != record.owner);
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

    /// Whether there was anything to remove.
    pub(super) fn remove(&mut self, owner: &DeviceOwner, device_key: &str) -> bool {
        let before = self.records.len();
        self.records.retain(|record| record.owner != *owner || record.device_key != device_key);
        let removed = self.records.len() < before;
        if removed {
            self.aliases.retain(|alias| alias.owner != *owner);
        }
        removed
    }

    pub(super) fn session(&self, client_id: &str) -> Option<&SessionRecord> {
        self.sessions.iter().find(|session| session.client_id == client_id)
    }

    pub(super) fn save_session(&mut self, session: &SessionRecord) {
        self.remove_session(&session.client_id);
        self.sessions.push(session.clone());
    }

    /// Whether there was anything to remove.
    pub(super) fn remove_session(&mut self, client_id: &str) -> bool {
        let before = self.sessions.len();
        self.sessions.retain(|session| session.client_id != client_id);
        self.sessions.len() < before
    }
}
