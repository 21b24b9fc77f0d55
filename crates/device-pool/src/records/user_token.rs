//! A user's software token.

use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::crypto::secret::Secret;
use crate::crypto::totp::SoftwareToken;
use crate::error::ServiceError;
use crate::records::user::User;
use crate::store::Table;

/// A user's software token, and the secret of the next one. A separate record, so that they slow
/// down no step that anyone may take.
#[derive(Serialize, Deserialize)]
pub(crate) struct UserToken {
    pool_id: String,
    username: String,
    sub: String,
    /// The verified token. [`User::has_software_token`] says whether there is one.
    pub(crate) verified: Option<SoftwareToken>,
    /// A secret that the user has not yet verified.
    pub(crate) pending: Option<Secret>,
}

impl Entity for UserToken {
    const TABLE: Table = Table::UserToken;

    fn id(&self) -> String {
        User::key(&self.pool_id, &self.username)
    }
}

impl UserToken {
    pub(crate) fn none(user: &User) -> Self {
        Self {
            pool_id: user.pool_id.clone(),
            username: user.username.clone(),
            sub: user.sub.clone(),
            verified: None,
            pending: None,
        }
    }

    pub(crate) fn of(cx: &mut Context<'_, '_>, user: &User) -> Result<Self, ServiceError> {
        let stored: Option<Self> = cx.tx.find(&User::key(&user.pool_id, &user.username))?;
        // The token of an earlier user with the same name is ignored.
        Ok(stored.filter(|token| token.sub == user.sub).unwrap_or_else(|| Self::none(user)))
    }

    /// Whether it is this user's, and verified.
    pub(crate) fn is_verified_of(&self, user: &User) -> bool {
        self.sub == user.sub && self.verified.is_some()
    }

    /// Stores a token that was verified.
    pub(crate) fn enrol(
        self,
        cx: &mut Context<'_, '_>,
        token: SoftwareToken,
    ) -> Result<(), ServiceError> {
        cx.tx.put(&Self { verified: Some(token), pending: None, ..self })
    }

    /// Removes the token and the secret that is not verified.
    pub(crate) fn remove(&self, cx: &mut Context<'_, '_>) {
        cx.tx.delete::<Self>(&self.id());
    }
}
