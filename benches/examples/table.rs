//! Prints the table of README.md: CPU microseconds for one handshake.
//!
//! The times are medians of interleaved runs, for this project and every peer.

use device_benches::{measure, peers, works};

const ROUNDS: usize = 11;

fn main() {
    let peers = peers();
    let names: Vec<_> = peers.iter().map(|peer| peer.name()).collect();
    println!("| | device-srp | {} |", names.join(" | "));
    println!("|---{}|", "|---".repeat(peers.len() + 1));
    for work in works(&peers) {
        let (ours, theirs) = measure(&work, &peers, ROUNDS);
        let cell = |time: Option<f64>| time.map_or_else(String::new, |time| format!("{time:.0}"));
        let theirs: Vec<_> = theirs.into_iter().map(cell).collect();
        println!("| {} | {ours:.0} | {} |", work.name, theirs.join(" | "));
    }
}
