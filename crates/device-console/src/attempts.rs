//! Failed sign-ins by source, so that an access key cannot be guessed.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use device_server::Network;
use sha2::{Digest, Sha256};

/// Failures of one source before it has to wait.
const MAX_FAILURES: u32 = 10;

/// How long a source is remembered after its first failure: 15 minutes, in milliseconds.
const WINDOW: i64 = 15 * 60 * 1000;

/// Sources remembered at a time. Beyond, the one that failed first is forgotten: a full table
/// closes the form to nobody.
const MAX_SOURCES: usize = 10_000;

/// Failed sign-ins of the last quarter of an hour.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<Counted, Failures>>);

/// What attempts are counted by: where they come from.
///
/// All administrators may be behind one private address, such as that of a proxy which is not
/// trusted, and strangers with them. There the id of the access key is counted as well. Strangers
/// do not know it, so they cannot use up the attempts of those who do.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Counted {
    network: Network,
    /// A hash, since a form may hold any text.
    key_id: Option<[u8; 32]>,
}

impl Counted {
    /// A request without an address did not come over a socket: all of them count as one source.
    pub(crate) fn new(source: Option<IpAddr>, key_id: &str) -> Self {
        let is_private = source.is_some_and(Network::is_private);
        Self {
            network: source.unwrap_or(IpAddr::from([0, 0, 0, 0])).into(),
            key_id: is_private.then(|| Sha256::digest(key_id).into()),
        }
    }
}

struct Failures {
    since: i64,
    count: u32,
}

impl Attempts {
    /// Whether a key may be tried at the time `now`.
    pub(crate) fn may_try(&self, counted: &Counted, now: i64) -> bool {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sources.retain(|_, failures| now - failures.since < WINDOW);
        sources.get(counted).is_none_or(|failures| failures.count < MAX_FAILURES)
    }

    /// Counts a failure.
    pub(crate) fn failed(&self, counted: Counted, now: i64) {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sources.len() >= MAX_SOURCES && !sources.contains_key(&counted) {
            let first = sources.iter().min_by_key(|(_, failures)| failures.since);
            if let Some(first) = first.map(|(counted, _)| counted.clone()) {
                sources.remove(&first);
            }
        }
        let failures = sources.entry(counted).or_insert(Failures { since: now, count: 0 });
        failures.count = failures.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str, key_id: &str) -> Counted {
        Counted::new(Some(address.parse().unwrap()), key_id)
    }

    fn fail(attempts: &Attempts, counted: &Counted, now: i64) {
        for _ in 0..MAX_FAILURES {
            assert!(attempts.may_try(counted, now));
            attempts.failed(counted.clone(), now);
        }
    }

    #[test]
    fn a_source_waits_after_ten_failures() {
        let attempts = Attempts::default();
        let source = from("192.0.2.1", "A");
        fail(&attempts, &source, 0);
        assert!(!attempts.may_try(&source, WINDOW - 1));
        assert!(!attempts.may_try(&from("192.0.2.1", "B"), 1));
        assert!(attempts.may_try(&from("192.0.2.2", "A"), 1));
        assert!(attempts.may_try(&source, WINDOW));
    }

    #[test]
    fn behind_a_private_address_each_key_is_counted() {
        let attempts = Attempts::default();
        for address in ["10.0.0.1", "127.0.0.1", "fd00::1"] {
            fail(&attempts, &from(address, "A"), 0);
            assert!(!attempts.may_try(&from(address, "A"), 1), "{address}");
            assert!(attempts.may_try(&from(address, "B"), 1), "{address}");
        }
    }

    #[test]
    fn a_full_table_closes_the_form_to_nobody() {
        let attempts = Attempts::default();
        for n in 0..MAX_SOURCES {
            attempts.failed(from("10.0.0.1", &n.to_string()), i64::try_from(n).unwrap());
        }
        let other = from("192.0.2.1", "A");
        fail(&attempts, &other, 10_000);
        assert!(!attempts.may_try(&other, 10_001));
        assert_eq!(attempts.0.lock().unwrap().len(), MAX_SOURCES);
    }
}
