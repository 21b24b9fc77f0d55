//! Clients that act one after the other, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::act::{Act, Acting, Failure};
use super::latency;
use super::machine::Memory;
use super::server::Server;
use super::setting::Setting;
use super::unavoidable::{Sampler, Unavoidable};

/// When the clients stop.
pub(crate) enum Until {
    After(Duration),
    Count(u64),
}

impl Until {
    pub(crate) fn after(time: Duration) -> Self {
        Self::After(time)
    }

    pub(crate) fn count(count: u64) -> Self {
        Self::Count(count)
    }
}

/// One act by a number of clients.
pub(crate) struct Load<'a> {
    pub(crate) act: Act,
    pub(crate) setting: &'a Setting,
    pub(crate) clients: u32,
}

/// What came of a load.
pub(crate) struct Measured {
    pub(crate) latencies: Histogram<u64>,
    pub(crate) failures: BTreeMap<Failure, u64>,
    pub(crate) elapsed: Duration,
    /// The server's CPU time meanwhile.
    pub(crate) cpu: Option<Duration>,
    pub(crate) memory: Option<Memory>,
    pub(crate) unavoidable: Option<Unavoidable>,
}

impl Measured {
    pub(crate) fn new() -> Self {
        Self {
            latencies: latency::histogram(),
            failures: BTreeMap::new(),
            elapsed: Duration::ZERO,
            cpu: None,
            memory: None,
            unavoidable: None,
        }
    }

    pub(crate) fn add(&mut self, result: Result<Duration, Failure>) {
        match result {
            Ok(latency) => latency::record(&mut self.latencies, latency),
            Err(failure) => *self.failures.entry(failure).or_default() += 1,
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for value in other.latencies.iter_recorded() {
            let count = value.count_at_value();
            self.latencies.saturating_record_n(value.value_iterated_to(), count);
        }
        for (failure, count) in &other.failures {
            *self.failures.entry(failure.clone()).or_default() += count;
        }
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The failures in words.
    pub(crate) fn reasons(&self) -> String {
        let reasons =
            self.failures.iter().map(|(Failure(kind), count)| format!("{kind} ({count})"));
        reasons.collect::<Vec<_>>().join(", ")
    }
}

impl Load<'_> {
    /// Runs the clients; the bar counts tenths of a second, or acts.
    pub(crate) async fn run(
        &self,
        until: Until,
        server: &Server,
        bar: Option<&ProgressBar>,
    ) -> Measured {
        let stop = Arc::new(AtomicBool::new(false));
        let (left, time) = match until {
            Until::Count(count) => (count, None),
            Until::After(time) => (u64::MAX, Some(time)),
        };
        let left = Arc::new(AtomicU64::new(left));
        // Without a sum there is no ratio, and the rest is measured all the same.
        let sampler = Sampler::start().ok();
        let cpu_before = server.process.cpu();
        let started = Instant::now();
        let mut clients = JoinSet::new();
        for number in 0..self.clients as usize {
            let (stop, left) = (Arc::clone(&stop), Arc::clone(&left));
            clients.spawn(self.client(number, stop, left, bar.filter(|_| time.is_none()).cloned()));
        }
        if let Some(time) = time {
            while started.elapsed() < time {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if let Some(bar) = bar {
                    bar.inc(1);
                }
            }
            stop.store(true, Ordering::Relaxed);
        }
        let mut measured = Measured::new();
        while let Some(client) = clients.join_next().await {
            if let Ok(client) = client {
                measured.merge(&client);
            }
        }
        measured.elapsed = started.elapsed();
        let cpu = server.process.cpu().zip(cpu_before);
        measured.cpu = cpu.map(|(after, before)| after.saturating_sub(before));
        measured.memory = server.process.memory();
        measured.unavoidable = sampler.and_then(Sampler::finish);
        measured
    }

    /// One client: the users are divided among the clients, each of which takes its own in turn.
    fn client(
        &self,
        number: usize,
        stop: Arc<AtomicBool>,
        left: Arc<AtomicU64>,
        bar: Option<ProgressBar>,
    ) -> impl Future<Output = Measured> + Send + 'static {
        let (act, all) = (self.act, &self.setting.users);
        let own = all.iter().skip(number % all.len().max(1)).step_by(self.clients as usize);
        let users: Vec<_> = own.cloned().collect();
        let (http, config) = (self.setting.http.clone(), self.setting.config.clone());
        async move {
            let mut measured = Measured::new();
            for user in users.iter().cycle() {
                let one_less = |left: u64| left.checked_sub(1);
                let is_due = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
                if stop.load(Ordering::Relaxed) || is_due.is_err() {
                    break;
                }
                measured.add(Acting::new(&http, &config).run(act, user).await);
                if let Some(bar) = &bar {
                    bar.inc(1);
                }
            }
            measured
        }
    }
}
