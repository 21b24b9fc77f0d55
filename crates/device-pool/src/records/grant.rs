//! Grants: sign-ins that may refresh their tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use device_wire::{Sensitive, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::command::context::Context;
use crate::command::transaction::{Entity, id_of};
use crate::crypto::refresh_token::RefreshToken;
use crate::error::ServiceError;
use crate::host::moment::{Moment, days};
use crate::records::app_client::AppClient;
use crate::records::method::Method;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::store::Table;

/// How long a grant is kept after its end: an access token that was issued at the last moment needs
/// it for up to a day more.
const KEPT_LONGER: Duration = days(1);

/// A sign-in that may refresh its tokens. Stored under its origin id, which all its tokens carry as
/// `origin_jti`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) origin: Uuid,
    pub(crate) pool_id: String,
    pub(crate) client_id: String,
    pub(crate) username: String,
    /// The device key in the tokens; a refresh must present it.
    pub(crate) device_key: Option<String>,
    /// The generation of the valid refresh token; see [`RefreshToken`].
    pub(crate) generation: u32,
    /// When the previous refresh token was replaced.
    pub(crate) rotated: Option<Moment>,
    pub(crate) event_id: String,
    pub(crate) issued: Moment,
    pub(crate) expires: Moment,
    pub(crate) revoked: bool,
    /// The owner: the user's `sub`, and the user's number of global sign-outs. `None` in grants of
    /// earlier releases, which compare times instead.
    #[serde(default)]
    pub(crate) holder: Option<(String, u32)>,
    /// What its sign-in was proven by; empty in grants of earlier releases.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) methods: BTreeSet<Method>,
    /// When its app client was created; `None` in grants of earlier releases. Where ids are chosen,
    /// a later client may have the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_created: Option<Timestamp>,
}

impl Entity for Grant {
    const TABLE: Table = Table::Grant;

    fn id(&self) -> String {
        self.origin.to_string()
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(self.expires + KEPT_LONGER)
    }
}

impl Grant {
    /// The grant and generation of a refresh token; `None` if this pool did not issue it.
    pub(crate) fn by_refresh_token(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        token: &str,
    ) -> Result<Option<(Self, u32)>, ServiceError> {
        let Some(token) = keys.refresh_token(token, cx.now()) else { return Ok(None) };
        let grant: Option<Self> = cx.tx.find(&token.origin.to_string())?;
        Ok(grant.map(|grant| (grant, token.generation)))
    }

    /// The valid refresh token.
    pub(crate) fn refresh_token(&self, keys: &PoolKeys) -> Sensitive<String> {
        RefreshToken { origin: self.origin, generation: self.generation }.encode(keys.sealing())
    }

    /// Refuses a replaced refresh token, except the latest during its grace period.
    pub(crate) fn refuse_replaced(
        &self,
        client: &AppClient,
        generation: u32,
        now: Moment,
    ) -> Result<(), ServiceError> {
        // In either direction: a clock that was set back does not prolong it.
        let in_grace = self.rotated.is_some_and(|at| at.distance(now) < client.rotation_grace());
        let repeated = generation.checked_add(1) == Some(self.generation) && in_grace;
        if generation == self.generation || repeated {
            return Ok(());
        }
        Err(ServiceError::new(
            device_wire::ErrorCode::RefreshTokenReuse,
            "Refresh token has been invalidated by rotation.",
        ))
    }

    /// Replaces the refresh token if `generation` is still valid. The lifetime is not extended.
    pub(crate) fn rotate(
        &mut self,
        cx: &mut Context<'_, '_>,
        generation: u32,
    ) -> Result<(), ServiceError> {
        if generation != self.generation {
            return Ok(());
        }
        self.generation = generation.saturating_add(1);
        self.rotated = Some(cx.now());
        cx.tx.put(self)
    }

    /// Whether the grant is valid: not revoked, not older than the user's global sign-out, and not
    /// of an earlier user with the same name.
    pub(crate) fn stands(&self, user: &User) -> bool {
        let of_user = match &self.holder {
            Some((sub, sign_outs)) => *sub == user.sub && *sign_outs == user.sign_outs,
            None => {
                self.issued >= user.created && user.signed_out_at.is_none_or(|at| self.issued > at)
            }
        };
        of_user && !self.revoked
    }

    /// Whether it was issued to this app client, and not to an earlier one of the same id.
    pub(crate) fn is_of(&self, client: &AppClient) -> bool {
        self.client_id == client.id
            && (self.client_created.is_none()
                || self.client_created == client.description.creation_date)
    }

    pub(crate) fn has_expired(&self, now: Moment) -> bool {
        now >= self.expires
    }
}

/// A user's entry for a grant, `<pool>/<user>/<origin>`, for listing the grants.
#[derive(Serialize, Deserialize)]
pub(crate) struct UserGrant {
    pub(crate) pool_id: String,
    pub(crate) username: String,
    pub(crate) origin: Uuid,
    /// The address that its sign-in came from.
    pub(crate) ip: Option<String>,
    pub(crate) expires_at: Moment,
}

impl UserGrant {
    pub(crate) fn key(pool_id: &str, username: &str, origin: &str) -> String {
        id_of([pool_id, username, origin])
    }
}

impl Entity for UserGrant {
    const TABLE: Table = Table::UserGrant;

    fn id(&self) -> String {
        Self::key(&self.pool_id, &self.username, &self.origin.to_string())
    }

    /// As long as the grant, which is found by it if the user is deleted.
    fn expires_at(&self) -> Option<Moment> {
        Some(self.expires_at + KEPT_LONGER)
    }
}
