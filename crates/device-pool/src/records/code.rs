//! A code that waits to be typed in.

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

use crate::command::transaction::{Entity, id_of};
use crate::records::address::Address;
use crate::records::attempts::Attempt;
use crate::records::user::User;
use crate::store::Table;

/// What a code is good for. A newer code for the same replaces the older one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CodePurpose {
    SignUp,
    ForgotPassword,
    /// Proves the attribute of this name.
    Attribute(String),
    /// A factor of the sign-in whose session has this id.
    SignIn(String),
}

impl CodePurpose {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::SignUp => "sign_up".to_owned(),
            Self::ForgotPassword => "forgot_password".to_owned(),
            Self::Attribute(name) => format!("attribute {name}"),
            Self::SignIn(session) => format!("sign_in {session}"),
        }
    }

    /// Which lockout wrong ones count towards.
    pub(crate) fn attempt(&self) -> Attempt {
        match self {
            Self::SignIn(_) => Attempt::MfaCode,
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => Attempt::SentCode,
        }
    }

    /// The name that wrong ones count under. Anyone may guess at the code of a forgotten password;
    /// that must not keep the user from proving a new address.
    pub(crate) fn counted_under(&self, username: &str) -> String {
        match self {
            Self::SignIn(_) => username.to_owned(),
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => {
                id_of([username, &self.name()])
            }
        }
    }

    /// Whether `to` is still an address that proves what a code is for.
    pub(crate) fn is_proven_by(&self, user: &User, to: &Address) -> bool {
        let is = |address: Option<Address>| address.is_some_and(|address| address == *to);
        match self {
            Self::SignUp => is(Address::of(user, to.medium)),
            Self::ForgotPassword => is(Address::verified(user, to.medium)),
            Self::Attribute(name) => {
                is(Address::of(user, to.medium)) || user.unproven.get(name) == Some(&to.destination)
            }
            // The address was the user's when the sign-in began, and the sign-in is short.
            Self::SignIn(_) => true,
        }
    }

    pub(crate) fn lifetime_millis(&self) -> i64 {
        match self {
            Self::SignUp | Self::Attribute(_) => 24 * HOUR_MILLIS,
            Self::ForgotPassword => HOUR_MILLIS,
            Self::SignIn(_) => 15 * MINUTE_MILLIS,
        }
    }
}

/// A code that waits to be typed in.
#[derive(Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) pool_id: String,
    pub(crate) username: Sensitive<String>,
    pub(crate) purpose: CodePurpose,
    pub(crate) code: Sensitive<String>,
    /// What it proves. None for a code that went to no one.
    pub(crate) sent_to: Option<Address>,
    pub(crate) expires_at: i64,
}

impl Entity for Code {
    const TABLE: Table = Table::Code;

    fn id(&self) -> String {
        key(&self.pool_id, &self.username, &self.purpose)
    }

    fn expires_at(&self) -> Option<i64> {
        Some(self.expires_at)
    }
}

pub(crate) fn key(pool_id: &str, username: &str, purpose: &CodePurpose) -> String {
    id_of([pool_id, username, &purpose.name()])
}

const MINUTE_MILLIS: i64 = 60_000;

const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;
