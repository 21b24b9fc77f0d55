//! Retries: their number, and the wait before each.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How often and how fast a client retries.
///
/// Whether a request may be retried at all depends on the request: see
/// [`Repeat`](device_proto::Repeat).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The maximum number of times that a request is sent, including the first.
    pub attempts: u32,
    /// The longest wait before the second attempt. It doubles before each further attempt.
    pub base_delay: Duration,
    /// The maximum of the doubled wait.
    pub max_delay: Duration,
    /// The number of retries that all calls of a client share. A call that succeeds returns a tenth
    /// of a retry.
    pub budget: u32,
}

impl RetryPolicy {
    /// No retries.
    #[must_use]
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// The policy with this number of attempts for a call, including the first.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The policy with these waits: the base before the second attempt, and the maximum.
    #[must_use]
    pub fn with_delays(mut self, base: Duration, max: Duration) -> Self {
        self.base_delay = base;
        self.max_delay = max;
        self
    }

    /// The wait after attempt number `failed` (from 1), scaled by `random` (0 to 1).
    ///
    /// The factor keeps clients that failed at the same time from retrying at the same time.
    fn delay(&self, failed: u32, random: f64) -> Duration {
        let ceiling = self.base_delay.saturating_mul(2u32.saturating_pow(failed.saturating_sub(1)));
        ceiling.min(self.max_delay).mul_f64(random.clamp(0.0, 1.0))
    }
}

impl Default for RetryPolicy {
    /// Three attempts, at most 200 ms and 400 ms apart, and a budget of 100.
    fn default() -> Self {
        Self {
            attempts: 3,
            base_delay: Duration::from_millis(200),
            max_delay: Duration::from_secs(5),
            budget: 100,
        }
    }
}

/// A policy with the rest of its budget, shared by all calls of a client.
#[derive(Debug)]
pub(crate) struct Retries {
    policy: RetryPolicy,
    tenths: AtomicU32,
    /// Draws a random number from 0 to 1.
    jitter: fn() -> f64,
}

impl Retries {
    pub(crate) fn new(policy: RetryPolicy, jitter: fn() -> f64) -> Self {
        Self { policy, tenths: AtomicU32::new(policy.budget.saturating_mul(10)), jitter }
    }

    /// The wait before the next attempt, after attempt number `failed` (from 1); `None` if attempts
    /// or budget are used up.
    pub(crate) fn next(&self, failed: u32) -> Option<Duration> {
        if failed >= self.policy.attempts {
            return None;
        }
        let spent = self
            .tenths
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(10))
            .is_ok();
        spent.then(|| self.policy.delay(failed, (self.jitter)()))
    }

    /// Returns a tenth of a retry to the budget.
    pub(crate) fn succeeded(&self) {
        let full = self.policy.budget.saturating_mul(10);
        // It fails if the budget is full, which needs no handling.
        let _ = self.tenths.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            (left < full).then(|| left.saturating_add(1))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_random() {
        let policy = RetryPolicy::default()
            .with_delays(Duration::from_millis(100), Duration::from_millis(350));
        let ms = |failed, random| policy.delay(failed, random).as_millis();
        assert_eq!([ms(1, 1.0), ms(2, 1.0), ms(3, 1.0), ms(u32::MAX, 1.0)], [100, 200, 350, 350]);
        assert_eq!([ms(1, 0.0), ms(2, 0.5), ms(1, 7.0)], [0, 100, 100]);
    }

    #[test]
    fn attempts_and_budget_run_out() {
        let retries = Retries::new(RetryPolicy { budget: 2, ..RetryPolicy::default() }, || 0.0);
        assert!(retries.next(3).is_none(), "the third attempt is the last");
        assert!(retries.next(1).is_some());
        assert!(retries.next(1).is_some());
        assert!(retries.next(1).is_none(), "the budget is spent");
        for _ in 0..10 {
            retries.succeeded();
        }
        assert!(retries.next(1).is_some(), "ten successes buy one");
        assert!(retries.next(1).is_none());
    }

    #[test]
    fn the_policy_never_has_no_retries() {
        assert!(Retries::new(RetryPolicy::never(), || 0.0).next(1).is_none());
    }
}
