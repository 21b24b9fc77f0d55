//! Decoy records, read for unknown names so that reading takes the same time.

use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::records::login::Login;
use crate::records::user::User;
use crate::store::Table;

/// A decoy of a sign-in name's record.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StandInLogin {
    pub(crate) login: Login,
    /// Which of the pool's it is. Only its id has it.
    #[serde(skip)]
    pub(crate) number: u8,
}

impl Entity for StandInLogin {
    const TABLE: Table = Table::StandIn;

    fn id(&self) -> String {
        Self::key(&self.login.pool_id, self.number)
    }
}

impl StandInLogin {
    pub(crate) fn key(pool_id: &str, number: u8) -> String {
        id_of([pool_id, "login", &format!("{number:02}")])
    }
}

/// A decoy of a user's record. Its name is a UUID if the names of all users are UUIDs.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct StandInUser {
    pub(crate) user: User,
    /// Which of the pool's it is. Only its id has it.
    #[serde(skip)]
    pub(crate) number: u8,
}

impl Entity for StandInUser {
    const TABLE: Table = Table::StandIn;

    fn id(&self) -> String {
        Self::key(&self.user.pool_id, self.number)
    }
}

impl StandInUser {
    pub(crate) fn key(pool_id: &str, number: u8) -> String {
        id_of([pool_id, "user", &format!("{number:02}")])
    }
}
