//! New tokens for a refresh token, with the device that it is bound to.

use device_wire::{
    AuthenticationResultType, GetTokensFromRefreshTokenRequest, GetTokensFromRefreshTokenResponse, param,
};

use crate::client::{Client, Permission};
use crate::context::Context;
use crate::device::Device;
use crate::error::ServiceError;
use crate::parameters::Parameters;
use crate::pool::{DevicePolicy, Pool, PoolKeys};
use crate::sign_in::Answer;
use crate::tokens::{self, Grant};
use crate::user::User;

/// `InitiateAuth` with `REFRESH_TOKEN_AUTH`.
pub(crate) fn refresh_token_auth(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client: &Client,
    parameters: &Parameters,
) -> Result<Answer, ServiceError> {
    let token = parameters.require(param::REFRESH_TOKEN)?;
    let given_hash = parameters.get(param::SECRET_HASH);
    let grant = find(cx, client, token)?;
    let user = holder(cx, &grant)?;
    // The request names no user. The hash is over the internal name, or over the sub as some clients have it; older
    // ones send the client secret itself.
    if client.check_secret(given_hash).is_err() && client.check_secret_hash(&user.sub, given_hash).is_err() {
        client.check_secret_hash(&user.username, given_hash)?;
    }
    refresh(cx, pool, client, &user, &grant, parameters.get(param::DEVICE_KEY)).map(Answer::tokens)
}

/// `GetTokensFromRefreshToken`.
pub(crate) fn get_tokens_from_refresh_token(
    cx: &mut Context<'_, '_>,
    request: GetTokensFromRefreshTokenRequest,
) -> Result<GetTokensFromRefreshTokenResponse, ServiceError> {
    let client = Client::load(cx, &request.client_id)?;
    client.permit(Permission::Refresh)?;
    client.check_secret(request.client_secret.as_ref().map(|secret| secret.as_str()))?;
    let pool = Pool::load(cx, &client.pool_id)?;
    let grant = find(cx, &client, &request.refresh_token)?;
    let user = holder(cx, &grant)?;
    let device_key = request.device_key.as_deref().filter(|key| !key.is_empty());
    let result = refresh(cx, &pool, &client, &user, &grant, device_key)?;
    Ok(GetTokensFromRefreshTokenResponse { authentication_result: Some(result) })
}

fn invalid() -> ServiceError {
    ServiceError::not_authorized("Invalid Refresh Token.")
}

fn find(cx: &mut Context<'_, '_>, client: &Client, token: &str) -> Result<Grant, ServiceError> {
    let grant = Grant::by_refresh_token(cx, token)?
        .filter(|grant| grant.client_id == client.id)
        .ok_or_else(invalid)?;
    if grant.has_expired(cx.now()) {
        return Err(ServiceError::not_authorized("Refresh Token has expired"));
    }
    Ok(grant)
}

fn holder(cx: &mut Context<'_, '_>, grant: &Grant) -> Result<User, ServiceError> {
    let user = User::by_username(cx, &grant.pool_id, &grant.username)?.ok_or_else(invalid)?;
    if !grant.stands(&user) {
        return Err(ServiceError::not_authorized("Refresh Token has been revoked"));
    }
    Ok(user)
}

/// The grant's device must be presented, and must still be there: confirmed, and not forgotten.
fn refresh(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client: &Client,
    user: &User,
    grant: &Grant,
    device_key: Option<&str>,
) -> Result<AuthenticationResultType, ServiceError> {
    user.admit()?;
    if pool.device_policy() != DevicePolicy::Off
        && let Some(bound) = grant.device_key.as_deref()
        && (device_key != Some(bound) || Device::find(cx, user, bound)?.is_none())
    {
        return Err(invalid());
    }
    let keys = PoolKeys::load(cx, &pool.id)?;
    tokens::sign(cx, &keys, client, user, grant)
}
