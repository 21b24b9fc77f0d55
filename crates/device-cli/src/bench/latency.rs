//! Latencies, in a few numbers.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Milliseconds.
#[derive(Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

/// The longest latency that is told apart, in microseconds: a minute.
const MAX_US: u64 = 60_000_000;

/// An empty histogram of microseconds, with three significant digits.
#[expect(clippy::expect_used, reason = "the bounds are constants that the histogram accepts")]
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, MAX_US, 3).expect("the bounds are valid")
}

/// Adds a latency to a histogram of microseconds.
pub(crate) fn record(latencies: &mut Histogram<u64>, latency: Duration) {
    let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    latencies.saturating_record(microseconds.max(1));
}

impl Latency {
    /// Of microseconds.
    pub(crate) fn of(latencies: &Histogram<u64>) -> Self {
        let milliseconds = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            p50: milliseconds(0.5),
            p99: milliseconds(0.99),
            p999: milliseconds(0.999),
            max: latencies.max() as f64 / 1e3,
        }
    }
}
