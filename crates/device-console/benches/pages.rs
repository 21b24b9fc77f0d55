//! Measures how large the console's pages are, and how long the server computes for each.
//!
//! ```text
//! USERS=1000000 STORE=sqlite CONTENT=longest cargo bench -p device-console --bench pages
//! ```
//!
//! `STORE` may be `memory`, and `CONTENT` `ordinary`. `WAITING` is how many users are not
//! confirmed, and how many changes of the count of users are not added up yet. The time is that of
//! the whole process, on all of its threads.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the terminal"
)]

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/wire/browser.rs"]
mod browser;
#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/wire/crowd.rs"]
mod crowd;

use std::sync::Arc;
use std::time::Duration;

use device_pool::store::Store;
use device_store::{MemoryStore, SqliteStore};
use rustix::time::{ClockId, clock_gettime};

use crate::browser::{Browser, Site};
use crate::crowd::{Content, Crowd};

/// How often each page is asked for. The median counts.
const ROUNDS: usize = 9;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let set = |name: &str, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let users = set("USERS", "10000").parse().unwrap();
    let is_longest = set("CONTENT", "longest") == "longest";
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = match &*set("STORE", "sqlite") {
        "memory" => Arc::new(MemoryStore::new()),
        _ => Arc::new(SqliteStore::open(directory.path()).unwrap()),
    };
    let site = Site::in_store(store, |service| service);
    let mut browser = Browser::new(&site);
    browser.get("/console/sign-in").await;
    let waiting = set("WAITING", "1100").parse().unwrap();
    let others = if is_longest { 61 } else { 3 };
    let content = Content { users, waiting, others, is_longest };
    let crowd = Crowd::make(&site, content).await;
    let mut pages = crowd.pages(&mut browser).await;
    pages.push(("/console/sign-in", "/console/sign-in".to_owned()));
    println!("{:>8} {:>10}", "bytes", "CPU ms");
    for (route, path) in pages {
        let mut took = Vec::new();
        let mut bytes = 0;
        for _ in 0..ROUNDS {
            let start = cpu_time();
            bytes = browser.get(&path).await.body.len();
            took.push(cpu_time() - start);
        }
        took.sort_by(f64::total_cmp);
        let query = path.split_once('?').map_or("", |(_, query)| query);
        let last = path.split('?').next().unwrap().rsplit('/').next().unwrap();
        println!("{bytes:>8} {:>10.2}  {route} {last:.40} {query}", took[ROUNDS / 2]);
    }
}

/// The processor time of this process, in milliseconds.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = Duration::from_secs(time.tv_sec.try_into().unwrap());
    (seconds + Duration::from_nanos(time.tv_nsec.try_into().unwrap())).as_secs_f64() * 1e3
}
