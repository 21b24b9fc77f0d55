//! Randomness that a service and its test share.

use std::sync::{Arc, Mutex, PoisonError};

use device_server::Entropy;
use rand_core::CryptoRng;

use crate::rng::SeededRng;

/// A generator that calls share. Each call forks its own generator from it.
#[derive(Clone)]
pub(crate) struct SharedRng {
    seed: u64,
    rng: Arc<Mutex<SeededRng>>,
}

impl SharedRng {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, rng: Arc::new(Mutex::new(SeededRng::new(seed))) }
    }

    pub(crate) fn fork(&self) -> SeededRng {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fork()
    }

    /// Starts again from the seed.
    pub(crate) fn restart(&self) {
        *self.rng.lock().unwrap_or_else(PoisonError::into_inner) = SeededRng::new(self.seed);
    }
}

impl Entropy for SharedRng {
    fn generator(&self) -> Box<dyn CryptoRng> {
        Box::new(self.fork())
    }
}
