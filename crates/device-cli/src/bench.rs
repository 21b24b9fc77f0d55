//! `device bench`: how many sign-ins a server does, how fast, and what each costs it.

mod act;
mod latency;
mod load;
mod machine;
mod overload;
mod report;
mod server;
mod setting;
mod unavoidable;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Url;

use act::Act;
use load::{Load, Until};
use report::Report;
use server::Server;
use setting::Setting;

use crate::descriptors;
use crate::signals::Signals;

/// The measured acts, in this order, unless others are named.
const ALL_ACTS: [Act; 4] = [Act::DeviceSignIn, Act::PasswordSignIn, Act::Refresh, Act::List];

/// Options of `device bench`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server to measure [default: one that the bench starts and stops]
    #[arg(long, value_name = "URL")]
    endpoint: Option<Url>,

    /// The id of that server's process, if it runs on this machine: then its CPU time and memory
    /// are measured
    #[arg(long, requires = "endpoint", value_name = "PID")]
    pid: Option<u32>,

    /// The region that the server's administrators sign for
    #[arg(long, env = "DEVICE_REGION", default_value = "us-east-1")]
    region: String,

    /// The data directory: of the started server [default: its records stay in memory], or with
    /// --endpoint the one whose access key is used if the environment has none
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The PostgreSQL database of the started server
    #[arg(long, value_name = "URL", conflicts_with_all = ["endpoint", "data"])]
    store: Option<String>,

    /// What the clients do, one after the other [default: all of them]
    #[arg(long, value_name = "ACT", value_delimiter = ',', value_enum)]
    acts: Vec<Act>,

    /// Clients at a time. Each starts its next act when the previous one is done
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,

    /// Users to create, each with a remembered device [default: as many as clients]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: Option<u32>,

    /// Seconds to measure each act, and of the overload
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,

    /// Stop each act after this number instead
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Seconds to run each act before it is measured
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    warm_up: u64,

    /// Then send three times as many device sign-ins as the server did, whatever it answers
    #[arg(long)]
    overload: bool,

    /// Keep the created pool with its users
    #[arg(long)]
    keep: bool,

    /// Permit an endpoint of the real service. It bills users, and limits calls
    #[arg(long)]
    real_service: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Why a bench failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(
        "{0} belongs to the real service, which bills users and limits calls. Add --real-service \
         if that is intended"
    )]
    RealService(Url),
    #[error("the bench could not start: {0}")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the server did not start: {0}")]
    Server(String),
    #[error("preparing the pool failed at {step}: {reason}")]
    Prepare { step: &'static str, reason: String },
    #[error("no {act} succeeded: {reasons}")]
    NothingSucceeded { act: &'static str, reasons: String },
    #[error("stopped before its end. If the pool {0} exists, delete it")]
    Stopped(String),
    #[error("the report could not be written: {0}")]
    Report(#[from] std::io::Error),
}

impl BenchError {
    fn start(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Start(source.into())
    }
}

/// Runs the bench, and prints its report.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    if let Some(endpoint) = &options.endpoint
        && is_real_service(endpoint)
        && !options.real_service
    {
        return Err(BenchError::RealService(endpoint.clone()));
    }
    descriptors::raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(BenchError::start)?;
    let report = runtime.block_on(async {
        let signals = Signals::listen().map_err(BenchError::start)?;
        let server = Server::of(options)?;
        let pool_name = setting::pool_name();
        tokio::select! {
            measured = measure(options, &server, &pool_name) => measured,
            () = signals.stop(|| ()) => Err(BenchError::Stopped(pool_name)),
        }
    })?;
    report.print(options.json)?;
    Ok(())
}

fn is_real_service(endpoint: &Url) -> bool {
    let host = endpoint.host_str().unwrap_or_default().to_ascii_lowercase();
    ["amazonaws.com", "amazonaws.com.cn", "amazoncognito.com", "api.aws"]
        .iter()
        .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")))
}

async fn measure(
    options: &Options,
    server: &Server,
    pool_name: &str,
) -> Result<Report, BenchError> {
    let idle_memory = server.process.memory();
    let users = options.users.unwrap_or(options.clients);
    let bar = bar("creating users", u64::from(users));
    let mut setting = Setting::make(server, pool_name, users, options.clients, &bar).await?;
    bar.finish_and_clear();
    let measured = measure_in(options, server, &mut setting).await;
    if !options.keep {
        setting.remove().await?;
    }
    let (acts, overload) = measured?;
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        machine: machine::describe(),
        endpoint: server.endpoint.to_string(),
        clients: options.clients,
        users,
        idle_memory,
        pool_id: options.keep.then(|| setting.pool_id.clone()),
        acts,
        overload,
    })
}

async fn measure_in(
    options: &Options,
    server: &Server,
    setting: &mut Setting,
) -> Result<(Vec<report::ActReport>, Option<overload::Overload>), BenchError> {
    let named: BTreeSet<Act> = options.acts.iter().copied().collect();
    let mut reports = Vec::new();
    let mut capacity = None;
    for act in ALL_ACTS {
        if !named.is_empty() && !named.contains(&act) {
            continue;
        }
        if matches!(act, Act::Refresh | Act::List) {
            setting.sign_in_again().await?;
        }
        let setting = &*setting;
        let load = Load { act, setting, clients: options.clients };
        if options.warm_up > 0 {
            load.run(Until::after(Duration::from_secs(options.warm_up)), server, None).await;
        }
        let until = match options.count {
            Some(count) => Until::count(count),
            None => Until::after(Duration::from_secs(options.seconds)),
        };
        let bar = bar(act.name(), options.count.unwrap_or(options.seconds * 10));
        let measured = load.run(until, server, Some(&bar)).await;
        bar.finish_and_clear();
        if measured.latencies.is_empty() {
            let reasons = measured.reasons();
            return Err(BenchError::NothingSucceeded { act: act.name(), reasons });
        }
        if act == Act::DeviceSignIn {
            capacity = Some(measured.per_second());
        }
        reports.push(report::ActReport::new(act, &measured));
    }
    let overload = match (options.overload, capacity) {
        (true, Some(capacity)) => {
            let bar = bar("overload", options.seconds * 10);
            let overload = overload::run(setting, capacity, options.seconds, server, &bar).await;
            bar.finish_and_clear();
            Some(overload)
        }
        _ => None,
    };
    Ok((reports, overload))
}

/// A progress bar, drawn on stderr, and only if that is a terminal.
fn bar(what: &'static str, length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:16} {bar:40} {percent:>3}%  {eta}");
    ProgressBar::new(length)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_service_is_told_from_other_hosts() {
        for (url, is_real) in [
            ("https://cognito-idp.eu-west-1.amazonaws.com", true),
            ("https://cognito-idp.cn-north-1.AMAZONAWS.com.cn/", true),
            ("https://cognito-idp.eu-west-1.api.aws", true),
            ("http://127.0.0.1:9229", false),
            ("https://amazonaws.com.example.org", false),
            ("https://notamazonaws.com", false),
        ] {
            assert_eq!(is_real_service(&url.parse().unwrap()), is_real, "{url}");
        }
    }
}
