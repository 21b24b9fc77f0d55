//! What the bench prints: a table for people, one JSON object for machines.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::act::{Act, Failure};
use super::latency::Latency;
use super::load::Measured;
use super::machine::Memory;
use super::overload::Overload;
use super::unavoidable::Unavoidable;

/// All that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) version: &'static str,
    pub(crate) machine: String,
    pub(crate) endpoint: String,
    pub(crate) clients: u32,
    pub(crate) users: u32,
    /// The server's memory before the first call.
    pub(crate) idle_memory: Option<Memory>,
    /// The pool, if it was kept.
    pub(crate) pool_id: Option<String>,
    pub(crate) acts: Vec<ActReport>,
    pub(crate) overload: Option<Overload>,
}

/// What was measured of one act.
#[derive(Serialize)]
pub(crate) struct ActReport {
    act: Act,
    seconds: f64,
    completed: u64,
    per_second: f64,
    latency_ms: Latency,
    /// The number of failures of each kind.
    failures: BTreeMap<String, u64>,
    server: Option<Cost>,
    unavoidable: Option<Unavoidable>,
    /// Microseconds: the signatures and proofs that no server avoids.
    unavoidable_us: Option<f64>,
    /// The server's CPU time for an act, divided by that.
    ratio: Option<f64>,
}

/// What the server used.
#[derive(Serialize)]
struct Cost {
    /// Microseconds of CPU for each completed act.
    cpu_us: f64,
    /// The cores that it kept busy.
    cpu_cores: f64,
    memory: Option<Memory>,
}

impl ActReport {
    pub(crate) fn new(act: Act, measured: &Measured) -> Self {
        let seconds = measured.elapsed.as_secs_f64();
        let completed = measured.latencies.len();
        let server = measured.cpu.map(|cpu| Cost {
            cpu_us: cpu.as_secs_f64() * 1e6 / completed.max(1) as f64,
            cpu_cores: cpu.as_secs_f64() / seconds,
            memory: measured.memory,
        });
        let unavoidable_us = measured.unavoidable.and_then(|sum| sum.of(act));
        let failures = &measured.failures;
        Self {
            act,
            seconds,
            completed,
            per_second: measured.per_second(),
            latency_ms: Latency::of(&measured.latencies),
            failures: failures.iter().map(|(Failure(kind), n)| (kind.clone(), *n)).collect(),
            ratio: server.as_ref().zip(unavoidable_us).map(|(server, sum)| server.cpu_us / sum),
            server,
            unavoidable: measured.unavoidable,
            unavoidable_us,
        }
    }
}

impl Report {
    pub(crate) fn print(&self, as_json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if as_json {
            serde_json::to_writer(&mut out, self)?;
            return writeln!(out);
        }
        self.print_text(&mut out)
    }

    fn print_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "device {} at {}, on {}", self.version, self.endpoint, self.machine)?;
        writeln!(out, "{} clients, {} users with a device each", self.clients, self.users)?;
        if let Some(memory) = self.idle_memory {
            writeln!(out, "server memory before the first call: {}", mebibytes(memory.now))?;
        }
        writeln!(
            out,
            "\n{:<17}{:>9}{:>9}{:>9}{:>9}{:>8}{:>9}{:>13}{:>7}{:>10}",
            "",
            "a second",
            "p50 ms",
            "p99 ms",
            "p999 ms",
            "failed",
            "CPU us",
            "unavoidable",
            "ratio",
            "memory"
        )?;
        for act in &self.acts {
            let Latency { p50, p99, p999, .. } = act.latency_ms;
            let number = |number: Option<f64>, digits| {
                number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
            };
            let memory = act.server.as_ref().and_then(|server| server.memory);
            writeln!(
                out,
                "{:<17}{:>9.0}{p50:>9.2}{p99:>9.2}{p999:>9.2}{:>8}{:>9}{:>13}{:>7}{:>10}",
                act.act.name(),
                act.per_second,
                act.failures.values().sum::<u64>(),
                number(act.server.as_ref().map(|server| server.cpu_us), 0),
                number(act.unavoidable_us, 0),
                number(act.ratio, 2),
                memory.map_or_else(|| "-".to_owned(), |memory| mebibytes(memory.now)),
            )?;
        }
        for act in self.acts.iter().filter(|act| !act.failures.is_empty()) {
            for (kind, count) in &act.failures {
                writeln!(out, "{}: {count} failed with {kind}", act.act.name())?;
            }
        }
        if let Some(overload) = &self.overload {
            self.print_overload(overload, out)?;
        }
        match &self.pool_id {
            Some(pool_id) => writeln!(out, "\nkept the pool {pool_id}"),
            None => Ok(()),
        }
    }

    fn print_overload(&self, overload: &Overload, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "\noverload: {:.0} sign-ins a second offered, {:.0} completed, p50 {:.0} ms, p99 {:.0} \
             ms",
            overload.offered_per_second,
            overload.completed_per_second,
            overload.latency_ms.p50,
            overload.latency_ms.p99,
        )?;
        writeln!(out, "  {} refused with {}", overload.refused, Failure::REFUSED)?;
        if overload.failed > 0 {
            writeln!(out, "  {} failed: {}", overload.failed, overload.failures)?;
        }
        if overload.not_started > 0 {
            writeln!(out, "  {} could not be started in time", overload.not_started)?;
        }
        if let Some(cores) = overload.bench_cpu_cores {
            let late = overload.bench_late_ms.p99;
            writeln!(
                out,
                "  the bench itself used {cores:.2} cores, and was {late:.0} ms late (p99)"
            )?;
        }
        match overload.recovered_after_seconds {
            Some(seconds) => writeln!(out, "  recovered within {seconds:.1} s"),
            None => writeln!(out, "  did not recover"),
        }
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
