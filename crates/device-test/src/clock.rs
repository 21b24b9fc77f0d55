//! Time that stands still until it is told to move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A clock that a test sets. Clones show the same time.
#[derive(Debug, Clone)]
pub struct FakeClock {
    millis: Arc<AtomicI64>,
}

impl FakeClock {
    /// The start time of a new clock: 2025-11-06T09:05:07Z.
    ///
    /// Its day has one digit, which implementations of timestamps often get wrong.
    pub const START_MILLIS: i64 = 1_762_419_907_000;

    /// A clock at [`FakeClock::START_MILLIS`].
    #[must_use]
    pub fn new() -> Self {
        Self::at(Self::START_MILLIS)
    }

    /// A clock at `millis` milliseconds since the epoch.
    #[must_use]
    pub fn at(millis: i64) -> Self {
        Self { millis: Arc::new(AtomicI64::new(millis)) }
    }

    /// The time, in milliseconds since the epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.millis.load(Ordering::SeqCst)
    }

    /// The time, for APIs that take a `SystemTime`. A time before the epoch reads as the epoch.
    #[must_use]
    pub fn system_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(u64::try_from(self.now()).unwrap_or_default())
    }

    /// Sets the time, forwards or back.
    pub fn set(&self, time: SystemTime) {
        self.millis.store(millis(time), Ordering::SeqCst);
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.millis.fetch_add(by, Ordering::SeqCst);
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl From<SystemTime> for FakeClock {
    fn from(time: SystemTime) -> Self {
        Self::at(millis(time))
    }
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(feature = "server")]
impl device_server::Clock for FakeClock {
    fn now_millis(&self) -> i64 {
        self.now()
    }
}
