//! The wait after failed attempts.

use super::{Address, MINUTE, Model, Refusal, SECOND};

/// The failures that cause no wait.
const FREE_FAILURES: u32 = 5;
const MAX_WAIT: i64 = 15 * MINUTE;
/// How long after a wait the failures are remembered.
const MEMORY: i64 = 15 * MINUTE;
/// The failures from new addresses that a wait admits.
const MAX_LET_THROUGH: u32 = 10;

/// What is attempted. Each kind is counted on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Password,
    /// The old password, given by a signed-in user.
    PasswordChange,
    Code,
    DeviceProof,
}

/// What failures are counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counted {
    kind: Kind,
    user: usize,
    /// Whether no user has the name.
    is_nobody: bool,
    /// A remembered device of the user, which has a count of its own.
    device: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Failures {
    in_a_row: u32,
    last: i64,
    sources: Vec<Address>,
    let_through: u32,
}

impl Failures {
    /// When the wait is over: after five failures one second, then two, four, and so on.
    fn locked_until(&self) -> i64 {
        let wait = match self.in_a_row.checked_sub(FREE_FAILURES) {
            None => 0,
            Some(past) => MAX_WAIT.min(SECOND << past.min(10)),
        };
        self.last + wait
    }
}

impl Model {
    /// Refuses an attempt during a wait. A wait that only other addresses have caused admits a few.
    pub(super) fn permit(
        &self,
        kind: Kind,
        user: usize,
        device: Option<usize>,
        from: Address,
    ) -> Result<Counted, Refusal> {
        let device = device.filter(|device| self.is_remembered_of(*device, user));
        let counted = Counted { kind, user, is_nobody: self.users[user].is_none(), device };
        let failures = self.failures_of(&counted);
        let is_let_through =
            failures.let_through < MAX_LET_THROUGH && !failures.sources.contains(&from);
        if self.now < failures.locked_until() && !is_let_through {
            return Err(match kind {
                Kind::PasswordChange => Refusal::AttemptLimit,
                _ => Refusal::TooManyAttempts,
            });
        }
        Ok(counted)
    }

    /// The failures that are remembered.
    fn failures_of(&self, counted: &Counted) -> Failures {
        let failures = self.failures.get(counted).cloned().unwrap_or_default();
        let is_remembered = self.now < failures.locked_until() + MEMORY;
        if is_remembered { failures } else { Failures::default() }
    }

    /// Counts a failed attempt, which is refused with `refusal`.
    pub(super) fn fail(&mut self, counted: Counted, from: Address, refusal: Refusal) -> Refusal {
        let mut failures = self.failures_of(&counted);
        failures.let_through += u32::from(self.now < failures.locked_until());
        failures.in_a_row += 1;
        failures.last = self.now;
        if !failures.sources.contains(&from) {
            failures.sources.push(from);
        }
        self.failures.insert(counted, failures);
        refusal
    }

    /// Forgets the failures after a success.
    pub(super) fn succeed(&mut self, counted: Counted) {
        self.failures.remove(&counted);
    }

    /// Forgets all failures of a user.
    pub(super) fn lift_lockouts(&mut self, user: usize) {
        self.failures.retain(|counted, _| counted.user != user || counted.is_nobody);
    }
}
