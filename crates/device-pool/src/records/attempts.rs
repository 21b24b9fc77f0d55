//! Lockout: the wait after failed attempts.
//!
//! After five failures in a row the next attempt must wait one second, then two, four, and so on up
//! to 15 minutes. An attempt during the wait is refused without being checked or counted. A success
//! resets the count, and so does a period without attempts.
//!
//! Anyone can fail under the name of another user, which must not lock that user out:
//!
//! - a sign-in with a remembered device of the user has a count of its own;
//! - a wait that other addresses caused still admits a few attempts.
//!
//! Passwords and MFA codes have a slow count as well. After a hundred failures without a success,
//! only password recovery or an administrator lifts the lockout. Without it, an attacker who is
//! patient enough would guess a code.

use std::net::IpAddr;
use std::time::Duration;

use device_wire::{ErrorCode, Sensitive, sentence};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::notes::{Finding, Wait};
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::host::moment::{Moment, days, minutes};
use crate::records::device::Device;
use crate::records::whose::{Whose, is_false, scoped_id};
use crate::store::Table;

const FREE_FAILURES: u32 = 5;
const MAX_WAIT: Duration = minutes(15);
const MAX_FAILURES_IN_A_ROW: u32 = 100;

/// The number of failures from new addresses that a wait admits. An attacker with many addresses
/// gains at most this many guesses.
const MAX_LET_THROUGH: u32 = 10;

/// The maximum number of addresses that a count remembers.
const MAX_SOURCES: usize = 16;

/// How long the slow count is kept after the last failure.
const SLOW_MEMORY: Duration = days(365);
const SLOW_MEMORY_OF_NOBODY: Duration = minutes(15 + 24 * 60);

/// The kinds of attempt. Each is counted separately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attempt {
    Password,
    /// The old password, given by a signed-in user.
    PasswordChange,
    /// A code of a software token.
    MfaCode,
    /// A code that was sent during a sign-in. Separate from software tokens, since anyone may guess
    /// these codes where they are a first factor.
    SignInCode,
    /// A code that was sent outside of a sign-in. Anyone may request one and guess it, which must
    /// lock nobody out.
    SentCode,
    CustomChallenge,
    DeviceProof,
}

impl Attempt {
    pub(crate) const ALL: [Self; 7] = [
        Self::Password,
        Self::PasswordChange,
        Self::MfaCode,
        Self::SignInCode,
        Self::SentCode,
        Self::CustomChallenge,
        Self::DeviceProof,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::PasswordChange => "password_change",
            Self::MfaCode => "mfa_code",
            Self::SignInCode => "sign_in_code",
            Self::SentCode => "sent_code",
            Self::CustomChallenge => "custom_challenge",
            Self::DeviceProof => "device_proof",
        }
    }

    /// The error for an attempt during the wait.
    fn exceeded(self) -> ServiceError {
        match self {
            Self::SentCode | Self::PasswordChange => limit_exceeded(),
            _ => ServiceError::not_authorized(sentence::TOO_MANY_ATTEMPTS),
        }
    }

    /// What the audit trail says of a failure.
    const fn reason(self) -> &'static str {
        match self {
            Self::Password => "Refused: the password was not proven",
            Self::PasswordChange => "Refused: the old password was wrong",
            Self::MfaCode => "Refused: the MFA code was wrong or used",
            Self::SignInCode | Self::SentCode => "Refused: the code was wrong, used or too old",
            Self::CustomChallenge => "The answer to the custom challenge was wrong",
            Self::DeviceProof => "Refused: the device did not prove its secret",
        }
    }

    /// Whether a hundred failures in a row lock the subject until recovery.
    ///
    /// Sent codes have no slow count: a user without a password could not recover.
    const fn has_slow_count(self) -> bool {
        matches!(self, Self::Password | Self::MfaCode)
    }

    /// How long after a wait the failures are remembered. A day for six-digit codes that anyone may
    /// guess: that limits an attacker to a hundred guesses a day.
    const fn memory(self) -> Duration {
        match self {
            Self::SentCode | Self::SignInCode => days(1),
            _ => minutes(15),
        }
    }
}

/// The error for too many attempts outside of a sign-in.
pub(crate) fn limit_exceeded() -> ServiceError {
    ServiceError::new(
        ErrorCode::LimitExceeded,
        "Attempt limit exceeded, please try after some time.",
    )
}

/// Failed attempts of one kind for one subject.
///
/// The id is `<pool>/<kind>/<subject>`, or `<pool>/<kind>/<subject>/<device key>` with a remembered
/// device. Unknown names are counted too; otherwise the lockout would reveal who exists.
#[derive(Serialize, Deserialize)]
pub(crate) struct Attempts {
    pool_id: String,
    kind: Attempt,
    /// A username, or the keyed hash of a code's destination.
    #[serde(rename = "username")]
    subject: Sensitive<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_key: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    of_nobody: bool,
    failures: u32,
    last_failure: Moment,
    /// Failures since the last success.
    #[serde(default)]
    in_a_row: u32,
    /// The addresses of the failures, the latest last.
    #[serde(default)]
    sources: Vec<String>,
    /// The number of failures that the wait admitted.
    #[serde(default)]
    let_through: u32,
    /// Whether the current attempt happens during a wait.
    #[serde(skip)]
    in_wait: bool,
}

impl Entity for Attempts {
    const TABLE: Table = Table::Attempts;

    fn id(&self) -> String {
        let parts = [self.kind.name(), self.subject.as_str()];
        match &self.device_key {
            None => scoped_id(&self.pool_id, self.of_nobody, parts),
            Some(key) => {
                let [kind, subject] = parts;
                scoped_id(&self.pool_id, self.of_nobody, [kind, subject, key])
            }
        }
    }

    fn expires_at(&self) -> Option<Moment> {
        let memory = match (self.kind.has_slow_count(), self.of_nobody) {
            (true, false) => SLOW_MEMORY,
            // An attacker can produce any number of unknown names.
            (true, true) => SLOW_MEMORY_OF_NOBODY,
            (false, _) => MAX_WAIT + self.kind.memory(),
        };
        Some(self.last_failure + memory)
    }
}

impl Attempts {
    /// Loads the count and refuses the attempt during a wait; see [`Self::permit_under`].
    pub(crate) fn permit(
        cx: &mut Context<'_, '_>,
        whose: Whose<'_>,
        kind: Attempt,
        device_key: Option<&str>,
    ) -> Result<Self, ServiceError> {
        Self::permit_under(cx, whose, kind, whose.username, device_key)
    }

    /// Loads the count of `subject` and refuses the attempt during a wait.
    ///
    /// With a remembered device of the user, uses that device's count. The count is pinned, so
    /// concurrent guesses are decided one after the other.
    pub(crate) fn permit_under(
        cx: &mut Context<'_, '_>,
        whose: Whose<'_>,
        kind: Attempt,
        subject: &str,
        device_key: Option<&str>,
    ) -> Result<Self, ServiceError> {
        let now = cx.now();
        cx.tx.pin();
        let device_key = match device_key {
            Some(key) if Device::is_remembered_of(cx, whose, key)? => Some(key.to_owned()),
            _ => None,
        };
        let fresh = Self {
            pool_id: whose.pool_id.to_owned(),
            kind,
            subject: Sensitive::from(subject.to_owned()),
            device_key,
            of_nobody: whose.is_nobody(),
            failures: 0,
            last_failure: Moment::from_millis(0),
            in_a_row: 0,
            sources: Vec::new(),
            let_through: 0,
            in_wait: false,
        };
        let found = cx.tx.find::<Self>(&fresh.id())?;
        let mut attempts =
            found.filter(|found| found.expires_at().is_some_and(|at| now < at)).unwrap_or(fresh);
        if now >= attempts.locked_until() + kind.memory() {
            attempts.failures = 0;
            attempts.let_through = 0;
            attempts.sources.clear();
        }
        attempts.in_wait = now < attempts.locked_until();
        if kind.has_slow_count() && attempts.in_a_row >= MAX_FAILURES_IN_A_ROW
            || attempts.in_wait && !attempts.lets_through(source(cx).as_deref())
        {
            let wait = Wait { kind: kind.name().to_owned(), since: attempts.last_failure };
            cx.notes.finding = Finding::LockedOut(wait);
            cx.notes.reason("Refused unseen: too many failed attempts");
            return Err(kind.exceeded());
        }
        Ok(attempts)
    }

    fn locked_until(&self) -> Moment {
        let wait = match self.failures.checked_sub(FREE_FAILURES) {
            None => Duration::ZERO,
            // After ten doublings the wait exceeds the maximum.
            Some(past) => Duration::from_secs(1 << past.min(10)),
        };
        self.last_failure + wait.min(MAX_WAIT)
    }

    /// Whether other addresses alone caused the wait, and it still admits this attempt.
    fn lets_through(&self, source: Option<&str>) -> bool {
        self.let_through < MAX_LET_THROUGH
            && source.is_some_and(|source| !self.sources.iter().any(|known| known == source))
    }

    /// Counts a failure, whether or not the command succeeds.
    pub(crate) fn failed(mut self, cx: &mut Context<'_, '_>) -> Result<(), ServiceError> {
        cx.notes.finding = Finding::Failed;
        cx.notes.reason(self.kind.reason());
        self.failures = self.failures.saturating_add(1);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.let_through = self.let_through.saturating_add(u32::from(self.in_wait));
        self.last_failure = cx.now();
        if let Some(source) = source(cx) {
            self.sources.retain(|known| *known != source);
            self.sources.push(source);
            let surplus = self.sources.len().saturating_sub(MAX_SOURCES);
            self.sources.drain(..surplus);
        }
        cx.tx.record(&self)
    }

    /// Resets the count.
    pub(crate) fn succeeded(self, cx: &mut Context<'_, '_>) {
        if self.in_a_row > 0 {
            cx.tx.delete::<Self>(&self.id());
        }
    }

    /// Lifts a user's lockout of one kind, with and without a device.
    pub(crate) fn lift(
        cx: &mut Context<'_, '_>,
        whose: Whose<'_>,
        kind: Attempt,
        subject: &str,
    ) -> Result<(), ServiceError> {
        const BATCH: usize = 100;
        let prefix = scoped_id(whose.pool_id, false, [kind.name(), subject, ""]);
        let devices = cx.tx.scan::<Self>(&prefix, None, BATCH)?;
        let ids = devices.iter().map(Self::id);
        for id in ids.chain([scoped_id(whose.pool_id, false, [kind.name(), subject])]) {
            if cx.tx.find::<Self>(&id)?.is_some() {
                cx.tx.delete::<Self>(&id);
            }
        }
        Ok(())
    }
}

/// The caller's network: an IPv4 address, or the /64 prefix of an IPv6 address. A customer of a
/// provider usually has a whole /64.
fn source(cx: &Context<'_, '_>) -> Option<String> {
    Some(match cx.invocation.source_ip?.to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failures: u32) -> Attempts {
        Attempts {
            pool_id: "p".into(),
            kind: Attempt::Password,
            subject: Sensitive::from("u".to_owned()),
            device_key: None,
            of_nobody: false,
            failures,
            last_failure: Moment::from_millis(0),
            in_a_row: failures,
            sources: Vec::new(),
            let_through: 0,
            in_wait: false,
        }
    }

    #[test]
    fn the_wait_doubles_up_to_fifteen_minutes() {
        let seconds: Vec<i64> = [0, 4, 5, 6, 9, 14, 15, 63, 200, u32::MAX]
            .map(|n| after(n).locked_until().unix_seconds())
            .into();
        assert_eq!(seconds, [0, 0, 1, 2, 16, 512, 900, 900, 900, 900]);
    }
}
