//! The user that an access token identifies.

use std::sync::Arc;

use device_wire::{ErrorCode, sentence};
use serde::Deserialize;
use uuid::Uuid;

use crate::command::context::Context;
use crate::crypto::jwt;
use crate::error::ServiceError;
use crate::host::moment::Moment;
use crate::records::account_tags::AccountTags;
use crate::records::app_client::AppClient;
use crate::records::grant::Grant;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;

/// The claims of an access token that this service reads.
#[derive(Deserialize)]
pub(crate) struct AccessClaims {
    iss: String,
    pub(crate) client_id: String,
    username: String,
    pub(crate) origin_jti: Uuid,
    token_use: String,
    exp: i64,
}

impl AccessClaims {
    /// The unverified claims of `token`; `None` if it is not an access token.
    pub(crate) fn unverified(token: &str) -> Option<Self> {
        jwt::unverified(token)
    }
}

/// The user whose access token a request carries.
pub(crate) struct Caller {
    pub(crate) pool: Arc<Pool>,
    pub(crate) keys: Arc<PoolKeys>,
    pub(crate) user: User,
    pub(crate) claims: AccessClaims,
    /// When the sign-in passed that the token is of.
    signed_in: Moment,
}

impl Caller {
    /// Checks an access token: signature, use, expiry, revocation, and that its user may still act.
    pub(crate) fn authenticate(
        cx: &mut Context<'_, '_>,
        token: &str,
    ) -> Result<Self, ServiceError> {
        let invalid = || ServiceError::not_authorized("Invalid Access Token");
        let unverified = AccessClaims::unverified(token).ok_or_else(invalid)?;
        let pool_id = unverified.iss.rsplit('/').next().unwrap_or_default();
        let keys: Arc<PoolKeys> = cx.tx.find_shared(pool_id)?.ok_or_else(invalid)?;
        let claims: AccessClaims =
            cx.key_ring.verify(&keys.access, cx.now(), token)?.ok_or_else(invalid)?;
        if claims.token_use != "access" {
            return Err(invalid());
        }
        if cx.now() >= Moment::from_unix_seconds(claims.exp) {
            return Err(ServiceError::not_authorized(sentence::EXPIRED_ACCESS_TOKEN));
        }
        let pool = Pool::shared(cx, pool_id)?;
        let user = User::by_username(cx, pool_id, &claims.username)?
            .ok_or_else(|| ServiceError::new(ErrorCode::UserNotFound, "User does not exist."))?;
        cx.notes.subject = Some(user.subject());
        cx.notes.client_id = Some(claims.client_id.clone());
        let grant: Option<Grant> = cx.tx.find(&claims.origin_jti.to_string())?;
        let revoked = || ServiceError::not_authorized(sentence::REVOKED_ACCESS_TOKEN);
        let grant = grant.filter(|grant| grant.client_id == claims.client_id);
        let grant = grant.filter(|grant| grant.stands(&user)).ok_or_else(revoked)?;
        if !user.enabled {
            return Err(ServiceError::not_authorized(sentence::DISABLED_USER));
        }
        // The tokens of a client end with it.
        let client = cx.tx.find_shared::<AppClient>(&claims.client_id)?;
        if !client.is_some_and(|client| grant.is_of(&client)) {
            return Err(revoked());
        }
        Ok(Self { pool, keys, user, claims, signed_in: grant.issued })
    }

    /// As [`Self::authenticate`], for what a thief of an access token would change first: addresses
    /// and second factors. The pool's tags may demand that the sign-in is fresh.
    pub(crate) fn authenticate_afresh(
        cx: &mut Context<'_, '_>,
        token: &str,
    ) -> Result<Self, ServiceError> {
        let caller = Self::authenticate(cx, token)?;
        let longest = AccountTags::of(&caller.pool).fresh_sign_in;
        if longest.is_some_and(|longest| cx.now().since(caller.signed_in) > longest) {
            return Err(ServiceError::not_authorized(
                "The sign-in is too old for this change. Sign in again first.",
            ));
        }
        Ok(caller)
    }

    /// The app client that the token was issued to.
    pub(crate) fn client(&self, cx: &mut Context<'_, '_>) -> Result<Arc<AppClient>, ServiceError> {
        AppClient::shared(cx, &self.claims.client_id)
    }
}
