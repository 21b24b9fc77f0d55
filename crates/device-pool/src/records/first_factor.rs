//! A first factor that was passed, for an answer that brings no session.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::crypto::secret::Secret;
use crate::host::moment::Moment;
use crate::store::Table;

/// The session of a `DEVICE_SRP_AUTH` for a client that does not send it back.
///
/// Several clients in the field do not. It is for one client, user, device and source address, for
/// ten seconds and for one answer: a client goes on at once, a thief of the device has to wait for
/// its owner.
#[derive(Serialize, Deserialize)]
pub(crate) struct FirstFactor {
    pub(crate) client_id: String,
    pub(crate) username: String,
    pub(crate) device_key: String,
    pub(crate) session: Secret,
    /// Where the first factor was proven; `None` if the host does not know.
    #[serde(default)]
    pub(crate) source_ip: Option<String>,
    pub(crate) expires_at: Moment,
}

impl FirstFactor {
    pub(crate) const LIFETIME: Duration = Duration::from_secs(10);

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
