//! `device key`: adds, lists and revokes access keys of a running server.

use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use device_server::{
    ACCESS_KEYS_PATH, ADD_ACCESS_KEY_TARGET, AccessKeyInfo, AccessKeys, AddedAccessKey,
    LIST_ACCESS_KEYS_TARGET, NewAccessKey, REVOKE_ACCESS_KEY_TARGET, RevokedName, Role,
};
use serde_json::{Value, json};

use crate::signed_call::Connection;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The subcommands of `device key`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Add an access key, and print it. Its secret is shown this once.
    Add(AddOptions),
    /// List the access keys that were added.
    List(Connection),
    /// Revoke an access key. It takes effect at once and ends the key's sessions in the console.
    Revoke(RevokeOptions),
}

/// Options of `device key add`.
#[derive(clap::Args)]
pub(crate) struct AddOptions {
    /// The key's name, which the audit trail shows: letters, digits and @._+-
    name: String,

    /// Permit reading only
    #[arg(long)]
    read_only: bool,

    /// A pool that the key is for; repeat it or separate by commas for more [default: all]
    #[arg(long, value_name = "POOL ID", value_delimiter = ',')]
    pool: Vec<String>,

    /// Days after which the key ends [default: never]
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,

    #[command(flatten)]
    server: Connection,
}

/// Options of `device key revoke`.
#[derive(clap::Args)]
pub(crate) struct RevokeOptions {
    /// The key's name
    name: String,

    #[command(flatten)]
    server: Connection,
}

pub(crate) fn run(command: Command) -> Result<(), Box<dyn std::error::Error>> {
    let mut out = io::stdout().lock();
    match command {
        Command::Add(options) => {
            let role = if options.read_only { Role::ReadOnly } else { Role::Full };
            let pools = (!options.pool.is_empty()).then_some(options.pool);
            let new = NewAccessKey { name: options.name, role, pools, days: options.days };
            let added: AddedAccessKey =
                options.server.call(ACCESS_KEYS_PATH, ADD_ACCESS_KEY_TARGET, &new)?;
            writeln!(out, "access key id      {}", added.key.id)?;
            writeln!(out, "secret access key  {}", *added.secret)?;
        }
        Command::List(server) => {
            let AccessKeys { keys, void } =
                server.call(ACCESS_KEYS_PATH, LIST_ACCESS_KEYS_TARGET, &json!({}))?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
            let now = i64::try_from(now)?;
            for key in keys {
                writeln!(out, "{}", line(&key, now))?;
            }
            for key in void {
                writeln!(
                    out,
                    "{}  (void: the server has another key of its own)",
                    line(&key, now)
                )?;
            }
        }
        Command::Revoke(RevokeOptions { name, server }) => {
            let members = RevokedName { name };
            let _: Value = server.call(ACCESS_KEYS_PATH, REVOKE_ACCESS_KEY_TARGET, &members)?;
        }
    }
    Ok(())
}

/// The line that lists a key.
fn line(key: &AccessKeyInfo, now: i64) -> String {
    let AccessKeyInfo { id, name, .. } = key;
    let role = if key.role == Role::Full { "full" } else { "read-only" };
    let end = match key.expires_at.map(|end| (end - now + DAY - 1) / DAY) {
        None => "does not end".to_owned(),
        Some(1) => "ends in 1 day".to_owned(),
        Some(days) => format!("ends in {days} days"),
    };
    let pools = key.pools.as_ref().map_or_else(|| "all pools".to_owned(), |ids| ids.join(", "));
    format!("{name:<24}  {id}  {role:<9}  {end:<17}  {pools}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_a_key_ends() {
        for (end, expected) in [
            (None, "does not end       all pools"),
            (Some(1), "ends in 1 day      all pools"),
            (Some(DAY), "ends in 1 day      all pools"),
            (Some(DAY + 1), "ends in 2 days     all pools"),
        ] {
            let key = json!({ "id": "DEVICEX", "name": "ada", "role": "full", "created": 0,
                "expiresAt": end });
            let key: AccessKeyInfo = serde_json::from_value(key).unwrap();
            assert_eq!(line(&key, 0), format!("{:<24}  DEVICEX  full       {expected}", "ada"));
        }
    }
}
