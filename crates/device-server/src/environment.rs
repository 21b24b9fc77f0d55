//! Time and randomness, which a test may replace.

use std::time::{SystemTime, UNIX_EPOCH};

use rand::rngs::SysRng;
use rand_core::{CryptoRng, UnwrapErr};

/// The source of the time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_millis(&self) -> i64;
}

/// The source of randomness for keys, ephemerals, nonces and request ids.
pub trait Entropy: Send + Sync {
    /// A generator for one call. No two calls get the same output.
    fn generator(&self) -> Box<dyn CryptoRng>;
}

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now_millis(&self) -> i64 {
        // A clock before 1970 counts as the epoch: every token is then expired, and none is valid
        // for ever.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn generator(&self) -> Box<dyn CryptoRng> {
        // Without randomness, a panic (answered as a 500) beats a predictable key.
        Box::new(UnwrapErr(SysRng))
    }
}
