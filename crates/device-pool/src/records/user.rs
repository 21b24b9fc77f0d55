//! Users: names, password verifier, second factor.

use std::collections::BTreeMap;

use device_wire::enums::UserStatusType;
use device_wire::shapes::{AttributeType, UserType};
use device_wire::{ErrorCode, Sensitive, Timestamp, sentence};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::notes::Subject;
use crate::command::transaction::{Entity, id_of};
use crate::crypto::totp::SoftwareToken;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::host::moment::{Moment, days};
use crate::records::address::Address;
use crate::records::attributes::Attributes;
use crate::records::factor::MfaPreference;
use crate::records::group::Memberships;
use crate::records::password::Password;
use crate::records::pool::Pool;
use crate::store::Table;

/// A user of a pool.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) pool_id: String,
    /// The internal name: tokens carry it, SRP hashes it, and other records are keyed by it.
    pub(crate) username: String,
    pub(crate) sub: String,
    pub(crate) status: UserStatusType,
    pub(crate) enabled: bool,
    pub(crate) attributes: Attributes,
    /// New addresses by attribute name. Each replaces the attribute's value once it is verified.
    #[serde(default)]
    pub(crate) unproven: BTreeMap<String, Sensitive<String>>,
    #[serde(default)]
    pub(crate) groups: Memberships,
    pub(crate) created: Moment,
    pub(crate) modified: Moment,
    pub(crate) password: Option<Password>,
    /// Earlier passwords, the latest first, as many as the pool's policy remembers.
    #[serde(default)]
    pub(crate) earlier_passwords: Vec<Password>,
    pub(crate) software_token: Option<SoftwareToken>,
    /// The secret of a software token that the user has not yet verified.
    pub(crate) pending_token: Option<Sensitive<String>>,
    pub(crate) mfa: MfaPreference,
    /// When this user is removed if the account is not confirmed. `None` for users of earlier
    /// releases.
    #[serde(default)]
    pub(crate) unconfirmed_until: Option<Moment>,
    /// The number of global sign-outs. Grants and sign-ins with a lower number are invalid,
    /// whatever their time.
    #[serde(default)]
    pub(crate) sign_outs: u32,
    /// The time of the last global sign-out, for grants that have no number.
    pub(crate) signed_out_at: Option<Moment>,
}

impl Entity for User {
    const TABLE: Table = Table::User;

    fn id(&self) -> String {
        User::key(&self.pool_id, &self.username)
    }

    fn expires_at(&self) -> Option<Moment> {
        self.unconfirmed_until.filter(|_| self.status == UserStatusType::Unconfirmed)
    }
}

impl User {
    /// A new user without a password, not yet stored.
    pub(crate) fn new(
        cx: &Context<'_, '_>,
        pool: &Pool,
        username: String,
        sub: String,
        status: UserStatusType,
        attributes: Attributes,
    ) -> Self {
        Self {
            pool_id: pool.id.clone(),
            username,
            sub,
            status,
            enabled: true,
            attributes,
            unproven: BTreeMap::new(),
            groups: Memberships::default(),
            created: cx.now(),
            modified: cx.now(),
            password: None,
            earlier_passwords: Vec::new(),
            software_token: None,
            pending_token: None,
            mfa: MfaPreference::default(),
            sign_outs: 0,
            unconfirmed_until: Some(
                cx.now() + days(u64::from(cx.config.retention.unconfirmed_user_days)),
            ),
            signed_out_at: None,
        }
    }

    pub(crate) fn key(pool_id: &str, username: &str) -> String {
        id_of([pool_id, username])
    }

    /// Loads the user with this internal name.
    pub(crate) fn by_username(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
    ) -> Result<Option<Self>, ServiceError> {
        cx.tx.find(&Self::key(pool_id, username))
    }

    /// The user as the subject of a command, for the audit trail.
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            pool_id: self.pool_id.clone(),
            sub: self.sub.clone(),
            is_nobody: false,
            removed_at: self.expires_at(),
        }
    }

    /// The attributes as responses list them, including `sub`.
    pub(crate) fn attribute_list(&self) -> Vec<AttributeType> {
        let sub =
            AttributeType { value: Some(self.sub.clone().into()), ..AttributeType::new("sub") };
        let rest = self.attributes.iter().map(|(name, value)| AttributeType {
            value: Some(value.clone()),
            ..AttributeType::new(name)
        });
        rest.chain([sub]).collect()
    }

    pub(crate) fn describe(&self) -> UserType {
        UserType {
            username: Some(self.username.clone().into()),
            attributes: Some(self.attribute_list()),
            user_create_date: Some(Timestamp::from(self.created)),
            user_last_modified_date: Some(Timestamp::from(self.modified)),
            enabled: Some(self.enabled),
            user_status: Some(self.status.clone()),
            ..UserType::default()
        }
    }

    /// Refuses a user who may not sign in even with the right password.
    pub(crate) fn admit(&self) -> Result<(), ServiceError> {
        if !self.enabled {
            return Err(ServiceError::not_authorized(sentence::DISABLED_USER));
        }
        match self.status {
            UserStatusType::Unconfirmed => {
                Err(ServiceError::new(ErrorCode::UserNotConfirmed, "User is not confirmed."))
            }
            UserStatusType::ResetRequired => Err(ServiceError::new(
                ErrorCode::PasswordResetRequired,
                "Password reset required for the user",
            )),
            _ => Ok(()),
        }
    }

    /// Invalidates every grant and every running sign-in.
    pub(crate) fn sign_out_everywhere(&mut self, now: Moment) {
        self.sign_outs = self.sign_outs.saturating_add(1);
        self.signed_out_at = Some(now);
    }

    /// When the password was set, which identifies one of a user's passwords.
    pub(crate) fn password_set_at(&self) -> Option<Moment> {
        self.password.as_ref().map(|password| password.set_at)
    }
}

impl Address {
    /// The user's phone number or e-mail address, verified or not.
    pub(crate) fn of(user: &User, medium: Medium) -> Option<Self> {
        let destination =
            user.attributes.get(medium.attribute()).filter(|value| !value.is_empty())?;
        Some(Self { medium, destination: Sensitive::from(destination) })
    }

    /// The user's phone number or e-mail address, if it is verified.
    pub(crate) fn verified(user: &User, medium: Medium) -> Option<Self> {
        Self::of(user, medium).filter(|_| user.attributes.is_verified(medium))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_of_the_last_release_loads_and_loses_nothing() {
        let stored = serde_json::json!({
            "pool_id": "p", "username": "ada", "sub": "s", "status": "CONFIRMED", "enabled": true,
            "attributes": {"email": "ada@b.example", "email_verified": "true"},
            "unproven": {}, "groups": {"staff": null},
            "created": 1_790_000_000_123_i64, "modified": 1_790_000_000_456_i64,
            "password": null, "earlier_passwords": [], "software_token": null,
            "pending_token": null, "mfa": {"enabled": ["email"], "preferred": null},
            "signed_out_at": 1_790_000_000_789_i64,
        });
        let user: User = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(user.created.millis(), 1_790_000_000_123);
        assert!(Address::verified(&user, Medium::Email).is_some());
        let written = serde_json::to_value(&user).unwrap();
        for (name, value) in stored.as_object().unwrap() {
            assert_eq!(written.get(name), Some(value), "{name}");
        }
    }
}
