//! `device pool`: what user pools do with devices, shown and set.

mod setting;

use std::io::{self, Write};

use device_wire::requests::{
    DescribeUserPoolRequest, ListUserPoolsRequest, TagResourceRequest, UntagResourceRequest,
    UpdateUserPoolRequest,
};
use device_wire::shapes::UserPoolType;
use serde_json::json;

use crate::signed_call::{CallError, Connection};
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

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `device pool show`.
#[derive(clap::Args)]
pub(crate) struct ShowOptions {
    /// The pool's id
    pool: String,

    #[command(flatten)]
    server: Connection,

    /// Print JSON
    #[arg(long)]
    json: bool,
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

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Why a command about a pool or its settings failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{0}")]
    Setting(String),
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

pub(crate) fn run(command: &Command) -> Result<(), PoolError> {
    let mut out = io::stdout().lock();
    match command {
        Command::List(options) => list(options, &mut out),
        Command::Show(options) => {
            let pool = describe(&options.server, &options.pool)?;
            show(&pool, options.json, &mut out)
        }
        Command::Set(options) => set(options, &mut out),
    }
}

fn list(options: &ListOptions, out: &mut impl Write) -> Result<(), PoolError> {
    let mut request = ListUserPoolsRequest::new(PAGE);
    let mut pools = Vec::new();
    loop {
        let page = options.server.operation(&request)?;
        pools.extend(page.user_pools.into_iter().flatten());
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    let named = |text: Option<String>| text.unwrap_or_default();
    let pools: Vec<_> = pools.into_iter().map(|pool| (named(pool.id), named(pool.name))).collect();
    if options.json {
        let pools: Vec<_> =
            pools.iter().map(|(id, name)| json!({ "id": id, "name": name })).collect();
        writeln!(out, "{:#}", json!(pools))?;
        return Ok(());
    }
    let width = pools.iter().map(|(id, _)| id.len()).max().unwrap_or(0);
    for (id, name) in &pools {
        writeln!(out, "{id:width$}  {name}")?;
    }
    if pools.is_empty() {
        let url = &options.server.url;
        writeln!(out, "no user pools: make one with CreateUserPool or at {url}console/new-pool")?;
    }
    Ok(())
}

fn describe(server: &Connection, id: &str) -> Result<UserPoolType, CallError> {
    let described = server.operation(&DescribeUserPoolRequest::new(id))?;
    Ok(described.user_pool.unwrap_or_default())
}

fn show(pool: &UserPoolType, json: bool, out: &mut impl Write) -> Result<(), PoolError> {
    let shown = Shown::of(pool);
    if json {
        writeln!(out, "{:#}", shown.json())?;
    } else {
        write!(out, "{shown}")?;
    }
    Ok(())
}

fn set(options: &SetOptions, out: &mut impl Write) -> Result<(), PoolError> {
    let SetOptions { pool: id, settings, server, json } = options;
    let changes = Changes::read(settings).map_err(PoolError::Setting)?;
    let pool = describe(server, id)?;
    let devices = changes.devices(&pool).map_err(PoolError::Setting)?;
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
    show(&describe(server, id)?, *json, out)
}
