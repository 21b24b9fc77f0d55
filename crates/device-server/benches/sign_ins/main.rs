//! Whole sign-ins by password and remembered device, with the arithmetic in place and batched.
//!
//! For several numbers of concurrent clients, the benchmark prints the server's CPU time per
//! sign-in, the sign-ins per second and core, and the latency. Server and clients are in one
//! process and exchange JSON without sockets, over SQLite in a temporary directory. The clients'
//! arithmetic is excluded from the CPU time, but competes for the cores like another process, so
//! the latencies are those of a busy machine. The two ways alternate, round by round.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the terminal"
)]

mod caller;

use std::sync::{Arc, Mutex};

use device_pool::{Arithmetic, InPlace};
use device_server::{Administrators, DEFAULT_MAX_WAITING, DevMode, HandshakeBatcher, Service, app};
use device_store::SqliteStore;
use device_test::{TestSigningKeys, config};
use rustix::time::ClockId;
use serde_json::json;

use crate::caller::{Caller, Device, Spent, microseconds, quantile};

const CLIENTS: [usize; 5] = [1, 4, 8, 16, 64];
const ROUNDS: usize = 11;
/// Sign-ins in a round, by all clients together.
const SIGN_INS: usize = 128;

fn main() {
    // As in criterion's benchmarks, this flag only shows that everything runs.
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { ROUNDS };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let ways: [(&str, Arc<dyn Arithmetic + Send + Sync>); 2] = [
            ("in place", Arc::new(InPlace)),
            ("gathered", Arc::new(HandshakeBatcher::new(DEFAULT_MAX_WAITING))),
        ];
        let mut pools = Vec::new();
        for (name, arithmetic) in ways {
            pools.push((name, Arc::new(Pool::new(arithmetic).await)));
        }
        println!(
            "| clients | arithmetic | CPU us a sign-in | sign-ins a second and core | p50 ms | p99 \
             ms |"
        );
        println!("|---|---|---|---|---|---|");
        for clients in CLIENTS {
            let mut taken = vec![Taken::default(); pools.len()];
            for _ in 0..rounds {
                for ((_, pool), taken) in pools.iter().zip(&mut taken) {
                    pool.round(clients, taken).await;
                }
            }
            for ((name, _), Taken { cpu, latencies }) in pools.iter().zip(taken) {
                let each = quantile(cpu, 0.5);
                let [p50, p99] = [0.5, 0.99].map(|part| quantile(latencies.clone(), part) / 1e3);
                println!(
                    "| {clients} | {name} | {each:.0} | {:.0} | {p50:.1} | {p99:.1} \
                          |",
                    1e6 / each
                );
            }
        }
    });
}

/// Microseconds: the server's CPU time for a sign-in in each round, and the time of each sign-in's
/// calls.
#[derive(Clone, Default)]
struct Taken {
    cpu: Vec<f64>,
    latencies: Vec<f64>,
}

/// A pool whose users each have a remembered device.
struct Pool {
    caller: Caller,
    devices: Vec<Device>,
    _directory: tempfile::TempDir,
}

impl Pool {
    async fn new(arithmetic: Arc<dyn Arithmetic + Send + Sync>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        let service = Service::builder(store, config("http://pool.test"))
            .administrators(Administrators::Anyone(DevMode::default()))
            .signing_keys(Arc::new(TestSigningKeys::default()))
            .arithmetic(arithmetic);
        let caller = Caller::new(app(service.build()), json!({})).await;
        let mut devices = Vec::new();
        for i in 0..CLIENTS.into_iter().max().unwrap() {
            devices.push(caller.remembered(&format!("user{i}"), json!([])).await);
        }
        Self { caller, devices, _directory: directory }
    }

    /// Runs all sign-ins of a round with this number of clients. Each starts its next sign-in when
    /// the previous one is done.
    async fn round(self: &Arc<Self>, clients: usize, taken: &mut Taken) {
        let started = microseconds(ClockId::ProcessCPUTime);
        let all = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..clients)
            .map(|client| {
                let (pool, all) = (Arc::clone(self), Arc::clone(&all));
                tokio::spawn(async move {
                    for _ in 0..SIGN_INS / clients {
                        let mut spent = Spent::default();
                        pool.caller.sign_in(&pool.devices[client], &mut spent).await;
                        all.lock().unwrap().push(spent);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let cpu = microseconds(ClockId::ProcessCPUTime) - started;
        let all = all.lock().unwrap();
        let clients: f64 = all.iter().map(|spent| spent.computing).sum();
        taken.cpu.push((cpu - clients) / all.len() as f64);
        taken.latencies.extend(all.iter().map(|spent| spent.calls));
    }
}
