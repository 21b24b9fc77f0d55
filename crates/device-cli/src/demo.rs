//! `device demo`.

/// Options of `device demo`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Print what happens as JSON, for machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("the demo is not in this build yet")]
pub(crate) struct DemoError;

pub(crate) fn run(_options: &Options) -> Result<(), DemoError> {
    Err(DemoError)
}
