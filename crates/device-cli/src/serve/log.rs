//! The log: one line for each event, on stderr, since people and scripts read stdout.

use std::io::{self, IsTerminal};
use std::panic;

use clap::ValueEnum;
use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::ServeError;

/// The format of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The level of the running log.
pub(crate) struct LogLevel(Box<dyn Fn(EnvFilter) -> bool + Send + Sync>);

impl LogLevel {
    /// Logs what these directives say from now on.
    pub(crate) fn set(&self, directives: &str) -> Result<(), ServeError> {
        if !(self.0)(filter(directives)?) {
            return Err(ServeError::Settings("the log level cannot be changed".to_owned()));
        }
        Ok(())
    }
}

/// Sends this process's events to stderr, those that `directives` select.
pub(crate) fn start(format: LogFormat, directives: &str) -> Result<LogLevel, ServeError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(directives)?)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        // It would say on stderr that stderr is closed, and panic over that.
        .log_internal_errors(false);
    let level: Box<dyn Fn(EnvFilter) -> bool + Send + Sync> = match format {
        LogFormat::Text => {
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let handle = builder.reload_handle();
            builder.init();
            Box::new(move |filter| handle.reload(filter).is_ok())
        }
    };
    // Log the place only: a panic's text may quote the value that caused it.
    panic::set_hook(Box::new(|panic| {
        tracing::error!(place = panic.location().map(tracing::field::display), "panicked");
    }));
    Ok(LogLevel(level))
}

fn filter(directives: &str) -> Result<EnvFilter, ServeError> {
    EnvFilter::try_new(directives).map_err(|error| {
        ServeError::Settings(format!(
            "the log level \"{directives}\" is not understood: {error}. It is like info, warn or \
             device_server=debug"
        ))
    })
}
