//! Measures how many changes a second the SQLite store acknowledges, by number of threads.
//!
//! `cargo run --release -p device-store --example apply_rate -- [DIRECTORY]` measures on the disk
//! of DIRECTORY (default: the current directory). Each change replaces two records of a kilobyte,
//! with an expectation on each.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use device_pool::store::{Change, Key, Store, StoreError, Table, Write};
use device_store::SqliteStore;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = std::env::args_os().nth(1).unwrap_or_else(|| ".".into());
    println!("threads  applies/s  mean ms");
    for threads in [1, 8, 32] {
        let directory = tempfile::tempdir_in(Path::new(&place))?;
        let store = SqliteStore::open(directory.path())?;
        let (rate, latency) = measure(&store, threads)?;
        println!("{threads:7}  {rate:9.0}  {:7.2}", latency * 1e3);
    }
    Ok(())
}

/// Changes a second, and the mean time of one in seconds.
fn measure(store: &SqliteStore, threads: usize) -> Result<(f64, f64), StoreError> {
    let (stop, total) = (AtomicBool::new(false), AtomicUsize::new(0));
    let start = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let (stop, total) = (&stop, &total);
                scope.spawn(move || {
                    let keys = [Table::User, Table::Device]
                        .map(|table| Key { table, id: format!("pool/{worker}") });
                    while !stop.load(Ordering::Relaxed) {
                        replace(store, &keys)?;
                        total.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        thread::sleep(Duration::from_secs(3));
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
    })?;
    let (seconds, count) = (start.elapsed().as_secs_f64(), total.into_inner() as f64);
    Ok((count / seconds, seconds * threads as f64 / count))
}

fn replace(store: &SqliteStore, keys: &[Key]) -> Result<(), StoreError> {
    let body = format!(r#"{{"verifier":"{}"}}"#, "0123456789abcdef".repeat(64));
    let mut change = Change::default();
    for key in keys {
        change.expect.push((key.clone(), store.get(key)?.map(|record| record.version)));
        change
            .writes
            .push((key.clone(), Write::Put { body: body.clone().into_bytes(), expires_at: None }));
    }
    store.apply(change)
}
