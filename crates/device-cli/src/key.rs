//! `device key`: access keys of a running server, and the replacement of its other keys.

use std::time::{SystemTime, UNIX_EPOCH};

use device_server::{
    ACCESS_KEYS_PATH, ADD_ACCESS_KEY_TARGET, AccessKeyInfo, AccessKeys, AddedAccessKey,
    LIST_ACCESS_KEYS_TARGET, NewAccessKey, REVOKE_ACCESS_KEY_TARGET, ROTATE_KEYS_TARGET,
    RevokedName, Role, RotateKeys, RotatedKeys,
};
use serde_json::{Value, json};

use crate::cli_error::CliError;
use crate::output::{self, Format};
use crate::signed_call::Connection;

const DAY: i64 = 24 * 60 * 60 * 1000;

/// The subcommands of `device key`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Add an access key, and print it. Its secret is shown this once.
    Add(AddOptions),
    /// List the access keys that were added.
    List(ListOptions),
    /// Replace a key now: the master key, data keys, or keys of pools that sign or seal.
    Rotate(RotateOptions),
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

    #[command(flatten)]
    format: Format,
}

/// Options of `device key list`.
#[derive(clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

/// Options of `device key revoke`.
#[derive(clap::Args)]
pub(crate) struct RevokeOptions {
    /// The key's name
    name: String,

    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

/// Options of `device key rotate`.
#[derive(clap::Args)]
pub(crate) struct RotateOptions {
    /// The keys to replace
    #[arg(value_enum, value_name = "KEYS")]
    which: RotatedKind,

    /// The pool whose keys to replace [default: all]
    #[arg(long, value_name = "POOL ID")]
    pool: Option<String>,

    #[command(flatten)]
    server: Connection,

    #[command(flatten)]
    format: Format,
}

/// The keys to replace.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum RotatedKind {
    /// The master key, which wraps the data keys. If it is not in the server's own file, put the
    /// new key before the former one first.
    Master,
    /// The data keys, under which secrets are stored. Tokens and sessions stay valid.
    Data,
    /// The keys that sign tokens. Issued tokens stay valid until they expire.
    Signing,
    /// The keys that seal sessions and links, and authenticate refresh tokens and device keys. What
    /// clients have stays valid until it expires.
    Sealing,
}

pub(crate) fn run(command: Command) -> Result<(), CliError> {
    match command {
        Command::Add(options) => {
            let role = if options.read_only { Role::ReadOnly } else { Role::Full };
            let pools = (!options.pool.is_empty()).then_some(options.pool);
            let new = NewAccessKey { name: options.name, role, pools, days: options.days };
            let added: AddedAccessKey =
                options.server.call(ACCESS_KEYS_PATH, ADD_ACCESS_KEY_TARGET, &new)?;
            let fields = [
                ("access key id", added.key.id.clone()),
                ("secret access key", (*added.secret).clone()),
            ];
            options.format.one(&added, &fields)
        }
        Command::List(ListOptions { server, format }) => {
            let listed: AccessKeys =
                server.call(ACCESS_KEYS_PATH, LIST_ACCESS_KEYS_TARGET, &json!({}))?;
            if format.json {
                return output::json(&listed);
            }
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(CliError::other)?;
            let now = i64::try_from(now.as_millis()).map_err(CliError::other)?;
            let AccessKeys { keys, void } = listed;
            let void = void.into_iter().map(|key| (key, true));
            let keys = keys.into_iter().map(|key| (key, false)).chain(void);
            let rows = keys.map(|(key, is_void)| row(&key, is_void, now)).collect();
            output::table(["KEY", "ID", "PERMITS", "ENDS", "POOLS"], rows)
        }
        Command::Rotate(RotateOptions { which, pool, server, format }) => {
            let keys = match (which, pool) {
                (RotatedKind::Master, None) => RotateKeys::Master,
                (RotatedKind::Master, Some(_)) => {
                    return Err(CliError::other("all pools have one master key: leave out --pool"));
                }
                (RotatedKind::Data, pool) => RotateKeys::Data { pool },
                (RotatedKind::Signing, pool) => RotateKeys::Signing { pool },
                (RotatedKind::Sealing, pool) => RotateKeys::Sealing { pool },
            };
            let RotatedKeys { rotated } =
                server.call(ACCESS_KEYS_PATH, ROTATE_KEYS_TARGET, &keys)?;
            format.done(format!("replaced {} ({rotated})", keys.title()))
        }
        Command::Revoke(RevokeOptions { name, server, format }) => {
            let members = RevokedName { name: name.clone() };
            let _: Value = server.call(ACCESS_KEYS_PATH, REVOKE_ACCESS_KEY_TARGET, &members)?;
            format.done(format!("revoked the key {name}"))
        }
    }
}

/// The row that lists a key.
fn row(key: &AccessKeyInfo, is_void: bool, now: i64) -> [String; 5] {
    let AccessKeyInfo { id, name, .. } = key;
    let role = if key.role == Role::Full { "full" } else { "read-only" };
    let end = match key.expires_at.map(|end| (end - now + DAY - 1) / DAY) {
        _ if is_void => "void: the server has another key of its own".to_owned(),
        None => "never".to_owned(),
        Some(1) => "in 1 day".to_owned(),
        Some(days) => format!("in {days} days"),
    };
    let pools = key.pools.as_ref().map_or_else(|| "all".to_owned(), |ids| ids.join(", "));
    [name.clone(), id.clone(), role.to_owned(), end, pools]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_when_a_key_ends() {
        for (end, is_void, expected) in [
            (None, false, "never"),
            (Some(1), false, "in 1 day"),
            (Some(DAY), false, "in 1 day"),
            (Some(DAY + 1), false, "in 2 days"),
            (Some(DAY), true, "void: the server has another key of its own"),
        ] {
            let key = json!({ "id": "DEVICEX", "name": "ada", "role": "full", "created": 0,
                "expiresAt": end });
            let key: AccessKeyInfo = serde_json::from_value(key).unwrap();
            assert_eq!(row(&key, is_void, 0), ["ada", "DEVICEX", "full", expected, "all"]);
        }
    }
}
