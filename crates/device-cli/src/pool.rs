//! `device pool`: what user pools do with devices, shown and set.

mod create;
mod setting;

use std::io::{self, Write};

use device_wire::requests::{
    DeleteUserPoolRequest, DescribeUserPoolRequest, ListUserPoolsRequest, TagResourceRequest,
    UntagResourceRequest, UpdateUserPoolRequest,
};
use device_wire::shapes::UserPoolType;
use serde_json::json;

use crate::cli_error::CliError;
use crate::in_pool::Caution;
use crate::output::{self, Format, count, text};
use crate::prompt;
use crate::signed_call::{CallError, Connection, all_pages};
use create::CreateOptions;
pub(crate) use setting::{Assignment, check_named_once};
use setting::{Changes, Shown};

/// The number of pools on a page: the most that the service gives.
const PAGE: i32 = 60;

/// The subcommands of `device pool`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the user pools
    List(ListOptions),
    /// Show what a user pool does with devices, in plain words
    Show(ShowOptions),
    /// Create a user pool
    Create(CreateOptions),
    /// Delete a user pool with all its users
    Delete(DeleteOptions),
    /// Set what a user pool does with devices. Everything else stays as it is.
    ///
    /// For example: `device pool set us-east-1_abc remember=opt-in suppress-mfa=on
    /// device:mfa-every=30d`. A tag without a value, such as `device:mfa-every=`, is removed. What
    /// would change can be tried first: `device policy try`.
    Set(SetOptions),
}

/// Options of `device pool list`.
#[derive(clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

/// Options of `device pool show`.
#[derive(clap::Args)]
pub(crate) struct ShowOptions {
    /// The pool's id
    pool: String,

    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

/// Options of `device pool set`.
#[derive(clap::Args)]
pub(crate) struct SetOptions {
    /// The pool's id
    pool: String,

    /// remember=always, opt-in or no; suppress-mfa=on or off; or a tag, such as
    /// device:mfa-every=30d
    #[arg(required = true, value_name = "NAME=VALUE")]
    settings: Vec<Assignment>,

    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

/// Options of `device pool delete`.
#[derive(clap::Args)]
pub(crate) struct DeleteOptions {
    /// The pool's id
    pool: String,

    #[command(flatten)]
    caution: Caution,

    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::List(options) => list(options),
        Command::Show(options) => {
            let pool = describe(&options.server, &options.pool)?;
            show(&pool, options.format)
        }
        Command::Create(options) => create::run(options),
        Command::Delete(options) => delete(options),
        Command::Set(options) => set(options),
    }
}

fn list(options: &ListOptions) -> Result<(), CliError> {
    let ListOptions { server, format } = options;
    let pools = all_pages(|next_token| {
        let request = ListUserPoolsRequest { next_token, ..ListUserPoolsRequest::new(PAGE) };
        let page = server.operation(&request)?;
        Ok((page.user_pools, page.next_token))
    })?;
    let pools: Vec<_> =
        pools.iter().map(|pool| (text(pool.id.as_ref()), text(pool.name.as_ref()))).collect();
    if format.json {
        let pools: Vec<_> =
            pools.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
        return output::json(&pools);
    }
    if pools.is_empty() {
        return output::say("no user pools: make one with `device pool create NAME`");
    }
    output::table(["POOL", "NAME"], pools.into_iter().map(|(id, name)| [id, name]).collect())
}

fn delete(options: &DeleteOptions) -> Result<(), CliError> {
    let DeleteOptions { pool: id, caution, server, format } = options;
    let pool = describe(server, id)?;
    let name = text(pool.name.as_ref());
    let users = usize::try_from(pool.estimated_number_of_users.unwrap_or(0)).unwrap_or(0);
    let users = count(users, "user", "users");
    if caution.dry_run {
        return format.done(format!("would delete the pool {id} ({name}) with {users}"));
    }
    prompt::confirm(&format!("Delete the pool {id} ({name}) with {users}?"), caution.yes)?;
    server.operation(&DeleteUserPoolRequest::new(id))?;
    format.done(format!("deleted the pool {id} ({name})"))
}

fn describe(server: &Connection, id: &str) -> Result<UserPoolType, CallError> {
    let described = server.operation(&DescribeUserPoolRequest::new(id))?;
    Ok(described.user_pool.unwrap_or_default())
}

fn show(pool: &UserPoolType, format: Format) -> Result<(), CliError> {
    let shown = Shown::of(pool);
    if format.json {
        return output::json(&shown.json());
    }
    Ok(write!(io::stdout().lock(), "{shown}")?)
}

fn set(options: &SetOptions) -> Result<(), CliError> {
    let SetOptions { pool: id, settings, server, format } = options;
    let changes = Changes::read(settings).map_err(CliError::Usage)?;
    let pool = describe(server, id)?;
    let devices = changes.devices(&pool).map_err(CliError::Usage)?;
    // One call, so that all of it is set or nothing. Tags alone have calls that touch nothing else.
    if devices.is_none() && changes.removed.is_empty() {
        let arn = pool.arn.unwrap_or_default();
        server.operation(&TagResourceRequest::new(arn, changes.set))?;
    } else if devices.is_none() && changes.set.is_empty() {
        let arn = pool.arn.unwrap_or_default();
        server.operation(&UntagResourceRequest::new(arn, changes.removed))?;
    } else {
        let tags = changes.tags(&pool);
        let devices = devices.unwrap_or_else(|| pool.device_configuration.clone());
        let update = UpdateUserPoolRequest {
            device_configuration: devices,
            user_pool_tags: Some(tags),
            ..UpdateUserPoolRequest::keeping(id, pool)
        };
        server.operation(&update)?;
    }
    show(&describe(server, id)?, *format)
}
