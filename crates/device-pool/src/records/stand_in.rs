//! Decoy records, read for unknown names so that reading takes the same time.

use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::records::login::Login;
use crate::records::user::User;
use crate::store::Table;

/// A decoy of a sign-in name's record.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StandInLogin(pub(crate) Login);

impl Entity for StandInLogin {
    const TABLE: Table = Table::StandIn;

    fn id(&self) -> String {
        Self::key(&self.0.pool_id)
    }
}

impl StandInLogin {
    pub(crate) fn key(pool_id: &str) -> String {
        id_of([pool_id, "login"])
    }
}

/// A decoy of a user's record. Its name is a UUID if the names of all users are UUIDs.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StandInUser(pub(crate) User);

impl Entity for StandInUser {
    const TABLE: Table = Table::StandIn;

    fn id(&self) -> String {
        Self::key(&self.0.pool_id)
    }
}

impl StandInUser {
    pub(crate) fn key(pool_id: &str) -> String {
        id_of([pool_id, "user"])
    }
}
