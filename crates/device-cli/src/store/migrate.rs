//! `device store migrate`: brings a database to the schema of this version.

use std::error::Error;
use std::io::{self, Write as _};

use device_store::{PostgresStore, SqliteStore};
use serde_json::json;

use super::place::{Data, Place};
use crate::output::{self, Format};

/// Options of `device store migrate`.
#[derive(clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,

    /// Try the steps, undo them, and say what they are. Nothing is changed
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    format: Format,
}

pub(super) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let data = options.place.data()?;
    let steps = match data {
        Data::Directory(directory) => SqliteStore::pending_migrations(directory)?,
        Data::Postgres(url) => PostgresStore::pending_migrations(url)?,
    };
    if !options.dry_run {
        // To open a store is to migrate it.
        match data {
            Data::Directory(directory) => drop(SqliteStore::open_existing(directory)?),
            Data::Postgres(url) => drop(PostgresStore::open(url)?),
        }
    }
    if options.format.json {
        let told = json!({ "steps": steps, "done": !options.dry_run });
        return Ok(output::json(&told)?);
    }
    let mut out = io::stdout().lock();
    let done = if options.dry_run { "would" } else { "did" };
    for step in &steps {
        writeln!(out, "{done}: {step}")?;
    }
    if steps.is_empty() {
        writeln!(out, "nothing to do: the schema is this version's")?;
    }
    Ok(())
}
