//! Deleted pools whose records are still being removed.

use serde::{Deserialize, Serialize};

use crate::command::transaction::Entity;
use crate::store::Table;

/// A deleted pool whose records are still being removed.
#[derive(Serialize, Deserialize)]
pub(crate) struct DeletedPool {
    pub(crate) pool_id: String,
}

impl Entity for DeletedPool {
    const TABLE: Table = Table::DeletedPool;

    fn id(&self) -> String {
        self.pool_id.clone()
    }
}
