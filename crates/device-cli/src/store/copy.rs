//! `device store copy`: moves a deployment from a directory to PostgreSQL.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;

use device_store::{PostgresStore, SqliteStore, copy};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::output::{self, Format};

/// Options of `device store copy`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The data to copy, as sqlite:DIR, where DIR is the server's --data
    #[arg(long, value_name = "sqlite:DIR")]
    from: String,

    /// The database to copy to, such as postgres://user:password@db.example.com/device. If it
    /// contains a password, prefer the environment
    #[arg(long, env = "DEVICE_STORE", value_name = "URL", hide_env_values = true)]
    to: String,

    #[command(flatten)]
    format: Format,
}

pub(super) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let directory = options.from.strip_prefix("sqlite:").filter(|directory| !directory.is_empty());
    let directory = directory.ok_or("--from is not like sqlite:./device-data")?;
    let from = SqliteStore::open_existing(Path::new(directory))?;
    let to = PostgresStore::open(&options.to)?;

    // Drawn on stderr, and only if that is a terminal.
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {eta}")?;
    let bar = ProgressBar::new(0).with_style(style);
    let copied = copy(&from, &to, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
        bar.set_message(if 2 * done <= total { "copying" } else { "verifying" });
    });
    bar.finish_and_clear();

    let hex = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let copied = copied?;
    if options.format.json {
        let described = copied.iter().map(|kind| {
            let told = json!({ "records": kind.records, "sha256": hex(&kind.digest) });
            (kind.table.name(), told)
        });
        return Ok(output::json(&described.collect::<BTreeMap<_, _>>())?);
    }
    let mut out = io::stdout().lock();
    let mut total = 0;
    for kind in copied {
        total += kind.records;
        let digest = hex(&kind.digest);
        writeln!(out, "{:<18}{:>12}  sha256 {digest}", kind.table.name(), kind.records)?;
    }
    writeln!(out, "{total} records copied and verified")?;
    Ok(())
}
