//! `device client`: app clients of a pool.

mod secret;
mod settings;

use device_wire::requests::{
    CreateUserPoolClientRequest, DeleteUserPoolClientRequest, DescribeUserPoolClientRequest,
    ListUserPoolClientsRequest, UpdateUserPoolClientRequest,
};
use device_wire::shapes::UserPoolClientType;
use serde::Deserialize as _;

use crate::cli_error::CliError;
use crate::in_pool::{Caution, InPool};
use crate::output::{text, time};
use crate::prompt;
use crate::signed_call::{CallError, all_pages};
use settings::Settings;

/// The subcommands of `device client`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the app clients of a pool
    List(InPool),
    /// Show an app client. Its secret is in --json only.
    Show(NamedClient),
    /// Create an app client. A secret is printed this once.
    Create(CreateOptions),
    /// Change an app client. What is not given stays as it is.
    Update(UpdateOptions),
    /// Delete an app client. Apps that use it can no longer sign users in.
    Delete(DeleteOptions),
    /// List, add and delete the secrets of an app client, to replace one without an outage
    #[command(subcommand)]
    Secret(secret::Command),
}

/// An app client, by id.
#[derive(clap::Args)]
pub(crate) struct NamedClient {
    /// The app client's id
    client: String,

    #[command(flatten)]
    at: InPool,
}

/// Options of `device client create`.
#[derive(clap::Args)]
pub(crate) struct CreateOptions {
    /// The app client's name
    name: String,

    /// Give it a secret, for apps that run on a server
    #[arg(long)]
    secret: bool,

    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    at: InPool,
}

/// Options of `device client update`.
#[derive(clap::Args)]
pub(crate) struct UpdateOptions {
    /// The app client's id
    client: String,

    /// The new name
    #[arg(long)]
    name: Option<String>,

    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    at: InPool,
}

/// Options of `device client delete`.
#[derive(clap::Args)]
pub(crate) struct DeleteOptions {
    /// The app client's id
    client: String,

    #[command(flatten)]
    caution: Caution,

    #[command(flatten)]
    at: InPool,
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::List(at) => list(at),
        Command::Show(NamedClient { client, at }) => {
            let client = describe(at, client)?;
            at.format.one(&client, &fields(&client))
        }
        Command::Create(options) => create(options),
        Command::Update(options) => update(options),
        Command::Delete(options) => delete(options),
        Command::Secret(command) => secret::run(command),
    }
}

fn list(at: &InPool) -> Result<(), CliError> {
    let clients = all_pages(|next_token| {
        let request =
            ListUserPoolClientsRequest { next_token, ..ListUserPoolClientsRequest::new(&at.pool) };
        let page = at.call(&request)?;
        Ok((page.user_pool_clients, page.next_token))
    })?;
    at.format.list(&clients, ["CLIENT", "NAME"], |client| {
        [
            client.client_id.as_ref().map(|id| id.to_string()).unwrap_or_default(),
            text(client.client_name.as_ref()),
        ]
    })
}

fn describe(at: &InPool, client: &str) -> Result<UserPoolClientType, CallError> {
    let described = at.call(&DescribeUserPoolClientRequest::new(&at.pool, client))?;
    Ok(described.user_pool_client.unwrap_or_default())
}

fn create(options: &CreateOptions) -> Result<(), CliError> {
    let CreateOptions { name, secret, settings, at } = options;
    let mut request = CreateUserPoolClientRequest::new(&at.pool, name);
    request.generate_secret = secret.then_some(true);
    request.explicit_auth_flows = Some(settings.flows_or_default());
    request.token_validity_units = settings.units(None);
    request.access_token_validity = settings.access_token.map(|time| time.count);
    request.id_token_validity = settings.id_token.map(|time| time.count);
    request.refresh_token_validity = settings.refresh_token.map(|time| time.count);
    let created = at.call(&request)?.user_pool_client.unwrap_or_default();
    let mut fields = fields(&created);
    if let Some(secret) = &created.client_secret {
        fields.push(("secret", secret.to_string()));
    }
    at.format.one(&created, &fields)
}

fn update(options: &UpdateOptions) -> Result<(), CliError> {
    let UpdateOptions { client, name, settings, at } = options;
    if name.is_none() && settings.is_empty() {
        return Err(CliError::usage("nothing to change: give --name, --flow or a token's time"));
    }
    let before = describe(at, client)?;
    // The two shapes name their members alike. An update resets what it leaves out.
    let members = serde_json::to_value(&before).map_err(CliError::other)?;
    let mut request =
        UpdateUserPoolClientRequest::deserialize(&members).map_err(CliError::other)?;
    request.token_validity_units = settings.units(request.token_validity_units);
    if let Some(name) = name {
        request.client_name = Some(name.clone());
    }
    if let Some(flows) = settings.flows() {
        request.explicit_auth_flows = Some(flows);
    }
    if let Some(time) = settings.access_token {
        request.access_token_validity = Some(time.count);
    }
    if let Some(time) = settings.id_token {
        request.id_token_validity = Some(time.count);
    }
    if let Some(time) = settings.refresh_token {
        request.refresh_token_validity = Some(time.count);
    }
    let updated = at.call(&request)?.user_pool_client.unwrap_or_default();
    at.format.one(&updated, &fields(&updated))
}

fn delete(options: &DeleteOptions) -> Result<(), CliError> {
    let DeleteOptions { client, caution, at } = options;
    let name = text(describe(at, client)?.client_name.as_ref());
    if caution.dry_run {
        return at.format.done(format!("would delete the app client {client} ({name})"));
    }
    prompt::confirm(&format!("Delete the app client {client} ({name})?"), caution.yes)?;
    at.call(&DeleteUserPoolClientRequest::new(&at.pool, &**client))?;
    at.format.done(format!("deleted the app client {client} ({name})"))
}

fn fields(client: &UserPoolClientType) -> Vec<(&'static str, String)> {
    let flows = client.explicit_auth_flows.iter().flatten().map(settings::flow_name);
    let units = client.token_validity_units.clone().unwrap_or_default();
    let time_of = settings::time_text;
    vec![
        ("client", client.client_id.as_ref().map(|id| id.to_string()).unwrap_or_default()),
        ("name", text(client.client_name.as_ref())),
        ("created", time(client.creation_date)),
        ("flows", flows.collect::<Vec<_>>().join(", ")),
        ("access token", time_of(client.access_token_validity, units.access_token, "hours")),
        ("id token", time_of(client.id_token_validity, units.id_token, "hours")),
        ("refresh token", time_of(client.refresh_token_validity, units.refresh_token, "days")),
    ]
}
