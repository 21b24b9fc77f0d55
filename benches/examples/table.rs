//! The table of README.md: CPU microseconds a handshake, medians of interleaved runs, for this project and every peer.

use device_benches::{cpu_microseconds, median, peers, works};

const ROUNDS: usize = 11;

fn main() {
    let peers = peers();
    let names: Vec<_> = peers.iter().map(|peer| peer.name()).collect();
    println!("| | device-srp | {} |", names.join(" | "));
    println!("|---{}|", "|---".repeat(peers.len() + 1));
    for work in works(&peers) {
        let mut ours = Vec::new();
        let mut theirs = vec![Vec::new(); peers.len()];
        for _ in 0..ROUNDS {
            (work.ours)();
            ours.push(cpu_microseconds(|| (work.ours)()) / work.count as f64);
            for (peer, times) in peers.iter().zip(&mut theirs) {
                times.push(cpu_microseconds(|| (work.theirs)(&**peer)));
            }
        }
        let theirs: Vec<_> = theirs.into_iter().map(|times| format!("{:.0}", median(times))).collect();
        println!("| {} | {:.0} | {} |", work.name, median(ours), theirs.join(" | "));
    }
}
