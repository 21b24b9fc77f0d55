//! The audit trail of sign-ins: what was asked, what was skipped, and why.

use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::{Entity, id_of};
use crate::error::ServiceError;
use crate::host::moment::{Moment, days};
use crate::host::risk::Risk;
use crate::store::Table;

/// A sign-in event. Ids sort the latest first: `<pool>/<user>/<remaining time>-<event>`.
#[derive(Serialize, Deserialize)]
pub(crate) struct AuthEvent {
    pub(crate) pool_id: String,
    pub(crate) username: String,
    #[serde(flatten)]
    pub(crate) trail: Trail,
    pub(crate) outcome: Outcome,
    pub(crate) device_key: Option<String>,
    pub(crate) ip: Option<String>,
    /// Whether the name is unknown. Nobody lists such an event; writing it takes the same time as
    /// for a user, so that timing reveals nothing.
    #[serde(default)]
    of_nobody: bool,
}

impl AuthEvent {
    /// The prefix of the ids of a user's events.
    pub(crate) fn prefix_of(pool_id: &str, username: &str) -> String {
        id_of([pool_id, username, ""])
    }

    /// The part of the id that sorts the latest event first.
    pub(crate) fn sort_key(&self) -> String {
        let left = u64::MAX - u64::try_from(self.trail.started.millis()).unwrap_or(0);
        format!("{left:016x}-{}", self.trail.event_id)
    }
}

/// The state of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Passed,
    Failed,
}

/// The part of an event that travels with the running sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trail {
    pub(crate) event_id: String,
    pub(crate) started: Moment,
    /// A sentence for each decision that required or skipped a factor.
    pub(crate) reasons: Vec<String>,
    /// Whether the password and the second factor were proven; `None` if none was given.
    pub(crate) password: Option<bool>,
    pub(crate) mfa: Option<bool>,
    pub(crate) risk: Risk,
}

impl Trail {
    pub(crate) fn start(cx: &mut Context<'_, '_>) -> Self {
        Self {
            event_id: cx.uuid().to_string(),
            started: cx.now(),
            reasons: Vec::new(),
            password: None,
            mfa: None,
            risk: Risk::None,
        }
    }

    pub(crate) fn note(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    /// Writes the event, whether or not the command succeeds. A later record of the same sign-in
    /// replaces it.
    pub(crate) fn record(
        &self,
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
        outcome: Outcome,
        device_key: Option<&str>,
    ) -> Result<(), ServiceError> {
        self.write(cx, pool_id, username, outcome, device_key, false)
    }

    /// Writes the event of a failed first factor, also for an unknown name.
    pub(crate) fn record_guess(
        &self,
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
        is_user: bool,
    ) -> Result<(), ServiceError> {
        self.write(cx, pool_id, username, Outcome::Failed, None, !is_user)
    }

    fn write(
        &self,
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
        outcome: Outcome,
        device_key: Option<&str>,
        of_nobody: bool,
    ) -> Result<(), ServiceError> {
        let event = AuthEvent {
            pool_id: pool_id.to_owned(),
            username: username.to_owned(),
            trail: self.clone(),
            outcome,
            device_key: device_key.map(str::to_owned),
            ip: cx.invocation.source_ip.map(|ip| ip.to_string()),
            of_nobody,
        };
        // Read first, so that the write may replace this sign-in's earlier event.
        cx.tx.find::<AuthEvent>(&event.id())?;
        cx.tx.record(&event)
    }
}

impl Entity for AuthEvent {
    const TABLE: Table = Table::AuthEvent;

    fn id(&self) -> String {
        id_of([&self.pool_id, &self.username, &self.sort_key()])
    }

    /// Two years; one day for unknown names, since an attacker can produce any number of them.
    fn expires_at(&self) -> Option<Moment> {
        Some(self.trail.started + if self.of_nobody { days(1) } else { days(2 * 365) })
    }
}

/// The UTC date of a moment: `2026-11-02`.
pub(crate) fn day(moment: Moment) -> String {
    // Days since 0000-03-01, so that a leap day is the last day of a year; 400 years repeat (H.
    // Hinnant's civil_from_days).
    let days = moment.unix_seconds().div_euclid(86_400) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_follow_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_793_577_600, "2026-11-02"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(day(Moment::from_unix_seconds(seconds)), text);
        }
    }
}
