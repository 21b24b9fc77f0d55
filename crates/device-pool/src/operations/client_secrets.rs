//! Secrets of app clients: a second one lets operators replace the first without a pause.

use device_wire::requests::{
    AddUserPoolClientSecretRequest, DeleteUserPoolClientSecretRequest,
    ListUserPoolClientSecretsRequest,
};
use device_wire::responses::{
    AddUserPoolClientSecretResponse, DeleteUserPoolClientSecretResponse,
    ListUserPoolClientSecretsResponse,
};
use device_wire::shapes::ClientSecretDescriptorType;
use device_wire::{ErrorCode, Sensitive, Timestamp};

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::operations::clients::generate_secret;
use crate::records::app_client::AppClient;
use crate::records::client_secret::ClientSecret;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;

/// The maximum number of secrets of an app client.
const MAX_SECRETS: usize = 2;

/// `AddUserPoolClientSecret`. A generated secret is shown in this response alone.
pub(crate) fn add(
    cx: &mut Context<'_, '_>,
    request: AddUserPoolClientSecretRequest,
) -> Result<AddUserPoolClientSecretResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    if client.secrets.is_empty() {
        return Err(ServiceError::invalid(
            "The app client was created without a secret and cannot have one.",
        ));
    }
    if client.secrets.len() >= MAX_SECRETS {
        return Err(ServiceError::new(
            ErrorCode::LimitExceeded,
            format!("An app client can have at most {MAX_SECRETS} secrets. Delete one first."),
        ));
    }
    let generated = request.client_secret.is_none();
    let value = request.client_secret.unwrap_or_else(|| Sensitive::from(generate_secret(cx)));
    let keys = PoolKeys::load(cx, &pool.id)?;
    let id = cx.uuid().to_string();
    let secret = ClientSecret::new(cx, &keys, &client.id, id, value)?;
    let descriptor = ClientSecretDescriptorType {
        client_secret_value: generated.then(|| secret.value.clone()),
        ..secret.describe()
    };
    client.secrets.push(secret);
    client.description.last_modified_date = Some(Timestamp::from(cx.now()));
    cx.tx.put(&client)?;
    Ok(AddUserPoolClientSecretResponse { client_secret_descriptor: Some(descriptor) })
}

/// `ListUserPoolClientSecrets`, the oldest first. There are too few for a second page.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListUserPoolClientSecretsRequest,
) -> Result<ListUserPoolClientSecretsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    let secrets = client.secrets.iter().map(ClientSecret::describe).collect();
    Ok(ListUserPoolClientSecretsResponse { client_secrets: Some(secrets), next_token: None })
}

/// `DeleteUserPoolClientSecret`. The last one stays, or the client would become public.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteUserPoolClientSecretRequest,
) -> Result<DeleteUserPoolClientSecretResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    let known = client.secrets.len();
    client.secrets.retain(|secret| secret.id != request.client_secret_id);
    if client.secrets.len() == known {
        return Err(ServiceError::not_found(format!(
            "Client secret {} does not exist.",
            request.client_secret_id
        )));
    }
    if client.secrets.is_empty() {
        return Err(ServiceError::invalid("The only secret of an app client cannot be deleted."));
    }
    client.description.last_modified_date = Some(Timestamp::from(cx.now()));
    cx.tx.put(&client)?;
    Ok(DeleteUserPoolClientSecretResponse {})
}
