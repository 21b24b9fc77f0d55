//! Overload: more sign-ins than the server can do, at a rate that does not wait for its answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use serde::Serialize;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::act::{Act, Acting, Failure, Opened};
use super::latency::{self, Latency};
use super::load::{Load, Measured, Until};
use super::machine::Process;
use super::server::Server;
use super::setting::Setting;

/// How many times its capacity the server gets.
const FACTOR: f64 = 3.0;

/// Sign-ins whose first request is computed beforehand, so that the bench computes less in the
/// flood than the server does. Each occupies some kilobytes.
const MAX_OPENED: usize = 32_768;

/// The time between two measurements of how late the bench itself is.
const PULSE: Duration = Duration::from_millis(5);

/// Sign-ins under way at a time. Beyond it the bench itself could not tell who is slow.
const MAX_UNDER_WAY: usize = 8192;

/// How long the server may take to recover before the bench gives up.
const MAX_RECOVERY: Duration = Duration::from_secs(10);

/// A window of calm clients after the overload. The server has recovered if all in it succeed, and
/// as fast as an overloaded server must answer.
const WINDOW: Duration = Duration::from_millis(500);

/// What an accepted sign-in may take at the 99th percentile.
const ACCEPTED_P99: Duration = Duration::from_millis(250);

/// What came of an overload.
#[derive(Serialize)]
pub(crate) struct Overload {
    pub(crate) started: u64,
    pub(crate) offered_per_second: f64,
    /// Sign-ins that the bench could not start in time.
    pub(crate) not_started: u64,
    pub(crate) completed: u64,
    pub(crate) completed_per_second: f64,
    pub(crate) refused: u64,
    /// Sign-ins that failed otherwise.
    pub(crate) failed: u64,
    pub(crate) failures: String,
    /// Of the sign-ins that completed.
    pub(crate) latency_ms: Latency,
    /// Seconds from the last offered sign-in until all succeed and are fast again.
    pub(crate) recovered_after_seconds: Option<f64>,
    pub(crate) cpu_cores: Option<f64>,
    /// The cores that the bench kept busy.
    pub(crate) bench_cpu_cores: Option<f64>,
    /// How late a task of the bench was that had nothing to do but to wake up. The latency of each
    /// call contains as much.
    pub(crate) bench_late_ms: Latency,
    pub(crate) memory_peak: Option<u64>,
}

/// Offers three times `capacity` sign-ins a second, then watches the server recover.
pub(crate) async fn run(
    setting: &Setting,
    capacity: f64,
    seconds: u64,
    server: &Server,
    bar: &ProgressBar,
) -> Overload {
    let rate = capacity * FACTOR;
    let time = Duration::from_secs(seconds);
    let mut opened = opened(setting, (rate * time.as_secs_f64()) as usize).await;
    let measured = Arc::new(Mutex::new(Measured::new()));
    let mut ticks = interval(Duration::from_millis(2));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut under_way = JoinSet::new();
    let (mut started, mut not_started) = (0_u64, 0_u64);
    let bench = Process(Some(std::process::id()));
    let cpu_before = (server.process.cpu(), bench.cpu());
    let pulse = Pulse::start();
    let beginning = Instant::now();
    let mut users = setting.users.iter().cycle();
    while beginning.elapsed() < time {
        ticks.tick().await;
        let elapsed = beginning.elapsed();
        bar.set_position(u64::try_from(elapsed.as_millis() / 100).unwrap_or(u64::MAX));
        while under_way.try_join_next().is_some() {}
        while ((started + not_started) as f64) < elapsed.as_secs_f64() * rate {
            let Some(user) = users.next().cloned() else { break };
            if under_way.len() >= MAX_UNDER_WAY {
                not_started += 1;
                continue;
            }
            started += 1;
            let (http, config) = (setting.http.clone(), setting.config.clone());
            let measured = Arc::clone(&measured);
            let opened = opened.pop();
            under_way.spawn(async move {
                let opened = opened.unwrap_or_else(|| Opened::new(&config, &user));
                let result = Acting::new(&http, &config).complete(opened).await;
                measured.lock().unwrap_or_else(PoisonError::into_inner).add(result);
            });
        }
    }
    let offered = beginning.elapsed();
    let cpu = server.process.cpu().zip(cpu_before.0);
    let bench_cpu = bench.cpu().zip(cpu_before.1);
    let late = pulse.stop();
    let in_time = take(&measured);
    let recovered = recovery(setting, server).await;
    under_way.join_all().await;
    let afterwards = take(&measured);
    report(&[in_time, afterwards], offered, Counts { started, not_started }, |report| {
        report.recovered_after_seconds = recovered.map(|time| time.as_secs_f64());
        let cores = |(after, before): (Duration, Duration)| {
            after.saturating_sub(before).as_secs_f64() / offered.as_secs_f64()
        };
        report.cpu_cores = cpu.map(cores);
        report.bench_cpu_cores = bench_cpu.map(cores);
        report.bench_late_ms = late;
        report.memory_peak = server.process.memory().map(|memory| memory.peak);
    })
}

/// The first requests of so many sign-ins, by the users in turn from the last one on.
async fn opened(setting: &Setting, count: usize) -> Vec<Opened> {
    let (config, users) = (setting.config.clone(), setting.users.clone());
    let open = move || {
        let turns: Vec<_> = users.iter().cycle().take(count.min(MAX_OPENED)).collect();
        turns.into_iter().rev().map(|user| Opened::new(&config, user)).collect()
    };
    tokio::task::spawn_blocking(open).await.unwrap_or_default()
}

/// A task that measures how late the bench is.
struct Pulse {
    late: Arc<Mutex<Histogram<u64>>>,
    task: AbortHandle,
}

impl Pulse {
    fn start() -> Self {
        let late = Arc::new(Mutex::new(latency::histogram()));
        let recorded = Arc::clone(&late);
        let beat = async move {
            loop {
                let due = Instant::now() + PULSE;
                sleep(PULSE).await;
                let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
                latency::record(&mut recorded, due.elapsed());
            }
        };
        Self { late, task: tokio::spawn(beat).abort_handle() }
    }

    fn stop(self) -> Latency {
        self.task.abort();
        Latency::of(&self.late.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Counts {
    started: u64,
    not_started: u64,
}

fn take(measured: &Mutex<Measured>) -> Measured {
    let mut measured = measured.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::replace(&mut measured, Measured::new())
}

/// Those that completed during the overload make the rate; the late ones count for all else.
fn report(
    measured: &[Measured],
    offered: Duration,
    counts: Counts,
    complete: impl FnOnce(&mut Overload),
) -> Overload {
    let seconds = offered.as_secs_f64();
    let during = measured.first().map_or(0, |measured| measured.latencies.len());
    let mut all = Measured::new();
    measured.iter().for_each(|part| all.merge(part));
    let refused = all.failures.remove(&Failure(Failure::REFUSED.to_owned())).unwrap_or(0);
    let mut report = Overload {
        started: counts.started,
        offered_per_second: counts.started as f64 / seconds,
        not_started: counts.not_started,
        completed: all.latencies.len(),
        completed_per_second: during as f64 / seconds,
        refused,
        failed: all.failures.values().sum(),
        failures: all.reasons(),
        latency_ms: Latency::of(&all.latencies),
        recovered_after_seconds: None,
        cpu_cores: None,
        bench_cpu_cores: None,
        bench_late_ms: Latency::of(&latency::histogram()),
        memory_peak: None,
    };
    complete(&mut report);
    report
}

/// The time until a few calm clients all succeed, fast; `None` if they do not.
async fn recovery(setting: &Setting, server: &Server) -> Option<Duration> {
    let since = Instant::now();
    let calm = Load { act: Act::DeviceSignIn, setting, clients: 2 };
    while since.elapsed() < MAX_RECOVERY {
        let window = calm.run(Until::After(WINDOW), server, None).await;
        let slow = Duration::from_micros(window.latencies.value_at_quantile(0.99));
        if window.failures.is_empty() && !window.latencies.is_empty() && slow <= ACCEPTED_P99 {
            return Some(since.elapsed());
        }
    }
    None
}
