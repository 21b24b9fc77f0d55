//! Used sessions and secret blocks, kept until they have certainly expired.

use device_wire::sentence;
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::transaction::Entity;
use crate::error::ServiceError;
use crate::host::moment::{CLOCK_STEP_MINUTES, Moment, minutes};
use crate::store::Table;

/// A used session or secret block.
#[derive(Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) id: String,
    pub(crate) expires_at: Moment,
}

impl Entity for Spent {
    const TABLE: Table = Table::Spent;

    fn id(&self) -> String {
        self.id.clone()
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(self.expires_at + minutes(CLOCK_STEP_MINUTES))
    }
}

impl Spent {
    /// Refuses a session or secret block that was already used.
    pub(crate) fn refuse(cx: &mut Context<'_, '_>, id: &str) -> Result<(), ServiceError> {
        match cx.tx.find::<Self>(id)? {
            None => Ok(()),
            Some(_) => Err(ServiceError::not_authorized(sentence::USED_SESSION)),
        }
    }

    /// Marks this id as used. That succeeds only once.
    pub(crate) fn mark(
        cx: &mut Context<'_, '_>,
        id: &str,
        expires_at: Moment,
    ) -> Result<(), ServiceError> {
        Self::refuse(cx, id)?;
        cx.tx.put(&Self { id: id.to_owned(), expires_at })
    }
}
