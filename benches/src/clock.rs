//! Time of this thread alone.

/// The middle one.
#[must_use]
pub fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// What a call costs this thread in CPU time, so that other processes do not count.
#[must_use]
pub fn cpu_microseconds(run: impl FnOnce()) -> f64 {
    let start = cpu_seconds();
    run();
    (cpu_seconds() - start) * 1e6
}

#[allow(unsafe_code, reason = "a system call")]
fn cpu_seconds() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes the struct
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}
