//! A user's earlier passwords.

use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::records::password::Password;
use crate::records::user::User;
use crate::store::Table;

/// Earlier passwords, as many as the pool's policy remembers. A separate record, so that they slow
/// down no sign-in.
#[derive(Serialize, Deserialize)]
pub(crate) struct PasswordHistory {
    pool_id: String,
    username: String,
    sub: String,
    /// The latest first.
    pub(crate) passwords: Vec<Password>,
}

impl Entity for PasswordHistory {
    const TABLE: Table = Table::PasswordHistory;

    fn id(&self) -> String {
        User::key(&self.pool_id, &self.username)
    }
}

impl PasswordHistory {
    pub(crate) fn new(user: &User, passwords: Vec<Password>) -> Self {
        let (pool_id, username) = (user.pool_id.clone(), user.username.clone());
        Self { pool_id, username, sub: user.sub.clone(), passwords }
    }

    pub(crate) fn of(cx: &mut Context<'_, '_>, user: &User) -> Result<Self, ServiceError> {
        let stored: Option<Self> = cx.tx.find(&User::key(&user.pool_id, &user.username))?;
        // The history of an earlier user with the same name is ignored.
        let own = stored.filter(|history| history.sub == user.sub);
        Ok(own.unwrap_or_else(|| Self::new(user, Vec::new())))
    }

    /// Stores it, unless it is empty.
    pub(crate) fn put(&self, cx: &mut Context<'_, '_>) -> Result<(), ServiceError> {
        if self.passwords.is_empty() {
            cx.tx.delete::<Self>(&self.id());
            return Ok(());
        }
        cx.tx.put(self)
    }
}
