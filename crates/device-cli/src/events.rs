//! `device events`: the audit trail as it happened, with the reasons of every decision.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use device_server::AuditEventsRequest;
use device_wire::requests::{AdminGetUserRequest, AdminListUserAuthEventsRequest};
use device_wire::shapes::AuthEventType;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Value;

use crate::cli_error::CliError;
use crate::output::{self, Format, text, time};
use crate::people;
use crate::signed_call::{CallError, Connection};
use crate::time_argument::Since;
use crate::utc::utc;

/// The subcommands of `device events`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List events, the latest first, with the reasons why MFA was asked or skipped.
    ///
    /// At Cognito, these are the sign-in events of one user.
    List(ListOptions),
    /// Write events as lines of JSON: of all pools, and what administrators did.
    ///
    /// They come by pool and user, and not in the order of time (their member `at`). `device serve
    /// --audit-file` writes the same lines as they happen; `device audit export` writes a pool's
    /// events so that it can be proven that none is missing.
    Export(ExportOptions),
}

/// Which events.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// Only events of this pool, also of a deleted one
    #[arg(long, env = "DEVICE_POOL", value_name = "POOL ID")]
    pool: Option<String>,

    /// Only events of this user of the pool
    #[arg(long, requires = "pool")]
    user: Option<String>,

    /// Only events since then: 2026-11-29, 2026-11-29T14:10Z, or an age like 7d
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,

    #[command(flatten)]
    server: Connection,
}

/// Options of `device events list`.
#[derive(clap::Args)]
pub(crate) struct ListOptions {
    /// The number of events
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    limit: usize,

    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    format: Format,
}

/// Options of `device events export`.
#[derive(clap::Args)]
pub(crate) struct ExportOptions {
    #[command(flatten)]
    which: Which,
}

/// The part of an event that is listed.
#[derive(Deserialize)]
struct Event {
    at: i64,
    #[serde(default)]
    pool_id: String,
    sub: Option<String>,
    operation: String,
    outcome: String,
    error: Option<String>,
    actor: Value,
    ip: Option<String>,
    #[serde(default)]
    reasons: Vec<String>,
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    match command {
        Command::List(options) => list(options),
        Command::Export(options) => export(options),
    }
}

fn list(options: &ListOptions) -> Result<(), CliError> {
    let ListOptions { limit, which, format } = options;
    if which.server.place()?.is_amazon() {
        return list_of_service(options);
    }
    // The latest ones, by time; of one time, in the order in which they came.
    let mut latest: BTreeMap<(i64, usize), Value> = BTreeMap::new();
    let mut number = 0;
    each(which, |event| {
        let at = event.get("at").and_then(Value::as_i64).unwrap_or_default();
        number += 1;
        latest.insert((at, usize::MAX - number), event);
        if latest.len() > *limit {
            latest.pop_first();
        }
        Ok(())
    })?;
    let events: Vec<Value> = latest.into_values().rev().collect();
    if format.json {
        return output::json(&events);
    }
    let events: Vec<Event> = events
        .into_iter()
        .map(serde_json::from_value)
        .collect::<Result<_, _>>()
        .map_err(CliError::other)?;
    let columns = ["TIME", "POOL", "USER", "OPERATION", "OUTCOME", "BY", "ADDRESS", "WHY"];
    output::table(columns, events.into_iter().map(Event::row).collect())
}

impl Event {
    fn row(self) -> [String; 8] {
        let Self { error, reasons, .. } = self;
        let outcome = self.outcome.replace('_', " ");
        let actor = match &self.actor {
            Value::String(actor) => actor.clone(),
            administrator => match administrator.get("administrator").and_then(Value::as_str) {
                Some(key) => format!("administrator {key}"),
                None => "administrator".to_owned(),
            },
        };
        let why: Vec<String> = error.into_iter().chain(reasons).collect();
        [
            utc(self.at),
            self.pool_id,
            self.sub.unwrap_or_default(),
            self.operation,
            outcome,
            actor,
            self.ip.unwrap_or_default(),
            why.join("; "),
        ]
    }
}

/// The sign-in events that the service keeps of a user.
fn list_of_service(options: &ListOptions) -> Result<(), CliError> {
    let ListOptions { limit, which, format } = options;
    let (Some(pool), Some(user)) = (&which.pool, &which.user) else {
        return Err(CliError::usage(
            "Cognito lists the events of one user: give --pool and --user",
        ));
    };
    let mut request = AdminListUserAuthEventsRequest::new(pool, &**user);
    let mut events: Vec<AuthEventType> = Vec::new();
    loop {
        let page = which.server.operation(&request)?;
        events.extend(page.auth_events.into_iter().flatten());
        request.next_token = page.next_token;
        if request.next_token.is_none() || events.len() >= *limit {
            break;
        }
    }
    if let Some(since) = which.since {
        let since = since.millis();
        events.retain(|event| event.creation_date.is_some_and(|at| at.as_millis() >= since));
    }
    events.truncate(*limit);
    format.list(&events, ["TIME", "EVENT", "OUTCOME", "ADDRESS", "DEVICE AND WHY"], |event| {
        let context = event.event_context_data.clone().unwrap_or_default();
        [
            time(event.creation_date),
            event.event_type.as_ref().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            event.event_response.as_ref().map(|end| end.as_str().to_owned()).unwrap_or_default(),
            text(context.ip_address.as_ref()),
            text(context.device_name.as_ref()),
        ]
    })
}

fn export(options: &ExportOptions) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    let style = ProgressStyle::with_template("{spinner} {pos} events").map_err(CliError::other)?;
    let bar = ProgressBar::no_length().with_style(style);
    each(&options.which, |event| {
        bar.inc(1);
        Ok(writeln!(out, "{event}")?)
    })?;
    bar.finish_and_clear();
    Ok(out.flush()?)
}

/// Calls a function with each event.
fn each(
    which: &Which,
    mut told: impl FnMut(Value) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut request = AuditEventsRequest::default();
    request.pool_id = which.pool.clone().unwrap_or_default();
    request.sub = which.user.as_ref().map(|user| sub_of(which, user)).transpose()?;
    request.since = which.since.map(Since::millis).unwrap_or_default();
    loop {
        let page = which.server.administer(&request)?;
        page.events.into_iter().try_for_each(&mut told)?;
        request.next = page.next;
        if request.next.is_none() {
            return Ok(());
        }
    }
}

/// The `sub` of a user, by which events name users. One that is given is taken as it is, since a
/// deleted user has no name any more.
fn sub_of(which: &Which, user: &str) -> Result<String, CallError> {
    let request = AdminGetUserRequest::new(which.pool.clone().unwrap_or_default(), user);
    match which.server.operation(&request) {
        Ok(shown) => {
            let attributes = shown.user_attributes.unwrap_or_default();
            Ok(people::attribute(&attributes, "sub"))
        }
        Err(CallError::Refused { code: Some(code), .. })
            if is_sub(user)
                && ["UserNotFoundException", "ResourceNotFoundException"].contains(&&*code) =>
        {
            Ok(user.to_owned())
        }
        Err(error) => Err(error),
    }
}

/// Whether a text has the form of a `sub`, a UUID.
fn is_sub(text: &str) -> bool {
    let is_in_form = |(place, c): (usize, char)| match place {
        8 | 13 | 18 | 23 => c == '-',
        _ => c.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.chars().enumerate().all(is_in_form)
}
