//! One line an operation: our time for one handshake, the best constant-time peer's, their ratio,
//! and the floor it must not fall below, which depends on the kernel. Exits with 1 if one does.
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
