//! The latency of acts, in a few numbers.

use hdrhistogram::Histogram;
use serde::Serialize;

/// Milliseconds of an act's calls, without the client's own arithmetic.
#[derive(Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
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
