//! `device seed`: checks seed files without a server.

use std::path::PathBuf;

use device_server::Seed;

use crate::cli_error::CliError;
use crate::output::{count, say};

/// The subcommands of `device seed`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check seed files as `device serve --dev --seed FILE` reads them. Asks no server.
    Check {
        /// The files, in TOML or JSON
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub(crate) fn run(command: &Command) -> Result<(), CliError> {
    let Command::Check { files } = command;
    Seed::read(files).map_err(|error| CliError::Failed(error.to_string()))?;
    say(format!("{} can be used", count(files.len(), "seed file", "seed files")))
}
