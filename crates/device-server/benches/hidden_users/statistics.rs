//! Whether two samples of times are told apart.

/// The slowest samples are those that something else interrupted.
const PERCENTILES: [f64; 6] = [1.0, 0.95, 0.9, 0.8, 0.65, 0.5];

/// Welch's t of two samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |samples: &[f64]| {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

/// The largest |t|, over all samples and over those below each percentile of both together.
pub(crate) fn largest_t(a: &[f64], b: &[f64]) -> f64 {
    let mut both = [a, b].concat();
    both.sort_by(f64::total_cmp);
    let below = |part: f64| {
        let limit = both[((both.len() as f64 * part) as usize).min(both.len() - 1)];
        let cropped = |samples: &[f64]| -> Vec<f64> {
            samples.iter().copied().filter(|sample| *sample <= limit).collect()
        };
        welch(&cropped(a), &cropped(b)).abs()
    };
    PERCENTILES.map(below).into_iter().fold(0.0, f64::max)
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
