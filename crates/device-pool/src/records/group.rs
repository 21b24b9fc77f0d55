//! Groups of users, and the roles that membership gives.

use device_wire::shapes::GroupType;
use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::store::Table;

/// A group, as the service describes it. Membership is stored in the users' records.
#[derive(Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) pool_id: String,
    pub(crate) name: String,
    pub(crate) description: GroupType,
}

impl Entity for Group {
    const TABLE: Table = Table::Group;

    fn id(&self) -> String {
        Self::key(&self.pool_id, &self.name)
    }
}

impl Group {
    pub(crate) fn key(pool_id: &str, name: &str) -> String {
        id_of([pool_id, name])
    }
}
