//! The part of a sign-in that no server avoids: signatures and proofs, measured beside the load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use device_srp::{ClientEphemeral, Identity, Proof, Salt, ServerEphemeral, Verifier};
use serde::Serialize;

use super::BenchError;
use super::act::Act;

/// The time between two samples, so that sampling takes a few percent of a core.
const PAUSE: Duration = Duration::from_millis(100);

/// Each sample is the middle one of these, after one that warms caches up.
const REPETITIONS: usize = 3;

/// A token's length before its signature.
const TOKEN_BYTES: usize = 1000;

/// Microseconds of CPU on this machine, while it is under the measured load.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Unavoidable {
    /// One RS256 signature by a key of 2048 bits.
    pub(crate) rs256_us: f64,
    /// One SRP verification, from the verifier to the checked proof.
    pub(crate) srp_us: f64,
}

impl Unavoidable {
    /// The sum for an act; `None` if nothing of it is unavoidable.
    pub(crate) fn of(self, act: Act) -> Option<f64> {
        let (signatures, proofs) = match act {
            Act::DeviceSignIn => (2.0, 2.0),
            Act::PasswordSignIn => (2.0, 1.0),
            Act::Refresh => (2.0, 0.0),
            Act::List => return None,
        };
        Some(signatures * self.rs256_us + proofs * self.srp_us)
    }
}

/// A thread that takes samples until it is asked for the result.
pub(crate) struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Option<Unavoidable>>,
}

impl Sampler {
    pub(crate) fn start() -> Result<Self, BenchError> {
        let work = Work::new().ok_or_else(|| BenchError::start("no key can be generated"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("unavoidable".to_owned())
            .spawn(move || work.sample_until(&stopped))
            .map_err(BenchError::start)?;
        Ok(Self { stop, thread })
    }

    /// The median of the samples; `None` if this system does not measure a thread's CPU time.
    pub(crate) fn finish(self) -> Option<Unavoidable> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().ok().flatten()
    }
}

struct Work {
    key: KeyPair,
    verifier: Verifier,
    client: ClientEphemeral,
    proof: Proof,
}

impl Work {
    fn new() -> Option<Self> {
        let key = KeyPair::generate(KeySize::Rsa2048).ok()?;
        let salt = Salt::random(&mut rand::rng());
        let mut verifier = Verifier::derive(&IDENTITY, "a password", &salt);
        // As the service stores it.
        verifier.prepare();
        let client = ClientEphemeral::generate(&mut rand::rng());
        let proof = Proof::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").ok()?;
        Some(Self { key, verifier, client, proof })
    }

    fn sample_until(&self, stopped: &AtomicBool) -> Option<Unavoidable> {
        let (mut rs256, mut srp) = (Vec::new(), Vec::new());
        loop {
            rs256.push(middle(|| self.sign())?);
            srp.push(middle(|| self.verify())?);
            if stopped.load(Ordering::Relaxed) {
                return Some(Unavoidable { rs256_us: median(rs256)?, srp_us: median(srp)? });
            }
            thread::park_timeout(PAUSE);
        }
    }

    fn sign(&self) {
        let mut signature = vec![0; self.key.public_modulus_len()];
        let token = [b'a'; TOKEN_BYTES];
        let random = SystemRandom::new();
        let signed = self.key.sign(&RSA_PKCS1_SHA256, &random, &token, &mut signature);
        std::hint::black_box((signed.is_ok(), signature));
    }

    fn verify(&self) {
        let ephemeral = ServerEphemeral::generate(&mut rand::rng(), &self.verifier);
        let verified = ephemeral
            .session_key(&self.verifier, self.client.public())
            .and_then(|key| key.verify(&IDENTITY, &[0; 1024], TIMESTAMP, &self.proof));
        std::hint::black_box(verified.is_ok());
    }
}

const IDENTITY: Identity<'static> = Identity::user("pool", "user");
const TIMESTAMP: &str = "Tue Apr 5 12:00:00 UTC 2022";

/// The middle CPU time of some repetitions, in microseconds.
fn middle(work: impl Fn()) -> Option<f64> {
    work();
    let times = (0..REPETITIONS).map(|_| {
        let started = thread_cpu_us()?;
        work();
        Some(thread_cpu_us()? - started)
    });
    median(times.collect::<Option<Vec<_>>>()?)
}

fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

#[cfg(unix)]
fn thread_cpu_us() -> Option<f64> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3)
}

#[cfg(not(unix))]
fn thread_cpu_us() -> Option<f64> {
    None
}
