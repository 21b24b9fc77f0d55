//! `device client secret`: the secrets of an app client.

use device_wire::requests::{
    AddUserPoolClientSecretRequest, DeleteUserPoolClientSecretRequest,
    ListUserPoolClientSecretsRequest,
};

use super::NamedClient;
use crate::cli_error::CliError;
use crate::in_pool::InPool;
use crate::output::{text, time};
use crate::signed_call::all_pages;

/// The subcommands of `device client secret`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the secrets of an app client: when each was made, and not what it is
    List(NamedClient),
    /// Add a secret beside the present one. It is printed this once.
    Add(NamedClient),
    /// Delete a secret. Apps that still use it can no longer sign users in.
    Delete(DeleteOptions),
}

/// Options of `device client secret delete`.
#[derive(clap::Args)]
pub(crate) struct DeleteOptions {
    /// The app client's id
    client: String,

    /// The secret's id, as `device client secret list` prints it
    secret: String,

    #[command(flatten)]
    at: InPool,
}

pub(super) fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::List(NamedClient { client, at }) => {
            let secrets = all_pages(|next_token| {
                let request = ListUserPoolClientSecretsRequest {
                    next_token,
                    ..ListUserPoolClientSecretsRequest::new(&at.pool, &**client)
                };
                let page = at.call(&request)?;
                Ok((page.client_secrets, page.next_token))
            })?;
            at.format.list(&secrets, ["SECRET", "CREATED"], |secret| {
                [text(secret.client_secret_id.as_ref()), time(secret.client_secret_create_date)]
            })
        }
        Command::Add(NamedClient { client, at }) => {
            let request = AddUserPoolClientSecretRequest::new(&at.pool, &**client);
            let added = at.call(&request)?.client_secret_descriptor.unwrap_or_default();
            let value = added.client_secret_value.as_ref();
            let fields = [
                ("id", text(added.client_secret_id.as_ref())),
                ("secret", value.map(|secret| secret.to_string()).unwrap_or_default()),
            ];
            at.format.one(&added, &fields)
        }
        Command::Delete(DeleteOptions { client, secret, at }) => {
            at.call(&DeleteUserPoolClientSecretRequest::new(&at.pool, &**client, secret))?;
            at.format.done(format!("deleted the secret {secret} of the app client {client}"))
        }
    }
}
