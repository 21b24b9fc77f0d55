//! Sign-in names and the users that they belong to.

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::{Entity, id_of};
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::pool::Pool;
use crate::store::Table;

/// A sign-in name of a user: `<pool>/<folded name>`. It changes only together with its user.
#[derive(Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) pool_id: String,
    pub(crate) name: Sensitive<String>,
    pub(crate) username: String,
    /// When its user is removed if the account is not confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Moment>,
}

impl Entity for Login {
    const TABLE: Table = Table::Login;

    fn id(&self) -> String {
        Self::key(&self.pool_id, &self.name)
    }

    fn expires_at(&self) -> Option<Moment> {
        self.expires_at
    }
}

impl Login {
    pub(crate) fn key(pool_id: &str, folded: &str) -> String {
        id_of([pool_id, folded])
    }

    pub(crate) fn find(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        folded: &str,
    ) -> Result<Option<Self>, ServiceError> {
        cx.tx.find(&Self::key(&pool.id, folded))
    }
}
