//! `device`: the user-pool server, its health check and a demo, in one binary.

mod audit;
mod console;
mod demo;
mod descriptors;
mod health;
mod key;
mod policy;
mod pool;
mod serve;
mod signals;
mod signed_call;
mod store;
mod utc;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Remembered devices for sign-in: a user-pool server that speaks Cognito's wire protocol.
#[derive(Parser)]
#[command(name = "device", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the user-pool server.
    ///
    /// Every option can also be given in the environment, by the name shown with it, and in a TOML
    /// file, by the option's name (`in-memory = true`). A flag overrides the environment, the
    /// environment the file, the file the default.
    ///
    /// docs/hosting.md says how to put it on a network.
    Serve(Box<serve::Options>),
    /// Sign in to a server's web pages, in the browser.
    Console(console::Options),
    /// Add, list and revoke administrators' access keys, while the server runs.
    ///
    /// The calls are signed with the server's own access key.
    #[command(subcommand)]
    Key(key::Command),
    /// Export a pool's audit trail, and verify an export
    #[command(subcommand)]
    Audit(audit::Command),
    /// List user pools, and show or set what they do with devices
    #[command(subcommand)]
    Pool(pool::Command),
    /// Try device settings before they are set
    #[command(subcommand)]
    Policy(policy::Command),
    /// Check whether a server works. The exit code is 0 if it does, otherwise 1.
    Health(health::Options),
    /// Show the whole life of a remembered device, with its own server.
    Demo(demo::Options),
    /// Copy a server's data
    #[command(subcommand)]
    Store(store::Command),
}

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("device: {error}");
            let audit = error.downcast_ref::<audit::AuditError>();
            ExitCode::from(audit.map_or(1, audit::AuditError::exit_code))
        }
    }
}

fn run(matches: &ArgMatches) -> Result<(), Box<dyn std::error::Error>> {
    match Cli::from_arg_matches(matches)?.command {
        Command::Serve(options) => {
            // Precedence depends on the source of each option, which only the matches know.
            let origins = matches.subcommand_matches("serve").unwrap_or(matches);
            Ok(serve::run(*options, origins)?)
        }
        Command::Console(options) => Ok(console::run(&options)?),
        Command::Key(command) => key::run(command),
        Command::Audit(command) => Ok(audit::run(&command)?),
        Command::Pool(command) => Ok(pool::run(&command)?),
        Command::Policy(command) => Ok(policy::run(&command)?),
        Command::Health(options) => Ok(health::run(options)?),
        Command::Demo(options) => Ok(demo::run(&options)?),
        Command::Store(command) => store::run(&command),
    }
}
