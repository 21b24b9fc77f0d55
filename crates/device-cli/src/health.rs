//! `device health`: checks whether a server works, for scripts and container health checks.

use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::Value;

use crate::output::Format;
use crate::signed_call::innermost;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Options of `device health`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's URL
    #[arg(long, env = "DEVICE_URL", default_value = "http://127.0.0.1:9229")]
    url: Url,

    #[command(flatten)]
    format: Format,
}

/// Why a server is not healthy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HealthError {
    #[error("the check cannot run: {0}")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no server answers at {url}: {reason}")]
    NoAnswer { url: Url, reason: String },
    #[error("the server at {url} is not healthy: status {status}, {body}")]
    Unhealthy { url: Url, status: u16, body: String },
}

/// Succeeds if the server at the URL reports that it works.
pub(crate) fn run(options: Options) -> Result<(), HealthError> {
    let Options { url, format } = options;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| HealthError::Start(error.into()))?;
    let client = Client::builder()
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| HealthError::Start(error.into()))?;
    let no_answer = |error: reqwest::Error| HealthError::NoAnswer {
        url: url.clone(),
        reason: innermost(&error),
    };
    let (status, body) = runtime.block_on(async {
        let place = format!("{}/health", url.as_str().trim_end_matches('/'));
        let response = client.get(place).send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.map_err(no_answer)?))
    })?;
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    if format.json && answer.is_object() {
        println!("{answer:#}");
    }
    if status == 200 && answer.get("status").is_some_and(|status| status == "ok") {
        if !format.json {
            println!("ok");
        }
        return Ok(());
    }
    Err(HealthError::Unhealthy { url, status, body })
}
