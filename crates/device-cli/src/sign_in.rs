//! `device sign-in`, `device whoami` and `device sign-out`: a user on this machine.

mod questions;

use std::path::PathBuf;

use device_auth::{Credentials, RememberChoice, SessionDevice};
use serde_json::json;

use crate::cli_error::CliError;
use crate::output::{self, Format, say};
use crate::prompt;
use crate::session::{Session, SignInPlace};
use crate::signed_call::Connection;
use crate::utc::utc;

/// Options of `device sign-in`.
#[derive(clap::Args)]
pub(crate) struct SignInOptions {
    /// The user's name [default: asked for]
    user: Option<String>,

    /// The pool's id
    #[arg(long, env = "DEVICE_POOL", value_name = "POOL ID")]
    pool: String,

    /// The app client's id
    #[arg(long, env = "DEVICE_CLIENT", value_name = "CLIENT ID")]
    client: String,

    /// A file with the app client's secret, if it has one. Later commands read it, too
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,

    /// Send the password instead of proving it, as app clients with the flow `password` want
    #[arg(long)]
    send_password: bool,

    /// Do not have this machine remembered
    #[arg(long)]
    do_not_remember: bool,

    /// The name of this machine that the user sees [default: its host name]
    #[arg(long, value_name = "NAME")]
    device_name: Option<String>,

    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

/// Options of `device sign-out`.
#[derive(clap::Args)]
pub(crate) struct SignOutOptions {
    /// End all sessions of the user, on all devices
    #[arg(long)]
    everywhere: bool,

    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(options: &SignInOptions) -> Result<(), CliError> {
    let place = options.server.place()?;
    let secret_file = options.client_secret_file.as_deref().map(std::path::absolute).transpose()?;
    let place = SignInPlace {
        pool: options.pool.clone(),
        client: options.client.clone(),
        client_secret_file: secret_file,
        url: place.url.to_string(),
        region: place.region,
    };
    let name = options.device_name.clone().unwrap_or_else(host_name);
    let session = Session::at(place, Some(&name))?;
    let user = match &options.user {
        Some(user) => user.clone(),
        None => prompt::line("User")?,
    };
    let password = prompt::secret("Password")?;
    let credentials = if options.send_password {
        Credentials::password(user, password)
    } else {
        Credentials::srp(user, password)
    };
    let remember = if options.do_not_remember {
        RememberChoice::DoNotRemember
    } else {
        RememberChoice::Remember
    };
    let step = session.run(session.auth.sign_in_with(credentials, remember))?;
    let signed_in = questions::answer_all(&session, step)?;
    session.place.write()?;
    let (state, sentence) = match &signed_in.device {
        SessionDevice::Remembered { .. } => ("remembered", "this machine is remembered"),
        SessionDevice::Tracked { .. } => {
            ("known, not remembered", "this machine is known, and not remembered")
        }
        _ => ("not known", "this machine is not known: the pool remembers no devices"),
    };
    let user = &signed_in.session.username;
    let warnings: Vec<String> = signed_in.warnings.iter().map(ToString::to_string).collect();
    if options.format.json {
        let key = session.auth.current_device_key();
        return output::json(&json!({
            "user": user, "device": { "key": key, "state": state }, "warnings": warnings,
        }));
    }
    for warning in warnings {
        say(format!("warning: {warning}"))?;
    }
    say(format!("signed in as {user}"))?;
    say(sentence)
}

pub(crate) fn who_am_i(format: Format) -> Result<(), CliError> {
    let session = Session::restored()?;
    let user = session.run(session.auth.fetch_user())?;
    let now = session.run(session.auth.session())?;
    let device = session.device_state()?;
    let key = session.auth.current_device_key().unwrap_or_default();
    let until = now.expires_at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let until = i64::try_from(until.as_millis()).unwrap_or(i64::MAX);
    let SignInPlace { pool, client, url, .. } = &session.place;
    let attributes = &*user.attributes;
    let shown = json!({
        "user": user.username, "attributes": attributes, "pool": pool, "client": client,
        "url": url, "device": { "key": key, "state": device }, "accessTokenExpires": until,
    });
    let mut fields = vec![("user", user.username.clone())];
    for (name, value) in attributes {
        fields.push((name, value.clone()));
    }
    fields.extend([
        ("pool", pool.clone()),
        ("client", client.clone()),
        ("server", url.clone()),
        ("device", if key.is_empty() { device.to_owned() } else { format!("{key}, {device}") }),
        ("token until", utc(until)),
    ]);
    format.one(&shown, &fields)
}

pub(crate) fn sign_out(options: &SignOutOptions) -> Result<(), CliError> {
    let session = Session::restored()?;
    if options.everywhere {
        session.run(session.auth.global_sign_out())?;
        return options.format.done("signed out on all devices");
    }
    session.run(session.auth.sign_out())?;
    options.format.done("signed out; this machine stays known")
}

/// The name of this machine.
fn host_name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    if name.is_empty() { "a terminal".to_owned() } else { name }
}
