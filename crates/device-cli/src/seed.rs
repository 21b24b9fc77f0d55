//! `device seed`: checks seed files without a server.

use std::path::PathBuf;

use device_server::Seed;

use crate::cli_error::CliError;
use crate::output::{Format, count};

/// The subcommands of `device seed`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check seed files as `device serve --dev --seed FILE` reads them. Asks no server.
    Check {
        /// The files, in TOML or JSON
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,

        #[command(flatten)]
        format: Format,
    },
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    let Command::Check { files, format } = command;
    Seed::read(files).map_err(|error| CliError::Failed(error.to_string()))?;
    format.done(format!("{} can be used", count(files.len(), "seed file", "seed files")))
}
