//! The CPU time of this thread.

use crate::peer::Peer;
use crate::work::Work;

/// The median.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The CPU time of a call on this thread, which does not include other processes.
fn cpu_microseconds(run: impl FnOnce()) -> f64 {
    let start = cpu_seconds();
    run();
    (cpu_seconds() - start) * 1e6
}

#[allow(unsafe_code, reason = "a system call")]
fn cpu_seconds() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call only writes to the struct
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Measures the microseconds of one handshake: ours, and each peer's if it does this work.
///
/// They are medians over `rounds`. Everyone has a turn in each round, so that a slow moment affects
/// all.
#[must_use]
pub fn measure(work: &Work, peers: &[Box<dyn Peer>], rounds: usize) -> (f64, Vec<Option<f64>>) {
    let mut ours = Vec::new();
    let mut theirs = vec![Vec::new(); peers.len()];
    for _ in 0..rounds {
        // Warms up the vector unit, which is slow after a pause. A busy server has no pauses.
        (work.ours)();
        ours.push(cpu_microseconds(|| (work.ours)()) / work.count as f64);
        for (peer, times) in peers.iter().zip(&mut theirs) {
            let mut does = None;
            let time = cpu_microseconds(|| does = (work.theirs)(&**peer));
            times.extend(does.map(|()| time));
        }
    }
    let median_of = |times: Vec<f64>| (!times.is_empty()).then(|| median(times));
    (median(ours), theirs.into_iter().map(median_of).collect())
}
