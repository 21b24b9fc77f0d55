//! `device store`: care for a server's data.

mod copy;
mod files;
mod migrate;
mod place;
mod verify;

use std::error::Error;

/// The subcommands of `device store`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Write a server's data to a file, while the server runs or not.
    ///
    /// The file has one state of the data, between two changes, and is readable by its owner alone.
    Backup(files::BackupOptions),
    /// Make a data directory of a backup, once it is verified.
    ///
    /// Nothing is overwritten: the directory must hold no data.
    Restore(files::RestoreOptions),
    /// Check that all records can be read and agree with each other, while the server runs or not.
    ///
    /// The exit code is 1 if anything is wrong.
    Verify(verify::Options),
    /// Write the database anew, without free space. Stop the server first.
    Compact(files::CompactOptions),
    /// Bring the database to the schema of this version. The server does the same when it starts.
    Migrate(migrate::Options),
    /// Copy a server's data into an empty PostgreSQL database, and verify the copy.
    ///
    /// Stop the server first: it uses the directory while it runs. The source is not changed.
    Copy(copy::Options),
}

pub(crate) fn run(command: &Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Backup(options) => files::back_up(options),
        Command::Restore(options) => files::restore(options),
        Command::Verify(options) => verify::run(options),
        Command::Compact(options) => files::compact(options),
        Command::Migrate(options) => migrate::run(options),
        Command::Copy(options) => copy::run(options),
    }
}
