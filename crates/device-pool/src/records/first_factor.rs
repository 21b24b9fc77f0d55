//! A first factor that was passed, for an answer that brings no session.

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::host::moment::Moment;
use crate::store::Table;

/// The session of a `DEVICE_SRP_AUTH` for a client that does not send it back: several in the field
/// do not. Short-lived, for one client, user and device, and good for one answer.
#[derive(Serialize, Deserialize)]
pub(crate) struct FirstFactor {
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) device_key: String,
    pub(crate) session: Sensitive<String>,
    pub(crate) expires_at: Moment,
}

impl FirstFactor {
    pub(crate) fn key(client_id: &str, username: &str, device_key: &str) -> String {
        id_of([client_id, username, device_key])
    }
}

impl Entity for FirstFactor {
    const TABLE: Table = Table::FirstFactor;

    fn id(&self) -> String {
        Self::key(&self.client_id, &self.username, &self.device_key)
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(self.expires_at)
    }
}
