//! The audit trail of a sign-in: what was asked, what was skipped, and why.

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::ServiceError;
use crate::store::Table;
use crate::transaction::{Entity, id_of};

/// One sign-in as it went. Ids sort the latest first: `<pool>/<user>/<what is left of time>-<event>`.
#[derive(Serialize, Deserialize)]
pub(crate) struct AuthEvent {
    pub(crate) pool_id: String,
    pub(crate) username: String,
    #[serde(flatten)]
    pub(crate) trail: Trail,
    pub(crate) outcome: Outcome,
    pub(crate) device_key: Option<String>,
    pub(crate) ip: Option<String>,
}

/// How a sign-in stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Passed,
    Failed,
}

/// The part of an event that travels with the sign-in while it is under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trail {
    pub(crate) event_id: String,
    pub(crate) started: i64,
    /// One sentence for every decision that asked for a factor or skipped one.
    pub(crate) reasons: Vec<String>,
}

impl Trail {
    pub(crate) fn start(cx: &mut Context<'_, '_>) -> Self {
        Self { event_id: cx.uuid().to_string(), started: cx.now(), reasons: Vec::new() }
    }

    pub(crate) fn note(&mut self, reason: impl Into<String>) {
        self.reasons.push(reason.into());
    }

    /// Writes the event, whatever else becomes of the command. A later record of the same sign-in replaces it.
    pub(crate) fn record(
        &self,
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
        outcome: Outcome,
        device_key: Option<&str>,
    ) -> Result<(), ServiceError> {
        let event = AuthEvent {
            pool_id: pool_id.to_owned(),
            username: username.to_owned(),
            trail: self.clone(),
            outcome,
            device_key: device_key.map(str::to_owned),
            ip: cx.call.source_ip.map(|ip| ip.to_string()),
        };
        // Read so that the write replaces an event of this sign-in that is already there.
        cx.tx.find::<AuthEvent>(&event.id())?;
        cx.tx.record(&event)
    }
}

impl Entity for AuthEvent {
    const TABLE: Table = Table::AuthEvent;

    fn id(&self) -> String {
        let left = u64::MAX - u64::try_from(self.trail.started).unwrap_or(0);
        let moment = format!("{left:016x}-{}", self.trail.event_id);
        id_of([&self.pool_id, &self.username, &moment])
    }
}
