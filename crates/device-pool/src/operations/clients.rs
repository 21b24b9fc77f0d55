//! App clients.

use device_wire::enums::{ClientTypeType, ExplicitAuthFlowsType};
use device_wire::requests::{
    CreateUserPoolClientRequest, DeleteUserPoolClientRequest, DescribeUserPoolClientRequest,
    ListUserPoolClientsRequest, UpdateUserPoolClientRequest,
};
use device_wire::responses::{
    CreateUserPoolClientResponse, DescribeUserPoolClientResponse, ListUserPoolClientsResponse,
    UpdateUserPoolClientResponse,
};
use device_wire::shapes::{UserPoolClientDescription, UserPoolClientType};
use device_wire::{Sensitive, Timestamp};

use crate::command::context::Context;
use crate::command::page::{self, Page, page_length};
use crate::command::transaction::Entity as _;
use crate::error::ServiceError;
use crate::host::development::CHOSEN_CLIENT_ID;
use crate::host::moment::{days, hours, minutes};
use crate::records::app_client::{AppClient, PoolClient};
use crate::records::client_secret::ClientSecret;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::resource;

const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// `CreateUserPoolClient`.
pub(crate) fn create(
    cx: &mut Context<'_, '_>,
    request: CreateUserPoolClientRequest,
) -> Result<CreateUserPoolClientResponse, ServiceError> {
    check_secret_store(request.publish_secrets_in_aws_secrets_manager)?;
    let id = match chosen_id(cx, &request)? {
        Some(id) => id,
        None => cx.random_text(ALPHABET, 26),
    };
    let client = put_new(cx, id, request)?;
    Ok(CreateUserPoolClientResponse { user_pool_client: Some(with_defaults(client)) })
}

/// The id that the caller chose by a prefix of the name, where ids may be chosen. LocalStack knows
/// the same prefix.
fn chosen_id(
    cx: &mut Context<'_, '_>,
    request: &CreateUserPoolClientRequest,
) -> Result<Option<String>, ServiceError> {
    let named = request.client_name.strip_prefix(CHOSEN_CLIENT_ID);
    let Some(id) = named.filter(|_| cx.development.chosen_ids) else { return Ok(None) };
    if cx.tx.find::<AppClient>(id)?.is_some() {
        let message = format!("{CHOSEN_CLIENT_ID} there is an app client {id}.");
        return Err(ServiceError::invalid(message));
    }
    check_id(id)?;
    Ok(Some(id.to_owned()))
}

/// Refuses a client id that the service's model does not allow.
pub(crate) fn check_id(id: &str) -> Result<(), ServiceError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '+';
    if (1..=128).contains(&id.len()) && id.chars().all(fits) {
        return Ok(());
    }
    Err(ServiceError::invalid(format!(
        "{id} is no client id: it has up to 128 letters, digits, _ and +."
    )))
}

/// Stores a new client.
pub(crate) fn put_new(
    cx: &mut Context<'_, '_>,
    id: String,
    request: CreateUserPoolClientRequest,
) -> Result<AppClient, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let secret = match request.client_secret.clone() {
        Some(secret) => Some(secret),
        None if request.generate_secret == Some(true) => Some(Sensitive::from(generate_secret(cx))),
        None => None,
    };
    let now = Timestamp::from(cx.now());
    let description = UserPoolClientType {
        client_id: Some(Sensitive::from(id.clone())),
        client_secret: None,
        creation_date: Some(now),
        last_modified_date: Some(now),
        ..settings(request.into())
    };
    let mut secrets = Vec::new();
    if let Some(value) = secret {
        let keys = PoolKeys::load(cx, &pool.id)?;
        let secret_id = cx.uuid().to_string();
        secrets.push(ClientSecret::new(cx, &keys, &id, secret_id, value)?);
    }
    let client = AppClient { id: id.clone(), pool_id: pool.id.clone(), description, secrets };
    check(&pool, &client)?;
    cx.tx.put(&PoolClient { pool_id: pool.id, client_id: id })?;
    cx.tx.put(&client)?;
    Ok(client)
}

/// A new secret in the service's form.
pub(crate) fn generate_secret(cx: &mut Context<'_, '_>) -> String {
    cx.random_text(ALPHABET, 51)
}

/// The settings in a request, with the service's defaults for the rest.
fn settings(mut settings: UserPoolClientType) -> UserPoolClientType {
    settings.refresh_token_validity.get_or_insert(30);
    settings.enable_token_revocation.get_or_insert(true);
    settings.auth_session_validity.get_or_insert(3);
    settings
}

/// `DescribeUserPoolClient`.
pub(crate) fn describe(
    cx: &mut Context<'_, '_>,
    request: DescribeUserPoolClientRequest,
) -> Result<DescribeUserPoolClientResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    Ok(DescribeUserPoolClientResponse { user_pool_client: Some(with_defaults(client)) })
}

/// A client with the members that the service always returns.
fn with_defaults(client: AppClient) -> UserPoolClientType {
    let AppClient { description: mut client, secrets, .. } = client;
    client.client_secret = secrets.into_iter().next().map(|secret| secret.value);
    client.token_validity_units.get_or_insert_default();
    client.allowed_o_auth_flows_user_pool_client.get_or_insert(false);
    client.enable_propagate_additional_user_context_data.get_or_insert(false);
    client
}

/// `UpdateUserPoolClient`. Settings that the request omits return to their defaults.
pub(crate) fn update(
    cx: &mut Context<'_, '_>,
    request: UpdateUserPoolClientRequest,
) -> Result<UpdateUserPoolClientResponse, ServiceError> {
    check_secret_store(request.publish_secrets_in_aws_secrets_manager)?;
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let mut client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    let old = client.description;
    let updated = settings(request.into());
    client.description = UserPoolClientType {
        client_id: old.client_id,
        client_name: updated.client_name.or(old.client_name),
        client_secret: None,
        creation_date: old.creation_date,
        last_modified_date: Some(Timestamp::from(cx.now())),
        ..updated
    };
    check(&pool, &client)?;
    cx.tx.put(&client)?;
    Ok(UpdateUserPoolClientResponse { user_pool_client: Some(with_defaults(client)) })
}

/// `DeleteUserPoolClient`. Its refresh tokens and, for this service, its access tokens become
/// invalid.
pub(crate) fn delete(
    cx: &mut Context<'_, '_>,
    request: DeleteUserPoolClientRequest,
) -> Result<(), ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    let client = AppClient::of_pool(cx, &pool, &request.client_id)?;
    cx.tx.delete::<PoolClient>(&PoolClient { pool_id: pool.id, client_id: client.id.clone() }.id());
    cx.tx.delete::<AppClient>(&client.id);
    resource::delete_of_client(cx, &client);
    Ok(())
}

/// `ListUserPoolClients`, in the order of their ids.
pub(crate) fn list(
    cx: &mut Context<'_, '_>,
    request: ListUserPoolClientsRequest,
) -> Result<ListUserPoolClientsResponse, ServiceError> {
    let pool = Pool::load(cx, &request.user_pool_id)?;
    if request.client_type == Some(ClientTypeType::Dcr) {
        // Clients that register themselves are not supported.
        return Ok(ListUserPoolClientsResponse {
            user_pool_clients: Some(Vec::new()),
            next_token: None,
        });
    }
    let id_of = |client_id: String| PoolClient { pool_id: pool.id.clone(), client_id }.id();
    let after = page::position(request.next_token.as_deref())?.map(id_of);
    let length = page_length(request.max_results);
    let page: Page<PoolClient> =
        Page::scan(&cx.tx, &id_of(String::new()), after, length, |_| true)?;
    let next_token = page.next_token(|last| last.client_id.clone());
    let mut clients = Vec::with_capacity(page.items.len());
    for PoolClient { client_id, .. } in page.items {
        // Skip a client that was deleted after the scan.
        let Some(client) = cx.tx.find::<AppClient>(&client_id)? else { continue };
        clients.push(UserPoolClientDescription {
            client_id: client.description.client_id,
            user_pool_id: Some(pool.id.clone()),
            client_name: client.description.client_name,
        });
    }
    Ok(ListUserPoolClientsResponse { user_pool_clients: Some(clients), next_token })
}

/// Refuses to keep a client secret in AWS Secrets Manager: this server has none.
fn check_secret_store(publish: Option<bool>) -> Result<(), ServiceError> {
    if publish == Some(true) {
        return Err(ServiceError::invalid(
            "PublishSecretsInAWSSecretsManager is not supported by this server: leave it out, and \
             the client secret is returned.",
        ));
    }
    Ok(())
}

/// Refuses settings that contradict each other or the pool.
fn check(pool: &Pool, client: &AppClient) -> Result<(), ServiceError> {
    check_lifetimes(client)?;
    let flows = client.description.explicit_auth_flows.as_deref().unwrap_or_default();
    let newer = flows.iter().filter(|flow| flow.as_str().starts_with("ALLOW_")).count();
    if newer > 0 && newer < flows.len() {
        return Err(ServiceError::invalid(
            "Invalid ExplicitAuthFlows: those that start with ALLOW_ can't be combined with those \
             that do not.",
        ));
    }
    if client.rotates() && flows.contains(&ExplicitAuthFlowsType::AllowRefreshTokenAuth) {
        return Err(ServiceError::invalid(
            "Refresh token rotation can't be enabled together with ALLOW_REFRESH_TOKEN_AUTH.",
        ));
    }
    for (kind, names) in [
        ("read", &client.description.read_attributes),
        ("write", &client.description.write_attributes),
    ] {
        let names = names.as_deref().unwrap_or_default();
        if names.iter().any(|name| pool.check_attribute(name).is_err()) {
            return Err(ServiceError::invalid(format!(
                "Invalid {kind} attributes specified while creating a client"
            )));
        }
    }
    Ok(())
}

fn check_lifetimes(client: &AppClient) -> Result<(), ServiceError> {
    let short = minutes(5)..=days(1);
    if !short.contains(&client.access_token_life()) {
        return Err(ServiceError::invalid(
            "Invalid range for token validity: access tokens live 5 minutes to 1 day.",
        ));
    }
    if !short.contains(&client.id_token_life()) {
        return Err(ServiceError::invalid(
            "Invalid range for token validity: id tokens live 5 minutes to 1 day.",
        ));
    }
    if !(hours(1)..=days(3650)).contains(&client.refresh_token_life()) {
        return Err(ServiceError::invalid(
            "Invalid range for token validity: refresh tokens live 1 hour to 3650 days.",
        ));
    }
    Ok(())
}
