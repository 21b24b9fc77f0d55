//! `device demo`: the whole life of a remembered device, over HTTP, against its own server.
//!
//! Each step states its expected outcome; the first other outcome ends the demo with a failure.

mod report;
mod scene;
mod story;

use std::io;
use std::time::Instant;

use report::Report;
use scene::Scene;

use crate::signals::Signals;

/// Options of `device demo`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Print one JSON object at the end instead of text
    #[arg(long)]
    json: bool,
}

/// Why a demo failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error("the demo could not start: {0}")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("stopped before its end")]
    Stopped,
    #[error("a step had another outcome than described: {0}")]
    Step(String),
    #[error("the report could not be written: {0}")]
    Report(#[from] io::Error),
}

impl DemoError {
    fn start(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Start(source.into())
    }
}

/// Runs the demo. If it fails, the report first shows what happened until then.
pub(crate) fn run(options: &Options) -> Result<(), DemoError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(DemoError::start)?;
    runtime.block_on(async {
        let started = Instant::now();
        let report = Report::new(options.json);
        let signals = Signals::listen().map_err(DemoError::start)?;
        let played = tokio::select! {
            played = play(&report) => played,
            // Dropping the scene removes its directory, which contains keys.
            () = signals.stop(|| ()) => Err(DemoError::Stopped),
        };
        report.finish(played.as_ref().err(), started.elapsed())?;
        played
    })
}

async fn play(report: &Report) -> Result<(), DemoError> {
    let scene = Scene::set(report.clone()).await?;
    let told = story::tell(&scene).await;
    scene.strike().await?;
    told.map_err(DemoError::Step)
}
