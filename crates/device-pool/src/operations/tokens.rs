//! Revoking tokens: one grant, or all of a user's.

use device_wire::requests::{
    AdminUserGlobalSignOutRequest, GlobalSignOutRequest, RevokeTokenRequest,
};
use device_wire::responses::{
    AdminUserGlobalSignOutResponse, GlobalSignOutResponse, RevokeTokenResponse,
};
use device_wire::{ErrorCode, sentence};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::records::app_client::AppClient;
use crate::records::grant::Grant;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::caller::{AccessClaims, Caller};

/// `RevokeToken`: revokes the grant of the refresh token. Revoking it again is no error.
pub(crate) fn revoke_token(
    cx: &mut Context<'_, '_>,
    request: RevokeTokenRequest,
) -> Result<RevokeTokenResponse, ServiceError> {
    // This operation's model has other codes for these errors.
    let recoded = |code: ErrorCode| {
        move |error: ServiceError| match error.code() {
            ErrorCode::InternalError => error,
            _ => ServiceError::new(code, error.message().to_owned()),
        }
    };
    let client =
        AppClient::load(cx, &request.client_id).map_err(recoded(ErrorCode::InvalidParameter))?;
    let pool = Pool::load(cx, &client.pool_id).map_err(recoded(ErrorCode::InvalidParameter))?;
    let secret = request.client_secret.as_ref().map(|secret| secret.as_str());
    client.check_secret(secret).map_err(recoded(ErrorCode::Unauthorized))?;
    if client.description.enable_token_revocation == Some(false) {
        return Err(ServiceError::new(
            ErrorCode::UnsupportedOperation,
            "Token revocation is not enabled for this client.",
        ));
    }
    if AccessClaims::unverified(&request.token).is_some() {
        return Err(ServiceError::new(ErrorCode::UnsupportedTokenType, "Unsupported token type"));
    }
    let keys = PoolKeys::load(cx, &pool.id)?;
    // A replaced refresh token revokes its grant as well.
    let grant = Grant::by_refresh_token(cx, &keys, &request.token)?.map(|(grant, _)| grant);
    let mut grant = grant
        .filter(|grant| grant.is_of(&client))
        .ok_or_else(|| ServiceError::invalid(sentence::INVALID_REFRESH_TOKEN))?;
    let user = User::by_username(cx, &pool.id, &grant.username)?;
    cx.notes.subject = user.filter(|user| grant.stands(user)).map(|user| user.subject());
    grant.revoked = true;
    cx.tx.put(&grant)?;
    Ok(RevokeTokenResponse {})
}

/// `GlobalSignOut`: revokes all grants of the user. Devices stay.
pub(crate) fn global_sign_out(
    cx: &mut Context<'_, '_>,
    request: GlobalSignOutRequest,
) -> Result<GlobalSignOutResponse, ServiceError> {
    let mut user = Caller::authenticate(cx, &request.access_token)?.user;
    user.sign_out_everywhere(cx.now());
    cx.tx.put(&user)?;
    Ok(GlobalSignOutResponse {})
}

/// `AdminUserGlobalSignOut`.
pub(crate) fn admin_global_sign_out(
    cx: &mut Context<'_, '_>,
    request: AdminUserGlobalSignOutRequest,
) -> Result<AdminUserGlobalSignOutResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut user = User::for_admin(cx, &pool, &request.username)?;
    user.sign_out_everywhere(cx.now());
    cx.tx.put(&user)?;
    Ok(AdminUserGlobalSignOutResponse {})
}
