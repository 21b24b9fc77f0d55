//! Codes that were sent and not yet used.

use std::collections::BTreeSet;
use std::time::Duration;

use device_wire::Sensitive;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::command::transaction::{Entity, id_of};
use crate::crypto::secret::Secret;
use crate::host::moment::{Moment, days, hours, minutes};
use crate::records::address::Address;
use crate::records::attempts::Attempt;
use crate::records::user::User;
use crate::records::whose::{Whose, is_false, scoped_id};
use crate::store::Table;

/// The number of wrong answers that invalidates a code.
const MAX_WRONG_ANSWERS: u8 = 5;

/// The number of codes for one purpose that are valid at a time. More than one, since a stranger
/// may request a code while the user types an earlier one.
const MAX_KEPT: usize = 3;

/// The purpose of a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CodePurpose {
    SignUp,
    ForgotPassword,
    /// Verifies the attribute of this name.
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

    /// The kind under which codes for this purpose are counted. All sign-ins share a kind, since
    /// each sign-in has a purpose of its own.
    pub(crate) fn counted_as(&self) -> String {
        match self {
            Self::SignIn(_) => "sign_ins".to_owned(),
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => self.name(),
        }
    }

    /// The lockout towards which wrong codes count.
    pub(crate) fn attempt(&self) -> Attempt {
        match self {
            Self::SignIn(_) => Attempt::SignInCode,
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => Attempt::SentCode,
        }
    }

    /// The subject under which wrong codes are counted, for a username or a destination. Anyone may
    /// guess the code of a forgotten password; that must not keep the user from verifying a new
    /// address.
    pub(crate) fn counted_under(&self, subject: &str) -> String {
        match self {
            Self::SignIn(_) => subject.to_owned(),
            Self::SignUp | Self::ForgotPassword | Self::Attribute(_) => {
                id_of([subject, &self.name()])
            }
        }
    }

    /// Whether `to` is still an address that a code for this purpose verifies.
    pub(crate) fn is_proven_by(&self, user: &User, to: &Address) -> bool {
        let is = |address: Option<Address>| address.is_some_and(|address| address == *to);
        match self {
            Self::SignUp => is(Address::of(user, to.medium)),
            Self::ForgotPassword => is(Address::verified(user, to.medium)),
            Self::Attribute(name) => {
                is(Address::of(user, to.medium)) || user.unproven.get(name) == Some(&to.destination)
            }
            // The address was the user's when the sign-in began, and a sign-in is short.
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

/// The unused codes for one purpose. The previous release stored only the newest.
#[derive(Serialize, Deserialize)]
pub(crate) struct Codes {
    pool_id: String,
    username: Sensitive<String>,
    purpose: CodePurpose,
    #[serde(default, skip_serializing_if = "is_false")]
    of_nobody: bool,
    #[serde(flatten)]
    newest: Code,
    /// The earlier codes, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<Code>,
}

/// An unused code.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) code: Secret,
    /// The address that the code verifies; `None` if the code was not sent.
    pub(crate) sent_to: Option<Address>,
    /// The subject under which the destination is counted.
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

    /// Adds a new code to those of `before` that are still valid.
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

    /// The codes that are still valid, if any. A code is invalid once its address is no longer the
    /// user's.
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

    /// The code that matches `given`. Codes are compared in constant time.
    pub(crate) fn find(&self, given: &str) -> Option<&Code> {
        let is = |code: &&Code| bool::from(code.code.as_bytes().ct_eq(given.as_bytes()));
        // `last` compares every code, so timing does not tell which one matched.
        self.all().filter(is).last()
    }

    /// The subjects under which the destinations are counted.
    pub(crate) fn destinations(&self) -> BTreeSet<String> {
        // The previous release did not store them.
        let noted = self.all().filter(|code| !code.destination.is_empty());
        noted.map(|code| code.destination.clone()).collect()
    }

    /// Counts a wrong answer against every code that it may have been meant for.
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
