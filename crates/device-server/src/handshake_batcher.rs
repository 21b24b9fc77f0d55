//! Batches the arithmetic of concurrent sign-ins, so that they share the lanes of a vector.
//!
//! There is no thread and no timer. Up to one call per core computes at once on its own thread;
//! later calls queue. A thread that finishes hands its slot to the head of the queue, which
//! computes alone, or for a batch if enough calls wait to gain from it. So lanes fill under load,
//! and without load no call waits.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use device_pool::{Arithmetic, ServiceError};
use device_srp::{Handshake, PublicValue, ServerEphemeral, SessionKey, Verifier};
use device_wire::ErrorCode;
use rand_core::CryptoRng;

/// The default number of calls that may wait at each step: half of the default calls in flight.
///
/// So a flood at one step of sign-ins leaves room for other calls. A core computes that many in 40
/// ms with vectors, and in less than half a second without.
pub const DEFAULT_MAX_WAITING: usize = 128;

/// A handshake whose client has sent A.
type Answered = (ServerEphemeral, Verifier, PublicValue);

/// Computes handshakes, in batches if enough wait.
///
/// Each of the two steps computes as many batches at a time as this process has cores. If the CPU
/// has no vector arithmetic, it computes them one by one, in the order of arrival.
///
/// The calling thread blocks, so keep it off an async runtime's workers. A batch uses the
/// randomness of the call that computes it.
pub struct HandshakeBatcher {
    // Moving a value leaves a copy behind. With a box the copy is a pointer, not the secret.
    openings: Queue<Verifier, ServerEphemeral>,
    keys: Queue<Answered, Option<SessionKey>>,
}

impl HandshakeBatcher {
    /// Creates a batcher. `max_waiting` calls may wait at each of a handshake's two steps.
    ///
    /// More calls are refused with `TooManyRequestsException`.
    #[must_use]
    pub fn new(max_waiting: usize) -> Self {
        Self { openings: Queue::new(max_waiting), keys: Queue::new(max_waiting) }
    }
}

impl Arithmetic for HandshakeBatcher {
    fn open(
        &self,
        verifier: Verifier,
        mut rng: &mut dyn CryptoRng,
    ) -> Result<ServerEphemeral, ServiceError> {
        self.openings.run(verifier, |verifiers| {
            ServerEphemeral::generate_batch(&mut rng, &verifiers.iter().collect::<Vec<_>>())
        })
    }

    fn session_key(
        &self,
        ephemeral: ServerEphemeral,
        verifier: Verifier,
        a: PublicValue,
    ) -> Result<Option<SessionKey>, ServiceError> {
        self.keys.run((ephemeral, verifier, a), |handshakes| {
            let handshakes: Vec<_> = handshakes
                .iter()
                .map(|(ephemeral, verifier, a)| Handshake { ephemeral, verifier, a })
                .collect();
            device_srp::session_keys(&handshakes).into_iter().map(Result::ok).collect()
        })
    }
}

/// Jobs of one kind, each with a thread that waits for its result.
struct Queue<J, R> {
    /// The number of threads that may compute at a time.
    at_once: usize,
    max_waiting: usize,
    /// The sizes of a batch that is faster than its jobs alone.
    batches: RangeInclusive<usize>,
    state: Mutex<State<J, R>>,
}

struct State<J, R> {
    computing: usize,
    /// Empty while fewer threads compute than may.
    waiting: VecDeque<(J, Sender<Turn<J, R>>)>,
}

/// A message to a waiting thread.
enum Turn<J, R> {
    /// Compute these; the first is yours. Send the results to the owners of the others.
    Compute(Vec<J>, Vec<Sender<Turn<J, R>>>),
    /// Another thread computed your job.
    Done(R),
    /// Another thread failed to compute your job: compute it yourself.
    Alone(J),
}

impl<J, R> Queue<J, R> {
    fn new(max_waiting: usize) -> Self {
        // This includes the quota of a container.
        let at_once = thread::available_parallelism().map_or(1, usize::from);
        let state = Mutex::new(State { computing: 0, waiting: VecDeque::new() });
        Self { at_once, max_waiting, batches: device_srp::batch_sizes(), state }
    }

    /// The result of `job`, computed here or by another call. `compute` may receive jobs of others.
    fn run(&self, job: J, compute: impl FnMut(&[J]) -> Vec<R>) -> Result<R, ServiceError> {
        let turn = self.enter(job)?.recv();
        self.take(turn.map_err(|_| ServiceError::internal("a turn was lost"))?, compute)
    }

    /// Queues `job`; its turn arrives at the receiver.
    fn enter(&self, job: J) -> Result<Receiver<Turn<J, R>>, ServiceError> {
        let (owner, turn) = mpsc::channel();
        let mut state = self.lock();
        if state.computing < self.at_once {
            state.computing += 1;
            // `turn` still exists, so this cannot fail.
            let _ = owner.send(Turn::Compute(vec![job], Vec::new()));
        } else if state.waiting.len() < self.max_waiting {
            state.waiting.push_back((job, owner));
        } else {
            return Err(ServiceError::new(ErrorCode::TooManyRequests, "Too many requests"));
        }
        Ok(turn)
    }

    fn take(
        &self,
        turn: Turn<J, R>,
        mut compute: impl FnMut(&[J]) -> Vec<R>,
    ) -> Result<R, ServiceError> {
        let only = |results: Vec<R>| {
            results
                .into_iter()
                .next()
                .ok_or_else(|| ServiceError::internal("a job without a result"))
        };
        let (jobs, others) = match turn {
            Turn::Done(result) => return Ok(result),
            Turn::Alone(job) => return only(compute(&[job])),
            Turn::Compute(jobs, others) => (jobs, others),
        };
        let _turn = PassOn(self);
        // If one job panics, the others are not lost: the owner of each then computes it.
        let results = catch_unwind(AssertUnwindSafe(|| compute(&jobs))).unwrap_or_default();
        let (mut jobs, mut results) = (jobs.into_iter(), results.into_iter());
        let (own, result) = (jobs.next(), results.next());
        for (owner, job) in others.into_iter().zip(jobs) {
            let _ = owner.send(results.next().map_or(Turn::Alone(job), Turn::Done));
        }
        result.map_or_else(|| only(compute(own.as_slice())), Ok)
    }

    // Nothing that runs under the lock can panic halfway, so a poisoned lock may be used.
    fn lock(&self) -> MutexGuard<'_, State<J, R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands the slot on when dropped, also after a panic.
struct PassOn<'a, J, R>(&'a Queue<J, R>);

impl<J, R> Drop for PassOn<'_, J, R> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let (least, most) = (*self.0.batches.start(), *self.0.batches.end());
        let count = match state.waiting.len() {
            few if few < least => few.min(1),
            enough => enough.min(most),
        };
        let (jobs, mut owners): (Vec<_>, VecDeque<_>) = state.waiting.drain(..count).unzip();
        match owners.pop_front() {
            // Its owner waits for this message, so the receiver exists.
            Some(first) => drop(first.send(Turn::Compute(jobs, owners.into()))),
            None => state.computing -= 1,
        }
    }
}

#[cfg(test)]
mod tests;
