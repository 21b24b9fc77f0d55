//! `device`: the user-pool server and the commands for its administrators and users, in one binary.

mod audit;
mod aws_profile;
mod bench;
mod cli_error;
mod client;
mod config;
mod console;
mod demo;
mod descriptors;
mod devices;
mod events;
mod group;
mod health;
mod in_pool;
mod key;
mod output;
mod people;
mod policy;
mod pool;
mod prompt;
mod reference;
mod seed;
mod serve;
mod session;
mod sign_in;
mod signals;
mod signed_call;
mod store;
mod time_argument;
mod user;
mod utc;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use cli_error::CliError;

/// Remembered devices for sign-in: a user-pool server that speaks Cognito's wire protocol.
///
/// Commands that call a server find it and their access key as AWS tools do (variables, profiles,
/// endpoint_url), so they work with Cognito as well. Without any setting they call the server on
/// this machine, with the key that it keeps in its data directory.
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
    /// Secrets are no flags: give secret-access-key, hook-secret, lambda-secret-access-key and
    /// lambda-session-token in the file, or in DEVICE_SECRET_ACCESS_KEY, DEVICE_HOOK_SECRET,
    /// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. With _FILE added, each variable, and those of
    /// URLs that may contain a password, names a file with the value. Each may also be a systemd
    /// credential with the option's name.
    ///
    /// docs/hosting.md says how to put it on a network.
    Serve(Box<serve::Options>),
    /// Create, list, show, set and delete user pools
    #[command(subcommand)]
    Pool(pool::Command),
    /// Create, list, show, change and delete the app clients of a pool
    #[command(subcommand)]
    Client(client::Command),
    /// Create, list, show, change and delete users
    #[command(subcommand)]
    User(user::Command),
    /// Create, list and delete groups of users, and change who is in them
    #[command(subcommand)]
    Group(group::Command),
    /// List, remember and forget devices: your own, a user's, or all of a pool
    #[command(subcommand)]
    Devices(devices::Command),
    /// Sign in on this machine, and have it remembered.
    ///
    /// Password and codes are asked for. If standard input is no terminal, its lines are the
    /// answers.
    SignIn(sign_in::SignInOptions),
    /// Show who is signed in on this machine
    #[command(name = "whoami")]
    WhoAmI(output::Format),
    /// Sign out on this machine
    SignOut(sign_in::SignOutOptions),
    /// List and export what happened: sign-ins, why MFA was asked or skipped, administrators' acts
    #[command(subcommand)]
    Events(events::Command),
    /// Export a pool's audit trail, and verify an export
    #[command(subcommand)]
    Audit(audit::Command),
    /// Try device settings before they are set
    #[command(subcommand)]
    Policy(policy::Command),
    /// Sign in to a server's web pages, in the browser.
    Console(console::Options),
    /// Add, list and revoke administrators' access keys, and replace keys, while the server runs.
    ///
    /// The calls are signed with the server's own access key.
    #[command(subcommand)]
    Key(key::Command),
    /// Check seed files for `device serve --dev`
    #[command(subcommand)]
    Seed(seed::Command),
    /// Check the configuration of `device serve` without starting it
    #[command(subcommand)]
    Config(config::Command),
    /// Back up, verify, migrate or move a server's data
    #[command(subcommand)]
    Store(store::Command),
    /// Check whether a server works. The exit code is 0 if it does, otherwise 1.
    Health(health::Options),
    /// Measure sign-ins at a server: how many, how fast, and what each costs
    Bench(Box<bench::Options>),
    /// Show the whole life of a remembered device, with its own server.
    Demo(demo::Options),
    /// Print completions for a shell
    Completions(reference::CompletionsOptions),
    /// Print the man page, or write those of all commands to a directory
    Man(reference::ManOptions),
    /// Print the reference for docs/cli.md
    #[command(hide = true)]
    Reference,
}

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_output() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("device: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(matches: &ArgMatches) -> Result<(), CliError> {
    let command = Cli::from_arg_matches(matches).map_err(CliError::other)?.command;
    match command {
        Command::Serve(options) => {
            // Precedence depends on the source of each option, which only the matches know.
            let origins = matches.subcommand_matches("serve").unwrap_or(matches);
            serve::run(*options, origins).map_err(CliError::other)
        }
        Command::Pool(command) => pool::run(&command),
        Command::Client(command) => client::run(&command),
        Command::User(command) => user::run(&command),
        Command::Group(command) => group::run(&command),
        Command::Devices(command) => devices::run(&command),
        Command::SignIn(options) => sign_in::run(&options),
        Command::WhoAmI(format) => sign_in::who_am_i(format),
        Command::SignOut(options) => sign_in::sign_out(&options),
        Command::Events(command) => events::run(&command),
        Command::Audit(command) => Ok(audit::run(&command)?),
        Command::Policy(command) => policy::run(&command),
        Command::Console(options) => Ok(console::run(&options)?),
        Command::Key(command) => key::run(command),
        Command::Seed(command) => seed::run(&command),
        Command::Config(command) => {
            let origins = matches.subcommand_matches("config");
            let origins = origins.and_then(|config| config.subcommand_matches("check"));
            config::run(command, origins.unwrap_or(matches))
        }
        Command::Store(command) => store::run(&command).map_err(CliError::Other),
        Command::Health(options) => health::run(options).map_err(CliError::other),
        Command::Bench(options) => bench::run(&options).map_err(CliError::other),
        Command::Demo(options) => demo::run(&options).map_err(CliError::other),
        Command::Completions(options) => {
            reference::completions(&options, Cli::command());
            Ok(())
        }
        Command::Man(options) => reference::man(&options, Cli::command()),
        Command::Reference => output::print(&reference::markdown(Cli::command())),
    }
}
