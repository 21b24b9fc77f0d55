//! Counts of sent codes, which keep users and addresses from being flooded with messages.

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::host::moment::{Moment, hours};
use crate::records::attempts;
use crate::records::whose::{Whose, is_false, scoped_id};
use crate::store::Table;

/// The maximum number of codes of one kind for a recipient within an hour. The service documents no
/// number; a person needs two or three, and a flood is far more than twenty.
const MAX_AN_HOUR: u32 = 20;

/// The codes of one kind sent within an hour to one name or destination: `<pool>/<subject>/<kind>`.
/// Codes that only seemed to be sent are included.
#[derive(Serialize, Deserialize)]
pub(crate) struct SentCodes {
    pool_id: String,
    /// A username, or the keyed hash of a destination.
    #[serde(rename = "username")]
    subject: Sensitive<String>,
    kind: String,
    #[serde(default, skip_serializing_if = "is_false")]
    of_nobody: bool,
    count: u32,
    /// When the first of them was sent.
    since: Moment,
}

impl Entity for SentCodes {
    const TABLE: Table = Table::SentCodes;

    fn id(&self) -> String {
        scoped_id(&self.pool_id, self.of_nobody, [&self.subject, &self.kind])
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(self.since + hours(1))
    }
}

impl SentCodes {
    /// Loads the count of the current hour, which begins with the first code.
    pub(crate) fn load(
        cx: &mut Context<'_, '_>,
        whose: Whose<'_>,
        subject: &str,
        kind: &str,
    ) -> Result<Self, ServiceError> {
        let now = cx.now();
        let fresh = Self {
            pool_id: whose.pool_id.to_owned(),
            subject: Sensitive::from(subject.to_owned()),
            kind: kind.to_owned(),
            of_nobody: whose.is_nobody(),
            count: 0,
            since: now,
        };
        let found = cx.tx.find::<Self>(&fresh.id())?;
        Ok(found.filter(|sent| now < sent.since + hours(1)).unwrap_or(fresh))
    }

    /// Refuses another code after [`MAX_AN_HOUR`].
    pub(crate) fn permit(self) -> Result<Self, ServiceError> {
        if self.count < MAX_AN_HOUR { Ok(self) } else { Err(attempts::limit_exceeded()) }
    }

    /// Counts another code.
    pub(crate) fn count(mut self, cx: &mut Context<'_, '_>) -> Result<(), ServiceError> {
        self.count = self.count.saturating_add(1);
        cx.tx.put(&self)
    }

    /// Counts another code or message, even if the command is refused.
    pub(crate) fn count_although_refused(
        mut self,
        cx: &mut Context<'_, '_>,
    ) -> Result<(), ServiceError> {
        self.count = self.count.saturating_add(1);
        cx.tx.keep(&self)
    }

    /// Resets the count.
    pub(crate) fn forget(self, cx: &mut Context<'_, '_>) {
        if self.count > 0 {
            cx.tx.delete::<Self>(&self.id());
        }
    }
}
