//! A pool that was deleted and whose records are not all gone yet.

use serde::{Deserialize, Serialize};

use crate::command::transaction::Entity;
use crate::store::Table;

/// A pool that was deleted and whose records are not all gone yet.
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
