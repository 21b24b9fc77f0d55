//! What the server takes from the world around it, so that a test can hand it another one.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use device_pool::store::Store;
use device_pool::{Arithmetic, Config, Engine, Hooks, NoHooks, SigningKeySource};
use rand::rngs::SysRng;
use rand_core::{CryptoRng, UnwrapErr};

use crate::handshake_batcher::{DEFAULT_MAX_WAITING, HandshakeBatcher};
use crate::signing_keys::PregeneratedKeys;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_millis(&self) -> i64;
}

/// Where randomness comes from: keys, ephemerals, nonces and request ids.
pub trait Entropy: Send + Sync {
    /// A generator for one call. Two calls never see the same output.
    fn generator(&self) -> Box<dyn CryptoRng>;
}

/// Time, randomness, token-signing keys, the operator's hooks and the arithmetic.
#[derive(Clone)]
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Token-signing keys for new pools.
    pub signing_keys: Arc<dyn SigningKeySource>,
    /// What the operator decides in place of the service's lambda triggers.
    pub hooks: Arc<dyn Hooks>,
    /// Where handshakes are computed.
    pub arithmetic: Arc<dyn Arithmetic>,
}

impl Environment {
    /// An engine over `store` that asks this environment.
    pub(crate) fn engine(&self, store: Arc<dyn Store>, config: Config) -> Engine {
        Engine::builder(store, config, Arc::clone(&self.signing_keys))
            .hooks(Arc::clone(&self.hooks))
            .arithmetic(Arc::clone(&self.arithmetic))
            .build()
    }

    /// The machine's own clock and randomness, keys made ahead of need by a thread that this
    /// starts, no hooks, and a [`HandshakeBatcher`].
    #[must_use]
    pub fn system() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            signing_keys: Arc::new(PregeneratedKeys::start()),
            hooks: Arc::new(NoHooks),
            arithmetic: Arc::new(HandshakeBatcher::new(DEFAULT_MAX_WAITING)),
        }
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now_millis(&self) -> i64 {
        // A clock set before 1970 reads as the epoch: every token is then out of date, and none
        // lives for ever.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn generator(&self) -> Box<dyn CryptoRng> {
        // Should the system have no randomness, a panic (answered as a 500) beats a predictable
        // key.
        Box::new(UnwrapErr(SysRng))
    }
}
