//! Finding a user's records, which earlier releases stored as one.

use device_srp::Identity;

use crate::command::context::Context;
use crate::command::transaction::Transaction;
use crate::error::ServiceError;
use crate::records::password::Password;
use crate::records::password_history::PasswordHistory;
use crate::records::pool::Pool;
use crate::records::user::{User, is_contact};
use crate::records::user_profile::UserProfile;
use crate::records::user_token::UserToken;

impl User {
    /// The user with this internal name.
    pub(crate) fn by_username(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let Some(user) = cx.tx.find::<Self>(&Self::key(pool_id, username))? else {
            return Ok(None);
        };
        let mut user = user.in_parts(cx)?;
        if user.password.as_ref().is_some_and(Password::is_pending) {
            let identity = Identity::user(Pool::srp_name_of(pool_id), username);
            user.password = user.password.and_then(|password| password.complete(cx, &identity));
            cx.tx.keep(&user)?;
        }
        Ok(Some(user))
    }

    /// Splits a record of an earlier release, and stores the parts.
    pub(crate) fn in_parts(mut self, cx: &mut Context<'_, '_>) -> Result<Self, ServiceError> {
        // Always written, since a sign-in takes longer until then.
        if self.is_whole() {
            let mut profile = UserProfile::of(cx, &self)?;
            let mut history = PasswordHistory::of(cx, &self)?;
            let mut token = UserToken::of(cx, &self)?;
            self.split(&mut profile, &mut history, &mut token);
            cx.tx.keep(&self)?;
            cx.tx.keep(&profile)?;
            cx.tx.keep(&history)?;
            cx.tx.keep(&token)?;
        }
        Ok(self)
    }

    /// Whether this is a record of an earlier release that still contains the separate records.
    fn is_whole(&self) -> bool {
        !self.earlier_passwords.is_empty()
            || self.software_token.is_some()
            || self.pending_token.is_some()
            || self.contact.iter().any(|(name, _)| !is_contact(name))
    }

    fn split(
        &mut self,
        profile: &mut UserProfile,
        history: &mut PasswordHistory,
        token: &mut UserToken,
    ) {
        for (name, value) in std::mem::take(&mut self.contact).into_iter() {
            profile.set(self, &name, value);
        }
        history.passwords.splice(0..0, std::mem::take(&mut self.earlier_passwords));
        if let Some(verified) = self.software_token.take() {
            token.verified = Some(verified);
            self.has_token = true;
        }
        if let Some(pending) = self.pending_token.take() {
            token.pending = Some(pending);
        }
    }
}

impl UserProfile {
    /// Users found by a scan, with their profiles.
    pub(crate) fn of_scanned(
        tx: &Transaction<'_>,
        users: Vec<User>,
    ) -> Result<Vec<(User, Self)>, ServiceError> {
        let ids = users.iter().map(|user| User::key(&user.pool_id, &user.username));
        let stored = tx.peek_all(ids)?;
        let with_profile = users.into_iter().zip(stored).map(|(mut user, stored)| {
            let mut profile = Self::or_empty(stored, &user);
            if user.is_whole() {
                let (mut history, mut token) =
                    (PasswordHistory::new(&user, Vec::new()), UserToken::none(&user));
                user.split(&mut profile, &mut history, &mut token);
            }
            (user, profile)
        });
        Ok(with_profile.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::message::Medium;
    use crate::records::address::Address;

    #[test]
    fn a_user_of_the_last_release_loads_and_loses_nothing() {
        let stored = serde_json::json!({
            "pool_id": "p", "username": "ada", "sub": "s", "status": "CONFIRMED", "enabled": true,
            "attributes": {"email": "ada@b.example", "email_verified": "true", "name": "Ada"},
            "unproven": {}, "groups": {"staff": null},
            "created": 1_790_000_000_123_i64, "modified": 1_790_000_000_456_i64,
            "password": null, "earlier_passwords": [
                {"salt": "1", "verifier": "2", "powers": "3", "set_at": 1_780_000_000_000_i64},
            ],
            "software_token": {"secret": "GEZDGNBV", "name": null, "last_step": 59},
            "pending_token": "MFRGGZDF",
            "mfa": {"enabled": ["email"], "preferred": null},
            "signed_out_at": 1_790_000_000_789_i64,
        });
        let mut user: User = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(user.created.millis(), 1_790_000_000_123);
        assert!(user.is_whole());
        let mut profile = UserProfile::empty(&user);
        let mut history = PasswordHistory::new(&user, Vec::new());
        let mut token = UserToken::none(&user);
        user.split(&mut profile, &mut history, &mut token);
        assert!(Address::verified(&user, Medium::Email).is_some());
        assert_eq!(profile.get(&user, "name"), Some("Ada"));
        let history = serde_json::to_value(&history).unwrap();
        assert_eq!(history["passwords"], stored["earlier_passwords"]);
        let token = serde_json::to_value(&token).unwrap();
        assert_eq!(token["verified"], stored["software_token"]);
        assert_eq!(token["pending"], stored["pending_token"]);
        assert!(user.has_software_token());
        let written = serde_json::to_value(&user).unwrap();
        for (name, value) in stored.as_object().unwrap() {
            match name.as_str() {
                "attributes" => assert_eq!(written[name].get("name"), None),
                "mfa" => assert_eq!(written[name]["email"], true),
                "earlier_passwords" | "software_token" | "pending_token" => {
                    assert_eq!(written.get(name), None, "{name}");
                }
                _ => assert_eq!(written.get(name), Some(value), "{name}"),
            }
        }
        assert!(!user.is_whole(), "a record is split once");
    }
}
