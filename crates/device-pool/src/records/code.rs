//! Codes that wait to be typed in.

use std::collections::BTreeSet;
use std::time::Duration;

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::command::transaction::{Entity, id_of};
use crate::host::moment::{Moment, days, hours, minutes};
use crate::records::address::Address;
use crate::records::attempts::Attempt;
use crate::records::user::User;
use crate::records::whose::{Whose, is_false, scoped_id};
use crate::store::Table;

/// A code is dead after so many wrong answers.
const MAX_WRONG_ANSWERS: u8 = 5;

/// How many codes for one purpose are good at a time. A stranger may ask for a code while the user
/// types an earlier one.
const MAX_KEPT: usize = 3;

/// What a code is good for.
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

    /// What codes for this purpose are counted as. Sign-ins are counted together: each has a
    /// purpose of its own.
    pub(crate) fn counted_as(&self) -> String {
        match self {
            Self::SignIn(_) => "sign_ins".to_owned(),
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => self.name(),
        }
    }

    /// Which lockout wrong ones count towards.
    pub(crate) fn attempt(&self) -> Attempt {
        match self {
            Self::SignIn(_) => Attempt::SignInCode,
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => Attempt::SentCode,
        }
    }

    /// What wrong ones count under, for a username or a destination. Anyone may guess at the code
    /// of a forgotten password; that must not keep the user from proving a new address.
    pub(crate) fn counted_under(&self, subject: &str) -> String {
        match self {
            Self::SignIn(_) => subject.to_owned(),
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => {
                id_of([subject, &self.name()])
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

    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::SignUp | Self::Attribute(_) => days(1),
            Self::ForgotPassword => hours(1),
            Self::SignIn(_) => minutes(15),
        }
    }
}

/// The codes for one purpose that wait to be typed in. The last release kept the newest alone.
#[derive(Serialize, Deserialize)]
pub(crate) struct Codes {
    pool_id: String,
    username: Sensitive<String>,
    purpose: CodePurpose,
    #[serde(default, skip_serializing_if = "is_false")]
    of_nobody: bool,
    #[serde(flatten)]
    newest: Code,
    /// Those before it, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Code>,
}

/// A code that waits to be typed in.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) code: Sensitive<String>,
    /// What it proves. None for a code that went to no one.
    pub(crate) sent_to: Option<Address>,
    /// What its destination is counted under.
    #[serde(default)]
    pub(crate) destination: String,
    #[serde(default)]
    pub(crate) wrong_answers: u8,
    pub(crate) expires_at: Moment,
}

impl Entity for Codes {
    const TABLE: Table = Table::Code;

    fn id(&self) -> String {
        scoped_id(&self.pool_id, self.of_nobody, [&self.username, &self.purpose.name()])
    }

    fn expires_at(&self) -> Option<Moment> {
        self.all().map(|code| code.expires_at).max()
    }
}

impl Codes {
    pub(crate) fn key(whose: Whose<'_>, purpose: &CodePurpose) -> String {
        scoped_id(whose.pool_id, whose.is_nobody(), [whose.username, &purpose.name()])
    }

    /// A new code, beside those of `before` that are still good.
    pub(crate) fn with(
        whose: Whose<'_>,
        purpose: CodePurpose,
        newest: Code,
        before: Option<Self>,
        now: Moment,
    ) -> Self {
        let before = before.into_iter().flat_map(Self::into_all);
        Self {
            pool_id: whose.pool_id.to_owned(),
            username: Sensitive::from(whose.username.to_owned()),
            purpose,
            of_nobody: whose.is_nobody(),
            newest,
            earlier: before.filter(|code| code.is_good(now)).take(MAX_KEPT - 1).collect(),
        }
    }

    /// Those that are still good, if there are any. One whose address is no longer the user's is
    /// not.
    pub(crate) fn good(self, now: Moment, still_proves: impl Fn(&Address) -> bool) -> Option<Self> {
        let (pool_id, username) = (self.pool_id.clone(), self.username.clone());
        let (purpose, of_nobody) = (self.purpose.clone(), self.of_nobody);
        let mut good = self
            .into_all()
            .filter(|code| code.is_good(now) && code.sent_to.as_ref().is_none_or(&still_proves));
        let newest = good.next()?;
        let earlier = good.collect();
        Some(Self { pool_id, username, purpose, of_nobody, newest, earlier })
    }

    /// The code that `given` is. Constant time where codes are compared.
    pub(crate) fn find(&self, given: &str) -> Option<&Code> {
        let is = |code: &&Code| bool::from(code.code.as_bytes().ct_eq(given.as_bytes()));
        // Each is compared, whether or not one before it was the right one.
        self.all().filter(is).last()
    }

    /// What the destinations are counted under.
    pub(crate) fn destinations(&self) -> BTreeSet<String> {
        // The last release did not note them.
        let noted = self.all().filter(|code| !code.destination.is_empty());
        noted.map(|code| code.destination.clone()).collect()
    }

    /// Counts a wrong answer against every code that it might have been.
    pub(crate) fn count_wrong_answer(&mut self) {
        for code in std::iter::once(&mut self.newest).chain(&mut self.earlier) {
            code.wrong_answers = code.wrong_answers.saturating_add(1);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Code> {
        std::iter::once(&self.newest).chain(&self.earlier)
    }

    fn into_all(self) -> impl Iterator<Item = Code> {
        std::iter::once(self.newest).chain(self.earlier)
    }
}

impl Code {
    fn is_good(&self, now: Moment) -> bool {
        now < self.expires_at && self.wrong_answers < MAX_WRONG_ANSWERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_last_release_loads() {
        let stored = r#"{"pool_id":"p","username":"ada","purpose":"SignUp","code":"123456",
            "sent_to":{"medium":"email","destination":"a@b.example"},"expires_at":1000}"#;
        let codes: Codes = serde_json::from_str(stored).unwrap();
        assert_eq!(codes.id(), "p/ada/sign_up");
        assert_eq!(codes.expires_at(), Some(Moment::from_millis(1000)));
        let good = codes
            .good(Moment::from_millis(999), |to| to.destination.as_str() == "a@b.example")
            .unwrap();
        assert!(good.find("123456").is_some());
        assert!(good.find("123457").is_none());
        assert!(good.good(Moment::from_millis(1000), |_| true).is_none());
    }
}
