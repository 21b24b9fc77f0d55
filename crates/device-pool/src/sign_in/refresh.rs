//! Refreshing tokens, with the device that the refresh token is bound to.

use device_wire::requests::GetTokensFromRefreshTokenRequest;
use device_wire::responses::GetTokensFromRefreshTokenResponse;
use device_wire::{param, sentence};
use serde_json::{Map, Value};

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::error::ServiceError;
use crate::records::app_client::{AppClient, AuthFlow};
use crate::records::device::Device;
use crate::records::grant::Grant;
use crate::records::pool::{DevicePolicy, Pool};
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::parties::Parties;
use crate::rules::token_trigger::Occasion;
use crate::rules::tokens;
use crate::sign_in::answer::Answer;
use crate::sign_in::step::StepRequest;

/// The trigger source of refreshed tokens.
const REFRESH: &str = "TokenGeneration_RefreshTokens";

/// `InitiateAuth` with `REFRESH_TOKEN_AUTH`.
pub(crate) fn refresh_token_auth(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
) -> Result<Answer, ServiceError> {
    let StepRequest { pool, keys, client, given: parameters, .. } = &request;
    if client.rotates() {
        // Only `GetTokensFromRefreshToken` returns the next refresh token.
        return Err(ServiceError::invalid("REFRESH_TOKEN_AUTH flow not enabled for this client"));
    }
    let token = parameters.require(param::REFRESH_TOKEN)?;
    let given_hash = parameters.get(param::SECRET_HASH);
    let (grant, _) = find(cx, keys, client, token)?;
    let user = holder(cx, &grant)?;
    // The request names no user. The hash is over the internal name; some clients hash the sub, and
    // older ones send the client secret itself.
    if client.check_secret(given_hash).is_err()
        && client.check_secret_hash(&user.sub, given_hash).is_err()
    {
        client.check_secret_hash(&user.username, given_hash).map_err(|_| {
            let id = &client.id;
            ServiceError::not_authorized(format!("SecretHash does not match for the client: {id}"))
        })?;
    }
    check_device(cx, pool, &user, &grant, parameters.get(param::DEVICE_KEY))?;
    cx.notes.finding = Finding::Tokens;
    let (parties, _) = request.with_user(user);
    let occasion = Occasion { source: REFRESH, metadata: Map::new() };
    tokens::sign(cx, &parties, &grant, occasion).map(Answer::tokens)
}

/// `GetTokensFromRefreshToken`: the only refresh for clients whose refresh tokens rotate.
pub(crate) fn get_tokens_from_refresh_token(
    cx: &mut Context<'_, '_>,
    request: GetTokensFromRefreshTokenRequest,
) -> Result<GetTokensFromRefreshTokenResponse, ServiceError> {
    let client = AppClient::shared(cx, &request.client_id)?;
    if !client.rotates() {
        client.permit(AuthFlow::Refresh)?;
    }
    client.check_secret(request.client_secret.as_ref().map(|secret| secret.as_str()))?;
    let pool = Pool::shared(cx, &client.pool_id)?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let (mut grant, generation) = find(cx, &keys, &client, &request.refresh_token)?;
    let user = holder(cx, &grant)?;
    let device_key = request.device_key.as_deref().filter(|key| !key.is_empty());
    check_device(cx, &pool, &user, &grant, device_key)?;
    cx.notes.finding = Finding::Tokens;
    let metadata = request.client_metadata.into_iter().flatten();
    let metadata = metadata.map(|(name, value)| (name, Value::from(value))).collect();
    let parties = Parties { pool, keys, client, user };
    let mut result = tokens::sign(cx, &parties, &grant, Occasion { source: REFRESH, metadata })?;
    if parties.client.rotates() {
        grant.rotate(cx, generation)?;
        result.refresh_token = Some(grant.refresh_token(&parties.keys));
    }
    Ok(GetTokensFromRefreshTokenResponse { authentication_result: Some(result) })
}

fn invalid() -> ServiceError {
    ServiceError::not_authorized(sentence::INVALID_REFRESH_TOKEN)
}

fn find(
    cx: &mut Context<'_, '_>,
    keys: &PoolKeys,
    client: &AppClient,
    token: &str,
) -> Result<(Grant, u32), ServiceError> {
    let (mut grant, generation) = Grant::by_refresh_token(cx, keys, token)?
        .filter(|(grant, _)| grant.is_of(client))
        .ok_or_else(invalid)?;
    cx.notes.refreshes = true;
    cx.notes.device_key.clone_from(&grant.device_key);
    if grant.has_expired(cx.now()) {
        return Err(ServiceError::not_authorized(sentence::EXPIRED_REFRESH_TOKEN));
    }
    if let Err(reuse) = grant.refuse_replaced(client, generation, cx.now()) {
        // Two parties hold the grant, and one of them stole it: revoke it for both (RFC 9700,
        // section 4.14.2).
        if !grant.revoked {
            note_reuse(cx, &grant)?;
            grant.revoked = true;
            cx.tx.record(&grant)?;
        }
        return Err(reuse);
    }
    Ok((grant, generation))
}

fn note_reuse(cx: &mut Context<'_, '_>, grant: &Grant) -> Result<(), ServiceError> {
    let user = User::by_username(cx, &grant.pool_id, &grant.username)?;
    cx.notes.subject = user.filter(|user| grant.stands(user)).map(|user| user.subject());
    cx.notes.finding = Finding::Failed;
    cx.notes.reason("Refused: the refresh token had been replaced; its sign-in is over");
    Ok(())
}

fn holder(cx: &mut Context<'_, '_>, grant: &Grant) -> Result<User, ServiceError> {
    let user = User::by_username(cx, &grant.pool_id, &grant.username)?.ok_or_else(invalid)?;
    if !grant.stands(&user) {
        return Err(ServiceError::not_authorized(sentence::REVOKED_REFRESH_TOKEN));
    }
    cx.notes.subject = Some(user.subject());
    user.admit()?;
    Ok(user)
}

/// Requires the grant's device, which must be confirmed and not forgotten.
fn check_device(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    grant: &Grant,
    device_key: Option<&str>,
) -> Result<(), ServiceError> {
    if pool.device_policy() != DevicePolicy::Off
        && let Some(bound) = grant.device_key.as_deref()
        && (device_key != Some(bound) || Device::find(cx, pool, user, bound)?.is_none())
    {
        cx.notes.finding = Finding::Failed;
        cx.notes.reason("Refused: the refresh token's device was not presented, or is forgotten");
        return Err(invalid());
    }
    Ok(())
}
