//! One line an operation: our time for one handshake, the best constant-time peer's, their ratio,
//! and the floor it must not fall below. Exits with 1 if one does, with 2 where this CPU lacks what
//! the floors are for.
//!
//! Times are of this thread's CPU, medians, all of them taken in turn so that a slow moment meets
//! everyone.

use device_benches::{measure, peers, works};

const ROUNDS: usize = 15;

fn main() {
    let peers: Vec<_> = peers().into_iter().filter(|peer| peer.constant_time()).collect();
    let mut failed = false;
    for work in works(&peers) {
        let (ours, theirs) = measure(&work, &peers, ROUNDS);
        let named =
            theirs.into_iter().zip(&peers).filter_map(|(time, peer)| Some((time?, peer.name())));
        let best = named.min_by(|a, b| a.0.total_cmp(&b.0));
        let (theirs, best) = best.unwrap_or((f64::NAN, "none"));
        let ratio = theirs / ours;
        let below = ratio.is_nan() || ratio < work.floor;
        let verdict = if below { "BELOW" } else { "" };
        println!(
            "{:40} {ours:8.1} us {theirs:8.1} us {ratio:6.2}x  floor {:4.1}x {verdict:6} {best}",
            work.name, work.floor
        );
        failed |= below;
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
