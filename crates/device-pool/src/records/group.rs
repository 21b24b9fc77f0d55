//! Groups of users, and which groups a user is in.

use std::collections::{BTreeMap, BTreeSet};

use device_wire::shapes::GroupType;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::command::context::Context;
use crate::command::transaction::{Entity, id_of};
use crate::error::ServiceError;
use crate::records::pool::Pool;
use crate::store::Table;

/// A group, as the service describes it. Membership is stored in the users' records.
#[derive(Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) pool_id: String,
    pub(crate) name: String,
    pub(crate) description: GroupType,
    /// Tells this group from a deleted one of the same name. `None` for groups of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unique_id: Option<Uuid>,
}

impl Entity for Group {
    const TABLE: Table = Table::Group;

    fn id(&self) -> String {
        Self::key(&self.pool_id, &self.name)
    }
}

impl Group {
    pub(crate) fn load(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<Self, ServiceError> {
        let group = cx.tx.find(&Self::key(&pool.id, name))?;
        group.ok_or_else(|| ServiceError::not_found("Group not found."))
    }

    pub(crate) fn key(pool_id: &str, name: &str) -> String {
        id_of([pool_id, name])
    }
}

/// The groups that a user is in.
///
/// Each name stands with the id of its group, so deleting a group ends its memberships without a
/// write to its members: a later group of the name has another id.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "StoredMemberships")]
pub(crate) struct Memberships(BTreeMap<String, Option<Uuid>>);

impl Memberships {
    pub(crate) fn join(&mut self, group: &Group) {
        self.0.insert(group.name.clone(), group.unique_id);
    }

    pub(crate) fn leave(&mut self, group: &Group) {
        self.0.remove(&group.name);
    }

    pub(crate) fn contains(&self, group: &Group) -> bool {
        self.0.get(&group.name) == Some(&group.unique_id)
    }

    /// The names of the groups, in order; those of deleted groups are among them.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Memberships as releases wrote them: the first one wrote names alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum StoredMemberships {
    Names(BTreeSet<String>),
    WithIds(BTreeMap<String, Option<Uuid>>),
}

impl From<StoredMemberships> for Memberships {
    fn from(stored: StoredMemberships) -> Self {
        match stored {
            StoredMemberships::Names(names) => {
                Self(names.into_iter().map(|name| (name, None)).collect())
            }
            StoredMemberships::WithIds(memberships) => Self(memberships),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(unique_id: Option<Uuid>) -> Group {
        let description = GroupType::default();
        Group { pool_id: "p".into(), name: "staff".into(), description, unique_id }
    }

    #[test]
    fn memberships_of_the_first_release_load() {
        for stored in [r#"["staff"]"#, r#"{"staff": null}"#] {
            let mut memberships: Memberships = serde_json::from_str(stored).unwrap();
            assert!(memberships.contains(&group(None)), "{stored}");
            let later = group(Some(Uuid::from_u128(1)));
            assert!(!memberships.contains(&later), "{stored}: the group that it named is gone");
            memberships.join(&later);
            assert!(memberships.contains(&later) && !memberships.contains(&group(None)));
        }
    }
}
