//! Lockout: how long to wait after failed attempts.
//!
//! After five failures in a row the next attempt must wait one second, then two, four, and so on up
//! to 15 minutes. An attempt during the wait is refused unseen and not counted. Success starts
//! afresh, and so do 15 idle minutes.

use device_wire::{ErrorCode, Sensitive};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::{Entity, id_of};
use crate::error::ServiceError;
use crate::store::Table;

const FREE_FAILURES: u32 = 5;
const MAX_WAIT_MILLIS: i64 = 15 * 60 * 1000;
const FORGET_AFTER_MILLIS: i64 = 15 * 60 * 1000;

/// What was attempted. Each kind is counted on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attempt {
    Password,
    MfaCode,
    /// A code that was sent outside of a sign-in. Anyone may ask for one and guess at it, which
    /// must lock nobody out.
    SentCode,
    CustomChallenge,
    DeviceProof,
}

impl Attempt {
    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::MfaCode => "mfa_code",
            Self::SentCode => "sent_code",
            Self::CustomChallenge => "custom_challenge",
            Self::DeviceProof => "device_proof",
        }
    }

    /// What an attempt during the wait is answered.
    fn exceeded(self) -> ServiceError {
        match self {
            Self::SentCode => limit_exceeded(),
            _ => ServiceError::not_authorized("Password attempts exceeded"),
        }
    }
}

/// What too many attempts outside of a sign-in are answered.
pub(crate) fn limit_exceeded() -> ServiceError {
    ServiceError::new(
        ErrorCode::LimitExceeded,
        "Attempt limit exceeded, please try after some time.",
    )
}

/// Failed attempts of one kind for one name: `<pool>/<kind>/<name>`. Names that nobody has are
/// counted too, or the lockout would tell who exists.
#[derive(Serialize, Deserialize)]
pub(crate) struct Attempts {
    pool_id: String,
    kind: Attempt,
    username: Sensitive<String>,
    failures: u32,
    last_failure: i64,
}

impl Entity for Attempts {
    const TABLE: Table = Table::Attempts;

    fn id(&self) -> String {
        Self::key(&self.pool_id, self.kind, &self.username)
    }

    fn expires_at(&self) -> Option<i64> {
        Some(self.last_failure.saturating_add(MAX_WAIT_MILLIS + FORGET_AFTER_MILLIS))
    }
}

impl Attempts {
    fn key(pool_id: &str, kind: Attempt, username: &str) -> String {
        id_of([pool_id, kind.name(), username])
    }

    /// Loads the count, and refuses the attempt while a wait is on. Whatever the attempt is
    /// answered rests on this count: of guesses at the same time, each is answered in its turn or
    /// not at all.
    pub(crate) fn permit(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        kind: Attempt,
        username: &str,
    ) -> Result<Self, ServiceError> {
        let now = cx.now();
        cx.tx.pin();
        let found = cx.tx.find::<Self>(&Self::key(pool_id, kind, username))?;
        let fresh = || Self {
            pool_id: pool_id.to_owned(),
            kind,
            username: Sensitive::from(username.to_owned()),
            failures: 0,
            last_failure: 0,
        };
        let attempts =
            found.filter(|a| now < a.locked_until() + FORGET_AFTER_MILLIS).unwrap_or_else(fresh);
        if now < attempts.locked_until() {
            return Err(kind.exceeded());
        }
        Ok(attempts)
    }

    fn locked_until(&self) -> i64 {
        let wait = match self.failures.checked_sub(FREE_FAILURES) {
            None => 0,
            // Doubled ten times it is past the longest already.
            Some(past) => 1000 << past.min(10),
        };
        self.last_failure + wait.min(MAX_WAIT_MILLIS)
    }

    /// Counts a failure, whatever else becomes of the command.
    pub(crate) fn failed(mut self, cx: &mut Context<'_, '_>) -> Result<(), ServiceError> {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = cx.now();
        cx.tx.record(&self)
    }

    /// Starts afresh.
    pub(crate) fn succeeded(self, cx: &mut Context<'_, '_>) {
        if self.failures > 0 {
            cx.tx.delete::<Self>(&self.id());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failures: u32) -> Attempts {
        Attempts {
            pool_id: "p".into(),
            kind: Attempt::Password,
            username: Sensitive::from("u".to_owned()),
            failures,
            last_failure: 0,
        }
    }

    #[test]
    fn the_wait_doubles_from_the_fifth_failure_and_stops_at_a_quarter_of_an_hour() {
        let seconds: Vec<i64> = [0, 4, 5, 6, 9, 14, 15, 63, 200, u32::MAX]
            .map(|n| after(n).locked_until() / 1000)
            .into();
        assert_eq!(seconds, [0, 0, 1, 2, 16, 512, 900, 900, 900, 900]);
    }
}
