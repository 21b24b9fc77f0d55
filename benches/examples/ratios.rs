//! Compares each operation with the best constant-time peer, and exits with 1 below a floor.
//!
//! A line has our time for one handshake, the peer's, their ratio, and the floor, which depends on
//! the kernel. Times are medians of this thread's CPU time. Rounds alternate, so that a slow moment
//! affects everyone.

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
        let floor = work.floor.here();
        let below = ratio.is_nan() || ratio < floor;
        let verdict = if below { "BELOW" } else { "" };
        println!(
            "{:40} {ours:8.1} us {theirs:8.1} us {ratio:6.2}x  \
             floor {floor:5.2}x {verdict:6} {best}",
            work.name
        );
        failed |= below;
    }
    std::process::exit(i32::from(failed));
}
