//! App clients.

use device_wire::{
    CreateUserPoolClientRequest, CreateUserPoolClientResponse, Sensitive, Timestamp, UserPoolClientType,
};

use crate::client::{Client, PoolClient};
use crate::context::Context;
use crate::error::ServiceError;
use crate::pool::Pool;

const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// `CreateUserPoolClient`.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateUserPoolClientRequest,
) -> Result<CreateUserPoolClientResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let id = cx.random_text(ALPHABET, 26);
    let secret = match request.client_secret.clone() {
        Some(secret) => Some(secret),
        None if request.generate_secret == Some(true) => Some(Sensitive::from(cx.random_text(ALPHABET, 51))),
        None => None,
    };
    let now = Timestamp::from_millis(cx.now());
    // Members have the same names in the request and in the description, so the one is read as the other.
    let same = |e: serde_json::Error| ServiceError::internal(format!("client settings: {e}"));
    let settings: UserPoolClientType =
        serde_json::from_value(serde_json::to_value(&request).map_err(same)?).map_err(same)?;
    let description = UserPoolClientType {
        client_id: Some(Sensitive::from(id.clone())),
        client_secret: secret,
        creation_date: Some(now),
        last_modified_date: Some(now),
        refresh_token_validity: Some(settings.refresh_token_validity.unwrap_or(30)),
        enable_token_revocation: Some(settings.enable_token_revocation.unwrap_or(true)),
        auth_session_validity: Some(settings.auth_session_validity.unwrap_or(3)),
        ..settings
    };
    let client = Client { id: id.clone(), pool_id: pool.id.clone(), description };
    check_lifetimes(&client)?;
    cx.tx.put(&PoolClient { pool_id: pool.id, client_id: id })?;
    cx.tx.put(&client)?;
    Ok(CreateUserPoolClientResponse { user_pool_client: Some(client.description) })
}

fn check_lifetimes(client: &Client) -> Result<(), ServiceError> {
    let short = 5 * MINUTE..=DAY;
    if !short.contains(&client.access_token_seconds()) {
        return Err(ServiceError::invalid(
            "Invalid range for token validity: access tokens live 5 minutes to 1 day.",
        ));
    }
    if !short.contains(&client.id_token_seconds()) {
        return Err(ServiceError::invalid(
            "Invalid range for token validity: id tokens live 5 minutes to 1 day.",
        ));
    }
    if !(HOUR..=3650 * DAY).contains(&client.refresh_token_seconds()) {
        return Err(ServiceError::invalid(
            "Invalid range for token validity: refresh tokens live 1 hour to 3650 days.",
        ));
    }
    Ok(())
}
