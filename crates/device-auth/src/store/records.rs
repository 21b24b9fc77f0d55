//! Device records and the names that lead to them: what every store of this crate keeps.

use device_proto::{DeviceOwner, DeviceRecord};
use serde::{Deserialize, Serialize};

/// A handful of them, so that a search is as good as an index.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Records {
    records: Vec<DeviceRecord>,
    aliases: Vec<Alias>,
}

/// A name that was typed, and whose it turned out to be.
#[derive(Debug, Serialize, Deserialize)]
struct Alias {
    typed: String,
    #[serde(flatten)]
    owner: DeviceOwner,
}

impl Records {
    pub(super) fn find(&self, owner: &DeviceOwner) -> Option<&DeviceRecord> {
        let of = |owner: &DeviceOwner| self.records.iter().find(|record| record.owner == *owner);
        of(owner).or_else(|| {
            let is_meant = |alias: &&Alias| {
                alias.typed == owner.username
                    && alias.owner.user_pool_id == owner.user_pool_id
                    && alias.owner.client_id == owner.client_id
            };
            self.aliases.iter().find(is_meant).and_then(|alias| of(&alias.owner))
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
}
