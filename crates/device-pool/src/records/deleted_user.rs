//! Deleted users whose traces are still being removed.

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::store::Table;

/// A deleted user whose traces are still being removed: `<pool>/<sub>`.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeletedUser {
    pub(crate) pool_id: String,
    pub(crate) username: Sensitive<String>,
    pub(crate) sub: String,
}

impl Entity for DeletedUser {
    const TABLE: Table = Table::DeletedUser;

    fn id(&self) -> String {
        id_of([&self.pool_id, &self.sub])
    }
}
