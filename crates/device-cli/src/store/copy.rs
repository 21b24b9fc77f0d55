//! `device store copy`: moves a deployment from a directory to PostgreSQL.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;

use device_store::{PostgresStore, SqliteStore, copy};
use indicatif::{ProgressBar, ProgressStyle};

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

    let mut out = io::stdout().lock();
    let mut total = 0;
    for kind in copied? {
        total += kind.records;
        let digest: String = kind.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(out, "{:<18}{:>12}  sha256 {digest}", kind.table.name(), kind.records)?;
    }
    writeln!(out, "{total} records copied and verified")?;
    Ok(())
}
