//! Feedback on events of the audit trail, which themselves never change.

use device_wire::enums::FeedbackValueType;
use device_wire::shapes::EventFeedbackType;
use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::host::moment::Moment;
use crate::store::Table;

/// What a user or an administrator said about an event: `<pool>/<sub>/<event>`.
#[derive(Serialize, Deserialize)]
pub(crate) struct EventFeedback {
    pub(crate) pool_id: String,
    pub(crate) sub: String,
    pub(crate) event_id: String,
    pub(crate) value: FeedbackValueType,
    #[serde(default)]
    pub(crate) provider: Provider,
    pub(crate) at: Moment,
    /// When the event goes, and with it the feedback.
    pub(crate) expires_at: Moment,
}

/// Who gave feedback.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Provider {
    #[default]
    Administrator,
    /// The holder of the token in a message to the user.
    User,
}

impl Provider {
    const fn on_wire(self) -> &'static str {
        match self {
            Self::Administrator => "Admin",
            Self::User => "User",
        }
    }
}

impl Entity for EventFeedback {
    const TABLE: Table = Table::EventFeedback;

    fn id(&self) -> String {
        Self::key(&self.pool_id, &self.sub, &self.event_id)
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(self.expires_at)
    }
}

impl EventFeedback {
    pub(crate) fn key(pool_id: &str, sub: &str, event_id: &str) -> String {
        id_of([pool_id, sub, event_id])
    }

    pub(crate) fn describe(self) -> EventFeedbackType {
        EventFeedbackType {
            feedback_date: Some(self.at.into()),
            ..EventFeedbackType::new(self.value, self.provider.on_wire())
        }
    }
}
