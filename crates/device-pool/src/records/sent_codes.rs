//! How many codes were sent, so that nobody can have a user flooded with them.

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::{Entity, id_of};
use crate::error::ServiceError;
use crate::records::attempts;
use crate::store::Table;

const HOUR_MILLIS: i64 = 60 * 60_000;

/// So many codes of one kind a user can have sent within an hour. The service names no number of
/// its own; a person needs two or three, and a flood is far beyond it.
const MAX_AN_HOUR: u32 = 20;

/// The codes of one kind that were sent in an hour to whoever has one name, or seem to have been:
/// `<pool>/<name>/<kind>`.
#[derive(Serialize, Deserialize)]
pub(crate) struct SentCodes {
    pool_id: String,
    username: Sensitive<String>,
    kind: String,
    count: u32,
    /// When the first of them was sent, in milliseconds since the epoch.
    since: i64,
}

impl Entity for SentCodes {
    const TABLE: Table = Table::SentCodes;

    fn id(&self) -> String {
        Self::key(&self.pool_id, &self.username, &self.kind)
    }

    fn expires_at(&self) -> Option<i64> {
        Some(self.since.saturating_add(HOUR_MILLIS))
    }
}

impl SentCodes {
    fn key(pool_id: &str, username: &str, kind: &str) -> String {
        id_of([pool_id, username, kind])
    }

    /// The count of this hour, which begins with the first code.
    pub(crate) fn load(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
        kind: &str,
    ) -> Result<Self, ServiceError> {
        let now = cx.now();
        let found = cx.tx.find::<Self>(&Self::key(pool_id, username, kind))?;
        Ok(found.filter(|sent| now < sent.since.saturating_add(HOUR_MILLIS)).unwrap_or_else(|| {
            Self {
                pool_id: pool_id.to_owned(),
                username: Sensitive::from(username.to_owned()),
                kind: kind.to_owned(),
                count: 0,
                since: now,
            }
        }))
    }

    /// Those of sign-ins in which nothing, or no address, was proven yet: anyone may begin one. To
    /// be forgotten when a sign-in is completed with such a code, so that the count stops a flood
    /// and no one who uses the codes.
    pub(crate) fn of_sign_ins(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
    ) -> Result<Self, ServiceError> {
        Self::load(cx, pool_id, username, "sign_ins")
    }

    /// Refuses one more where there were [`MAX_AN_HOUR`].
    pub(crate) fn permit(self) -> Result<Self, ServiceError> {
        if self.count < MAX_AN_HOUR { Ok(self) } else { Err(attempts::limit_exceeded()) }
    }

    /// Counts one more.
    pub(crate) fn count(mut self, cx: &mut Context<'_, '_>) -> Result<(), ServiceError> {
        self.count = self.count.saturating_add(1);
        cx.tx.put(&self)
    }

    /// Begins anew.
    pub(crate) fn forget(self, cx: &mut Context<'_, '_>) {
        if self.count > 0 {
            cx.tx.delete::<Self>(&self.id());
        }
    }
}
