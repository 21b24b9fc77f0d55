//! Measures whether the time of an answer tells which users exist, where a client hides them.
//!
//! ```text
//! cargo bench -p device-server --bench hidden_users            # all of it: some minutes
//! cargo bench -p device-server --bench hidden_users -- http    # or in-process
//! ```
//!
//! Names of six kinds start sign-ins in random turns: two kinds that nobody has, plain users, users
//! with 24 earlier passwords, users with 40 kB of attributes, and users with a software token. Each
//! kind is compared with the first by Welch's t-test, over all samples and over those below five
//! percentiles, as dudect does; the second kind of nobody shows what the machine makes of equals.
//! The largest |t| counts. Beyond 4.5 two kinds are told apart. If they are over HTTP, as an
//! attacker measures, the bench fails.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the terminal, which measures time"
)]

mod statistics;
mod world;

use std::sync::Arc;

use device_pool::store::Store;
use device_store::{MemoryStore, SqliteStore};
use rand::RngExt;
use rand::seq::SliceRandom;

use statistics::{largest_t, median};
use world::{KINDS, Kind, NAMES, STEPS, Way, World};

/// Samples of each kind and step.
const SAMPLES: usize = 10_000;

/// Beyond this dudect calls two distributions different.
const THRESHOLD: f64 = 4.5;

fn main() {
    let given: Vec<String> = std::env::args().collect();
    let is_given = |name: &str| given.iter().any(|argument| argument == name);
    // As criterion's benchmarks, which with this flag only show that they run.
    let trial = is_given("--test");
    let samples = if trial { 20 } else { SAMPLES };
    let ways = match (is_given("http"), is_given("in-process")) {
        (true, false) => vec![Way::Http],
        (false, true) => vec![Way::InProcess],
        _ => vec![Way::InProcess, Way::Http],
    };
    let directory = std::env::temp_dir().join(format!("hidden-users-{}", std::process::id()));
    let sqlite = SqliteStore::open(&directory).unwrap();
    let stores: [(&str, Arc<dyn Store>); 2] =
        [("memory", Arc::new(MemoryStore::new())), ("SQLite", Arc::new(sqlite))];
    let mut told = false;
    println!("| way | store | step | names | median us | largest abs t |");
    println!("|---|---|---|---|---|---|");
    for (store_name, store) in stores {
        let mut world = World::new(&store);
        for way in &ways {
            for step in STEPS {
                let took = measure(&mut world, *way, step, samples);
                for kind in KINDS {
                    let own = &took[kind as usize];
                    let t = largest_t(own, &took[Kind::Nobody as usize]);
                    told |= *way == Way::Http && t > THRESHOLD;
                    let us = median(own) / 1000.0;
                    println!("| {way:?} | {store_name} | {step} | {kind:?} | {us:.1} | {t:.1} |");
                }
            }
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(trial || !told, "over HTTP, some names are told apart by time");
}

/// The times of a step under names of each kind, in random turns.
fn measure(world: &mut World, way: Way, step: &str, samples: usize) -> [Vec<f64>; KINDS.len()] {
    let mut took = [const { Vec::new() }; KINDS.len()];
    for _ in 0..samples {
        let mut turns = KINDS;
        turns.shuffle(&mut world.rng);
        for kind in turns {
            let name = kind.name(world.rng.random_range(0..NAMES));
            took[kind as usize].push(world.take(way, step, &name));
        }
    }
    took
}
