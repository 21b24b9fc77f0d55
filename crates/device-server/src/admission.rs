//! Admission: calls take turns at the cores, and a call that waited too long for one is refused.
//!
//! A call that goes on with a sign-in, or ends or renews a session, takes precedence. So an
//! overloaded server refuses sign-ins at their first step, before it has spent anything on them,
//! and completes those that it has admitted.
//!
//! A call that waits for the store or a hook lends its turn. So turns measure how busy the cores
//! are, and a server that only waits for its database refuses nobody.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use device_pool::ServiceError;
use device_wire::{ErrorCode, Operation};
use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::limits::Limits;

/// So many calls may wait for each turn however long it takes. So a short stall, or a slow machine,
/// refuses nobody.
const SPARED_PER_TURN: usize = 8;

/// So many calls are started for each turn: those that compute, and those that wait for the store.
/// They compute again after that wait, all at once if a disk sync ends it for all.
const STARTED_PER_TURN: usize = 8;

/// Of so many calls in a row, one is without precedence if any waits.
const ONE_OF: usize = 16;

/// The largest body that is searched for its flow, in bytes.
const MAX_SEARCHED: usize = 16 * 1024;

/// Which of the waiting calls have their turn first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precedence {
    /// Calls that go on with a sign-in, renew a session or end one, and administrators' pages.
    First,
    /// All others. Their refusal wastes no work.
    Second,
}

impl Precedence {
    /// The precedence of a call, as far as it claims one: nothing in it was checked yet.
    pub(crate) fn of(operation: Operation, body: &[u8]) -> Self {
        let is_first = match operation {
            Operation::RespondToAuthChallenge
            | Operation::AdminRespondToAuthChallenge
            | Operation::AssociateSoftwareToken
            | Operation::VerifySoftwareToken
            | Operation::ConfirmDevice
            | Operation::GetTokensFromRefreshToken
            | Operation::RevokeToken
            | Operation::GlobalSignOut
            | Operation::AdminUserGlobalSignOut
            | Operation::AdminDisableUser => true,
            Operation::InitiateAuth | Operation::AdminInitiateAuth => renews_a_session(body),
            _ => false,
        };
        if is_first { Self::First } else { Self::Second }
    }
}

fn renews_a_session(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Flow {
        #[serde(rename = "AuthFlow")]
        name: String,
    }
    body.len() <= MAX_SEARCHED
        && serde_json::from_slice(body)
            .is_ok_and(|flow: Flow| flow.name.starts_with("REFRESH_TOKEN"))
}

/// What a call does in its turn. Returns what sends its answer, after the turn.
type Work = Box<dyn FnOnce() -> Box<dyn FnOnce()> + Send>;

/// The turns of a server's calls.
pub(crate) struct Admission {
    state: Mutex<State<Work>>,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(limits)) })
    }

    /// Runs `work` on a blocking thread when it is its turn.
    ///
    /// # Errors
    /// [`TooManyRequests`](ErrorCode::TooManyRequests) if it waited too long or too many calls are
    /// in flight, and an internal error if it panicked. If the caller is dropped, the work is done
    /// all the same.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        precedence: Precedence,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ServiceError> {
        let refused = || ServiceError::new(ErrorCode::TooManyRequests, "Too many requests");
        let (answer, mut answered) = oneshot::channel();
        let work = Box::new(move || -> Box<dyn FnOnce()> {
            let done = catch_unwind(AssertUnwindSafe(work));
            // The caller may be gone.
            Box::new(move || drop(answer.send(done)))
        });
        let (next, max_wait) = {
            let mut state = self.state();
            (state.arrive(precedence, work, Instant::now()), state.max_wait)
        };
        self.start(next.ok_or_else(refused)?);
        let answer = match timeout(max_wait, &mut answered).await {
            Ok(answer) => answer,
            Err(_) => {
                self.state().expire(Instant::now());
                answered.await
            }
        };
        // Work that is dropped before its turn sends nothing.
        answer
            .map_err(|_| refused())?
            .map_err(|_| ServiceError::internal("the engine panicked; the panic hook logs where"))
    }

    /// Calls that occupy a thread.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().in_flight
    }

    fn start(self: &Arc<Self>, work: Option<Work>) {
        if let Some(work) = work {
            let turn = Turn(Some(Arc::clone(self)));
            drop(spawn_blocking(move || turn.take(work)));
        }
    }

    // Nothing that runs under the lock can panic halfway, so a poisoned lock may be used.
    fn state(&self) -> MutexGuard<'_, State<Work>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    /// Where the call on this thread has its turn from.
    static HELD: Cell<Option<Arc<Admission>>> = const { Cell::new(None) };
}

/// A turn that was given to a thread.
struct Turn(Option<Arc<Admission>>);

impl Turn {
    /// Does `work`, and then that of waiting calls, which spares waking a thread for each.
    fn take(mut self, work: Work) {
        let Some(admission) = self.0.take() else { return };
        let mut next = Some(work);
        while let Some(work) = next {
            HELD.set(Some(Arc::clone(&admission)));
            let answer = work();
            HELD.set(None);
            next = admission.state().pass_on(Instant::now());
            // Now, because the caller's next call may need the turn.
            answer();
        }
    }
}

impl Drop for Turn {
    /// Of a turn that was not taken: the runtime has stopped, so no other call runs either.
    fn drop(&mut self) {
        if let Some(admission) = &self.0 {
            admission.state().stop();
        }
    }
}

/// What a call can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitsFor {
    Store,
    /// Not in flight meanwhile: hooks have a limit of their own.
    Hook,
}

/// Waits, and lends the turn of this thread's call meanwhile, if it has one.
pub(crate) fn lending_turn<T>(what: WaitsFor, wait: impl FnOnce() -> T) -> T {
    let Some(admission) = HELD.take() else { return wait() };
    let next = admission.state().lend(what, Instant::now);
    admission.start(next);
    let _lent = Lent(Some(admission), what);
    wait()
}

/// A turn that is taken back when this is dropped.
struct Lent(Option<Arc<Admission>>, WaitsFor);

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(admission) = self.0.take() {
            admission.state().take_back(self.1);
            HELD.set(Some(admission));
        }
    }
}

struct State<W> {
    max_computing: usize,
    max_in_flight: usize,
    max_wait: Duration,
    /// Calls that hold a turn. More than may for a moment, if calls have stopped waiting for the
    /// store or a hook.
    computing: usize,
    in_flight: usize,
    /// In the order of arrival, with its time; by precedence.
    first: VecDeque<(Instant, W)>,
    second: VecDeque<(Instant, W)>,
    /// The calls with precedence that were started in a row.
    row: usize,
}

impl<W> State<W> {
    fn new(limits: &Limits) -> Self {
        let &Limits { max_computing, max_in_flight, max_wait, .. } = limits;
        let (first, second) = (VecDeque::new(), VecDeque::new());
        let (computing, in_flight, row) = (0, 0, 0);
        Self { max_computing, max_in_flight, max_wait, computing, in_flight, first, second, row }
    }

    /// Queues a call, and returns what to start now; `None` if the call is refused.
    fn arrive(&mut self, precedence: Precedence, work: W, now: Instant) -> Option<Option<W>> {
        if self.in_flight >= self.max_in_flight {
            return None;
        }
        self.expire(now);
        match precedence {
            Precedence::First => self.first.push_back((now, work)),
            Precedence::Second => self.second.push_back((now, work)),
        }
        Some(self.next())
    }

    /// Ends a call, and returns the one that has its turn.
    fn pass_on(&mut self, now: Instant) -> Option<W> {
        self.computing -= 1;
        self.in_flight -= 1;
        self.expire(now);
        self.next()
    }

    /// Lets a call wait for something else than the cores, and returns what to start meanwhile.
    fn lend(&mut self, what: WaitsFor, now: impl FnOnce() -> Instant) -> Option<W> {
        self.computing -= 1;
        if what == WaitsFor::Hook {
            self.in_flight -= 1;
        }
        if self.first.is_empty() && self.second.is_empty() {
            return None;
        }
        self.expire(now());
        self.next()
    }

    /// Lets a call go on, at once: it holds what others may need.
    fn take_back(&mut self, what: WaitsFor) {
        self.computing += 1;
        if what == WaitsFor::Hook {
            self.in_flight += 1;
        }
    }

    fn stop(&mut self) {
        self.computing -= 1;
        self.in_flight -= 1;
        self.first.clear();
        self.second.clear();
    }

    /// Drops calls that have waited too long, those without precedence first.
    fn expire(&mut self, now: Instant) {
        let max_wait = self.max_wait;
        let is_late = |(since, _): &(Instant, W)| now.duration_since(*since) >= max_wait;
        let spared = self.max_computing * SPARED_PER_TURN;
        while self.first.len() + self.second.len() > spared {
            let queues = [&mut self.second, &mut self.first];
            let late = queues.into_iter().find(|queue| queue.front().is_some_and(is_late));
            let Some(queue) = late else { return };
            queue.pop_front();
        }
    }

    fn next(&mut self) -> Option<W> {
        let max_started = self.max_in_flight.min(self.max_computing * STARTED_PER_TURN);
        if self.computing >= self.max_computing || self.in_flight >= max_started {
            return None;
        }
        let is_second = self.first.is_empty() || self.row + 1 >= ONE_OF && !self.second.is_empty();
        let (_, work) = if is_second { self.second.pop_front() } else { self.first.pop_front() }?;
        self.row = if is_second { 0 } else { self.row + 1 };
        self.computing += 1;
        self.in_flight += 1;
        Some(work)
    }
}

#[cfg(test)]
mod tests;
