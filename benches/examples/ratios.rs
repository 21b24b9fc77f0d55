//! One line an operation: our time for one handshake, the best constant-time peer's, their ratio, and the floor it must not
//! fall below. Exits with 1 if one does, with 2 where this CPU lacks what the floors are for.
//!
//! Times are of this thread's CPU, medians, all of them taken in turn so that a slow moment meets everyone.

use device_benches::{Peer, Work, cpu_microseconds as time, median, peers, works};

const ROUNDS: usize = 15;

fn main() {
    let peers: Vec<_> = peers().into_iter().filter(|peer| peer.constant_time()).collect();
    let mut failed = false;
    for work in works(&peers) {
        let (ours, theirs, best) = measure(&work, &peers);
        let ratio = theirs / ours;
        let verdict = if ratio < work.floor { "BELOW" } else { "" };
        println!(
            "{:40} {ours:8.1} us {theirs:8.1} us {ratio:6.2}x  floor {:4.1}x {verdict:6} {best}",
            work.name, work.floor
        );
        failed |= ratio < work.floor;
    }
    #[cfg(target_arch = "x86_64")]
    let fast = std::arch::is_x86_feature_detected!("avx512ifma");
    #[cfg(not(target_arch = "x86_64"))]
    let fast = false;
    if !fast {
        eprintln!("the floors are for CPUs with AVX-512 IFMA");
        std::process::exit(2);
    }
    std::process::exit(i32::from(failed));
}

/// Medians in microseconds a handshake: ours, the best peer's, and its name.
fn measure(work: &Work, peers: &[Box<dyn Peer>]) -> (f64, f64, &'static str) {
    let mut ours = Vec::new();
    let mut theirs = vec![Vec::new(); peers.len()];
    for _ in 0..ROUNDS {
        // a vector unit that slept needs a moment to wake, as it would in a busy server
        (work.ours)();
        ours.push(time(|| (work.ours)()) / work.count as f64);
        for (peer, times) in peers.iter().zip(&mut theirs) {
            times.push(time(|| (work.theirs)(&**peer)));
        }
    }
    let best = theirs.into_iter().map(median).zip(peers.iter().map(|peer| peer.name()));
    let (theirs, name) = best.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap_or((f64::NAN, "none"));
    (median(ours), theirs, name)
}
