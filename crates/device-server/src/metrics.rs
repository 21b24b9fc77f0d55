//! Figures of a running server, for Prometheus.
//!
//! Labels have values from this program only, never what a caller sent: so their number is bounded,
//! and a figure names no one.

mod endpoint;
mod store;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use device_pool::{Medium, MfaDecision, SignInOutcome, Totals};
use device_wire::ErrorCode;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry};

use crate::answer::{TOO_LARGE, TOO_SLOW};

pub(crate) use endpoint::{open_figures, signed_figures};
pub(crate) use store::MeasuredStore;

/// Names and values of one series.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The upper bounds of a call's time, in seconds.
const CALL_SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The upper bounds of a commit's time, in seconds.
const COMMIT_SECONDS: [f64; 11] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// How a message to a user fared.
#[derive(Clone, Copy)]
pub(crate) enum Delivery {
    Delivered,
    PutOff,
    Lost,
}

/// Why a connection was closed by the server, or not accepted.
#[derive(Clone, Copy)]
pub(crate) enum Closed {
    /// It was idle, and another needed its place.
    Evicted,
    /// Its address had all of its connections.
    AddressLimit,
    /// The TLS handshake failed or took too long.
    Tls,
    /// It was idle for too long, or took too long for a request's head, over HTTP/2.
    Idle,
}

impl Closed {
    const ALL: [Self; 4] = [Self::Evicted, Self::AddressLimit, Self::Tls, Self::Idle];

    const fn name(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::AddressLimit => "address_limit",
            Self::Tls => "tls",
            Self::Idle => "idle",
        }
    }
}

/// All figures.
pub(crate) struct Metrics {
    registry: Registry,
    calls: Family<Labels<1>, Histogram, fn() -> Histogram>,
    refusals: Family<[(&'static str, String); 1], Counter>,
    sign_ins: Family<Labels<1>, Counter>,
    mfa_decisions: Family<Labels<2>, Counter>,
    calls_in_flight: Gauge,
    connections_open: Gauge,
    connections_accepted: Counter,
    connections_closed: Family<Labels<1>, Counter>,
    messages: Family<Labels<2>, Counter>,
    messages_waiting: Gauge,
    commits: Histogram,
    commits_waiting: Gauge,
    store_conflicts: Counter,
    store_failures: Counter,
    purged_records: Counter,
    maintenance_failures: Counter,
    maintained_at: Gauge,
    pools: Gauge,
    users: Gauge,
    devices: Family<Labels<1>, Gauge>,
    file_bytes: Family<Labels<1>, Gauge>,
    free_bytes: Gauge,
}

impl Metrics {
    pub(crate) fn new() -> Arc<Self> {
        let mut registry = Registry::with_prefix("device");
        let mut add = Adder(&mut registry);
        let metrics = Self {
            calls: add.add(
                "call_duration_seconds",
                "Time to answer, by operation or document",
                Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            ),
            refusals: add.add("refusals", "Refused calls by error code", Family::default()),
            sign_ins: add.add("sign_ins", "Sign-ins that ended, by outcome", Family::default()),
            mfa_decisions: add.add(
                "mfa_decisions",
                "Second factors asked for and skipped in sign-ins, by reason",
                Family::default(),
            ),
            calls_in_flight: add.add(
                "calls_in_flight",
                "Calls that are being decided",
                Gauge::default(),
            ),
            connections_open: add.add("connections_open", "Open connections", Gauge::default()),
            connections_accepted: add.add(
                "connections_accepted",
                "Accepted connections",
                Counter::default(),
            ),
            connections_closed: add.add(
                "connections_closed",
                "Connections that the server closed or refused, by reason",
                Family::default(),
            ),
            messages: add.add(
                "messages",
                "Attempts to deliver messages to users, by medium and result",
                Family::default(),
            ),
            messages_waiting: add.add(
                "messages_waiting",
                "Messages that are on their way to users",
                Gauge::default(),
            ),
            commits: add.add(
                "store_commit_duration_seconds",
                "Time of a change in the store, with its wait for others",
                Histogram::new(COMMIT_SECONDS),
            ),
            commits_waiting: add.add(
                "store_commits_waiting",
                "Changes that wait for the store",
                Gauge::default(),
            ),
            store_conflicts: add.add(
                "store_conflicts",
                "Changes that were decided again since another came first",
                Counter::default(),
            ),
            store_failures: add.add("store_failures", "Failures of the store", Counter::default()),
            purged_records: add.add(
                "purged_records",
                "Records removed since they had expired",
                Counter::default(),
            ),
            maintenance_failures: add.add(
                "maintenance_failures",
                "Rounds of maintenance in which a part failed",
                Counter::default(),
            ),
            maintained_at: add.add(
                "maintenance_last_success_timestamp_seconds",
                "When a round of maintenance last succeeded, by the server's clock",
                Gauge::default(),
            ),
            pools: add.add("pools", "User pools, counted once a minute", Gauge::default()),
            users: add.add("users", "Confirmed users, counted once a minute", Gauge::default()),
            devices: add.add("devices", "Devices, counted once a minute", Family::default()),
            file_bytes: add.add("store_file_bytes", "Size of the store's files", Family::default()),
            free_bytes: add.add(
                "data_free_bytes",
                "Free space where the data directory is",
                Gauge::default(),
            ),
            registry: Registry::default(),
        };
        metrics.describe(registry)
    }

    /// Adds what never changes, and zeros of all series that are known: an increase from nothing to
    /// one would not show.
    fn describe(mut self, registry: Registry) -> Arc<Self> {
        self.registry = registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        self.registry.register("build", "The server's version", version);
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = Gauge::<i64>::default();
        start.set(i64::try_from(started.as_secs()).unwrap_or_default());
        self.registry.register("start_timestamp_seconds", "When the server started", start);
        for outcome in ["passed", "passed_by_device", "failed"] {
            drop(self.sign_ins.get_or_create(&[("outcome", outcome)]));
        }
        for decision in MfaDecision::ALL {
            drop(self.mfa_decisions.get_or_create(&mfa_labels(decision)));
        }
        for closed in Closed::ALL {
            drop(self.connections_closed.get_or_create(&[("reason", closed.name())]));
        }
        for medium in [Medium::Email, Medium::Sms] {
            for delivery in [Delivery::Delivered, Delivery::PutOff, Delivery::Lost] {
                drop(self.messages.get_or_create(&message_labels(medium.name(), delivery)));
            }
        }
        for code in [ErrorCode::InternalError, ErrorCode::TooManyRequests, ErrorCode::NotAuthorized]
        {
            drop(self.refusals.get_or_create(&[("code", code.as_str().to_owned())]));
        }
        for status in ["remembered", "not_remembered"] {
            drop(self.devices.get_or_create(&[("status", status)]));
        }
        Arc::new(self)
    }

    /// Counts an answered request. `operation` and `code` are of this program.
    pub(crate) fn answered(
        &self,
        operation: Option<&'static str>,
        time: Duration,
        code: Option<&ErrorCode>,
    ) {
        let operation = operation.unwrap_or("none");
        self.calls.get_or_create(&[("operation", operation)]).observe(time.as_secs_f64());
        if let Some(code) = code {
            self.refusals.get_or_create(&[("code", code_name(code).to_owned())]).inc();
        }
    }

    pub(crate) fn signed_in(&self, outcome: SignInOutcome) {
        let outcome = match outcome {
            SignInOutcome::Passed => "passed",
            SignInOutcome::PassedByDevice => "passed_by_device",
            // Of no other kind today.
            _ => "failed",
        };
        self.sign_ins.get_or_create(&[("outcome", outcome)]).inc();
    }

    pub(crate) fn decided_mfa(&self, decision: MfaDecision) {
        self.mfa_decisions.get_or_create(&mfa_labels(decision)).inc();
    }

    pub(crate) fn connection_closed(&self, reason: Closed) {
        self.connections_closed.get_or_create(&[("reason", reason.name())]).inc();
    }

    /// Counts a connection as open until the answer is dropped.
    pub(crate) fn connection_opened(self: &Arc<Self>) -> OpenConnection {
        self.connections_accepted.inc();
        self.connections_open.inc();
        OpenConnection(Arc::clone(self))
    }

    pub(crate) fn message(&self, medium: &'static str, delivery: Delivery) {
        self.messages.get_or_create(&message_labels(medium, delivery)).inc();
    }

    pub(crate) fn purged(&self, records: usize) {
        self.purged_records.inc_by(u64::try_from(records).unwrap_or_default());
    }

    /// Notes a round of maintenance that ended at `now`, in milliseconds since the epoch.
    pub(crate) fn maintained(&self, succeeded: bool, now: i64) {
        if succeeded {
            self.maintained_at.set(now / 1000);
        } else {
            self.maintenance_failures.inc();
        }
    }

    pub(crate) fn counted(&self, totals: Totals) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.pools.set(number(totals.pools));
        self.users.set(number(totals.users));
        let devices = |status, count| {
            self.devices.get_or_create(&[("status", status)]).set(number(count));
        };
        devices("remembered", totals.remembered);
        devices("not_remembered", totals.not_remembered);
    }

    /// Measures what is read only if the figures are asked for. Reads the file system.
    pub(crate) fn measure(&self, now: Present<'_>) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.calls_in_flight.set(number(now.calls_in_flight));
        self.messages_waiting.set(number(now.messages_waiting));
        let Some(directory) = now.data_directory else { return };
        for (label, name) in
            [("database", "device-pool.sqlite3"), ("log", "device-pool.sqlite3-wal")]
        {
            let bytes = fs::metadata(directory.join(name)).map_or(0, |file| file.len());
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            self.file_bytes.get_or_create(&[("file", label)]).set(bytes);
        }
        if let Some(free) = free_bytes(directory) {
            self.free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        }
    }

    /// All figures, in the text format of OpenMetrics.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

/// What [`Metrics::measure`] is told.
pub(crate) struct Present<'a> {
    pub(crate) calls_in_flight: usize,
    pub(crate) messages_waiting: usize,
    /// Where the store's files are, if it has any.
    pub(crate) data_directory: Option<&'a Path>,
}

/// A connection that counts as open until this is dropped.
pub(crate) struct OpenConnection(Arc<Metrics>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections_open.dec();
    }
}

/// Registers metrics.
struct Adder<'a>(&'a mut Registry);

impl Adder<'_> {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }
}

const fn mfa_labels(decision: MfaDecision) -> Labels<2> {
    [("decision", decision.decision()), ("reason", decision.reason())]
}

const fn message_labels(medium: &'static str, delivery: Delivery) -> Labels<2> {
    let result = match delivery {
        Delivery::Delivered => "delivered",
        Delivery::PutOff => "put_off",
        Delivery::Lost => "lost",
    };
    [("medium", medium), ("result", result)]
}

/// The name of a code, if it is the service's or this server's. A hook can answer with any.
fn code_name(code: &ErrorCode) -> &str {
    match code {
        ErrorCode::Unknown(name) if name == TOO_LARGE || name == TOO_SLOW => name,
        ErrorCode::Unknown(_) => "other",
        code => code.as_str(),
    }
}

#[cfg(unix)]
fn free_bytes(directory: &Path) -> Option<u64> {
    let space = rustix::fs::statvfs(directory).ok()?;
    space.f_bavail.checked_mul(space.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
