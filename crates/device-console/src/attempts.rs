//! Failed sign-ins by source, so that an access key cannot be guessed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use device_server::Network;

/// Failures of one source before it has to wait.
const MAX_FAILURES: u32 = 10;

/// How long a source is remembered after its first failure: 15 minutes, in milliseconds.
const WINDOW: i64 = 15 * 60 * 1000;

/// Sources remembered at a time. Beyond, the console takes no more keys until some are forgotten.
const MAX_SOURCES: usize = 10_000;

/// Failed sign-ins of the last quarter of an hour.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<Network, Failures>>);

struct Failures {
    since: i64,
    count: u32,
}

impl Attempts {
    /// Whether `source` may try a key at the time `now`.
    pub(crate) fn may_try(&self, source: Option<IpAddr>, now: i64) -> bool {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|_, failures| now - failures.since < WINDOW);
        match sources.get(&network(source)) {
            Some(failures) => failures.count < MAX_FAILURES,
            None => sources.len() < MAX_SOURCES,
        }
    }

    /// Counts a failure of `source`.
    pub(crate) fn failed(&self, source: Option<IpAddr>, now: i64) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = sources.entry(network(source)).or_insert(Failures { since: now, count: 0 });
        failures.count = failures.count.saturating_add(1);
    }
}

/// A request without an address did not come over a socket: all of them count as one source.
fn network(source: Option<IpAddr>) -> Network {
    source.unwrap_or(IpAddr::from([0, 0, 0, 0])).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_waits_after_ten_failures() {
        let attempts = Attempts::default();
        let source = Some(IpAddr::from([192, 0, 2, 1]));
        for _ in 0..MAX_FAILURES {
            assert!(attempts.may_try(source, 0));
            attempts.failed(source, 0);
        }
        assert!(!attempts.may_try(source, WINDOW - 1));
        assert!(attempts.may_try(Some(IpAddr::from([192, 0, 2, 2])), 1));
        assert!(attempts.may_try(source, WINDOW));
    }
}
