//! Records that are read for a name that nobody has, so that reading takes as long as for a user.

use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::records::login::Login;
use crate::records::user::User;
use crate::store::Table;

/// What is read in place of a name's record: one such as names have.
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

/// What is read in place of a user's record: one such as users have. Its name is a UUID as long as
/// every user's name is one.
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
