//! `device config`: checks the configuration of `device serve` without starting it.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args as _};
use serde_json::json;

use crate::cli_error::CliError;
use crate::output::{Format, say};
use crate::serve;

/// The subcommands of `device config`.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Check the options of `device serve`: flags, environment and file, together.
    ///
    /// Nothing is started, created or changed. It prints what was given, and where.
    Check(Box<CheckOptions>),
}

/// Options of `device config check`.
#[derive(clap::Args)]
pub(crate) struct CheckOptions {
    #[command(flatten)]
    options: serve::Options,

    #[command(flatten)]
    format: Format,
}

/// An option that was given.
struct Given {
    name: String,
    value: String,
    source: &'static str,
}

pub(crate) fn run(command: Command, matches: &ArgMatches) -> Result<(), CliError> {
    let Command::Check(options) = command;
    let CheckOptions { options, format } = *options;
    let file = matches.get_one::<std::path::PathBuf>("config").cloned();
    let given = given(matches, file.as_deref())?;
    serve::check(options, matches).map_err(|error| CliError::Failed(error.to_string()))?;
    if format.json {
        let given: Vec<_> = given
            .iter()
            .map(|Given { name, value, source }| {
                json!({ "option": name, "value": value, "source": source })
            })
            .collect();
        return crate::output::json(&json!({ "ok": true, "given": given }));
    }
    if !given.is_empty() {
        let rows = given.into_iter().map(|given| [given.name, given.value, given.source.into()]);
        crate::output::table(["OPTION", "VALUE", "FROM"], rows.collect())?;
    }
    say("the configuration can be used")
}

/// The given options, by name. What may be a secret is not shown.
fn given(matches: &ArgMatches, file: Option<&Path>) -> Result<Vec<Given>, CliError> {
    let mut given = Vec::new();
    for option in serve::Options::augment_args(clap::Command::new("serve")).get_arguments() {
        let id = option.get_id().as_str();
        let source = match matches.value_source(id) {
            Some(ValueSource::CommandLine) => "flag",
            Some(ValueSource::EnvVariable) => "environment",
            _ => continue,
        };
        let Some(values) = matches.get_raw(id) else { continue };
        let values: Vec<_> = values.map(|value| value.to_string_lossy()).collect();
        let name = id.replace('_', "-");
        given.push(Given { value: shown(&name, &values.join(",")), name, source });
    }
    let text = match file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| CliError::file(file, error))?,
        None => String::new(),
    };
    // A mistake in it is reported by the check.
    for (name, value) in text.parse::<toml::Table>().unwrap_or_default() {
        if given.iter().all(|given| given.name != name) {
            let value = match &value {
                toml::Value::String(text) => text.clone(),
                value => value.to_string(),
            };
            given.push(Given { value: shown(&name, &value), name, source: "file" });
        }
    }
    for (name, source) in serve::given_secrets() {
        given.retain(|given| given.name != name || given.source != "file");
        if given.iter().all(|given| given.name != name) {
            given.push(Given { name: name.to_owned(), value: HIDDEN.to_owned(), source });
        }
    }
    given.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(given)
}

/// Stands for a value that is not shown.
const HIDDEN: &str = "(not shown)";

/// The value, unless it may be or contain a secret.
fn shown(name: &str, value: &str) -> String {
    if serve::is_secret(name) { HIDDEN.to_owned() } else { value.to_owned() }
}
