//! Users: names, password verifier, second factor.

use std::collections::BTreeMap;
use std::time::Duration;

use device_wire::enums::UserStatusType;
use device_wire::{ErrorCode, Sensitive, sentence};
use serde::{Deserialize, Serialize};

use crate::command::beside::{Beside, Counts};
use crate::command::context::Context;
use crate::command::notes::Subject;
use crate::command::transaction::{Entity, id_of};
use crate::crypto::secret::Secret;
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
use crate::records::user_index::IndexedBy;
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
    /// The addresses and the preferred name, which sign-ins need. Other attributes are in the
    /// user's profile; records of earlier releases have all of them here.
    #[serde(rename = "attributes")]
    pub(crate) contact: Attributes,
    /// New addresses by attribute name. Each replaces the attribute's value once it is verified.
    #[serde(default)]
    pub(crate) unproven: BTreeMap<String, Sensitive<String>>,
    /// The address for messages about devices that the user left last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left_address: Option<LeftAddress>,
    #[serde(default)]
    pub(crate) groups: Memberships,
    pub(crate) created: Moment,
    pub(crate) modified: Moment,
    pub(crate) password: Option<Password>,
    /// The password history in records of earlier releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) earlier_passwords: Vec<Password>,
    /// Whether the user has a verified software token.
    #[serde(default)]
    pub(crate) has_token: bool,
    /// The software token in records of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) software_token: Option<SoftwareToken>,
    /// The secret of a token that is not verified, in records of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pending_token: Option<Secret>,
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
    /// Whether the user has entries and is counted. Users of earlier releases get them in time.
    #[serde(default)]
    pub(crate) is_listed: bool,
}

impl Entity for User {
    const TABLE: Table = Table::User;

    fn id(&self) -> String {
        User::key(&self.pool_id, &self.username)
    }

    fn expires_at(&self) -> Option<Moment> {
        self.unconfirmed_until.filter(|_| self.status == UserStatusType::Unconfirmed)
    }

    const HAS_BESIDE: bool = true;

    fn beside(&self) -> Beside {
        if !self.is_listed {
            return Beside::default();
        }
        let entry = |by: IndexedBy, value: &str| by.entry(&self.pool_id, value, &self.username);
        let attributes = IndexedBy::ATTRIBUTES.into_iter().filter_map(|(name, by)| {
            let value = self.contact.get(name).filter(|value| !value.is_empty())?;
            Some(entry(by, &value.to_lowercase()))
        });
        let mut entries: Vec<String> = attributes.collect();
        entries.push(entry(IndexedBy::UserStatus, &self.status.as_str().to_lowercase()));
        entries.extend((!self.enabled).then(|| entry(IndexedBy::Disabled, "")));
        entries.extend(self.groups.names().map(|name| entry(IndexedBy::Group, name)));
        let is_confirmed = self.status != UserStatusType::Unconfirmed;
        Beside {
            entries,
            expires_at: self.expires_at().map(Moment::millis),
            counts: Counts { users: i64::from(is_confirmed), ..Counts::default() },
        }
    }
}

impl User {
    /// A new user without a password or attributes, not yet stored.
    pub(crate) fn new(
        cx: &Context<'_, '_>,
        pool: &Pool,
        username: String,
        sub: String,
        status: UserStatusType,
    ) -> Self {
        Self {
            pool_id: pool.id.clone(),
            username,
            sub,
            status,
            enabled: true,
            contact: Attributes::default(),
            unproven: BTreeMap::new(),
            left_address: None,
            groups: Memberships::default(),
            created: cx.now(),
            modified: cx.now(),
            password: None,
            earlier_passwords: Vec::new(),
            has_token: false,
            software_token: None,
            pending_token: None,
            mfa: MfaPreference::default(),
            sign_outs: 0,
            unconfirmed_until: Some(
                cx.now() + days(u64::from(cx.config.retention.unconfirmed_user_days)),
            ),
            signed_out_at: None,
            is_listed: true,
        }
    }

    pub(crate) fn key(pool_id: &str, username: &str) -> String {
        id_of([pool_id, username])
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

    /// Whether the user has a verified software token; its record is a [`UserToken`].
    ///
    /// [`UserToken`]: crate::records::user_token::UserToken
    pub(crate) fn has_software_token(&self) -> bool {
        self.has_token || self.software_token.is_some()
    }

    /// When the password was set, which identifies one of a user's passwords.
    pub(crate) fn password_set_at(&self) -> Option<Moment> {
        self.password.as_ref().map(|password| password.set_at)
    }
}

/// How long messages about new devices also go to an address that its user left: the maximum
/// lifetime of an access token, and of a device key that is not confirmed.
const LEFT_ADDRESS_IS_TOLD: Duration = days(1);

/// An address that its user left.
#[derive(Clone, Serialize, Deserialize)]
struct LeftAddress {
    address: Address,
    at: Moment,
}

impl LeftAddress {
    fn is_told(&self, now: Moment) -> bool {
        now < self.at + LEFT_ADDRESS_IS_TOLD
    }
}

impl User {
    /// The verified address for messages about devices: e-mail, or else the phone number.
    pub(crate) fn notice_address(&self) -> Option<Address> {
        let media = [Medium::Email, Medium::Sms];
        media.into_iter().find_map(|medium| Address::verified(self, medium))
    }

    /// Remembers the address for messages about devices, if it is no longer that of `before`.
    ///
    /// An attacker with the user's access token may have changed it, to confirm a device without
    /// the user's notice. Of several addresses in a row, the first is the owner's.
    pub(crate) fn leave_address_of(&mut self, before: &Self, now: Moment) {
        let is_told = self.left_address.as_ref().is_some_and(|left| left.is_told(now));
        let address = before.notice_address().filter(|_| !is_told);
        if let Some(address) = address.filter(|left| self.notice_address().as_ref() != Some(left)) {
            self.left_address = Some(LeftAddress { address, at: now });
        }
    }

    /// The address that the user left so recently that messages about new devices go there, too.
    pub(crate) fn left_notice_address(&self, now: Moment) -> Option<Address> {
        let left = self.left_address.as_ref().filter(|left| left.is_told(now))?;
        Some(left.address.clone()).filter(|left| self.notice_address().as_ref() != Some(left))
    }
}

impl Address {
    /// The user's phone number or e-mail address, verified or not.
    pub(crate) fn of(user: &User, medium: Medium) -> Option<Self> {
        let destination = user.contact.get(medium.attribute()).filter(|value| !value.is_empty())?;
        Some(Self { medium, destination: Sensitive::from(destination) })
    }

    /// The user's phone number or e-mail address, if it is verified.
    pub(crate) fn verified(user: &User, medium: Medium) -> Option<Self> {
        Self::of(user, medium).filter(|_| user.contact.is_verified(medium))
    }
}

/// Whether sign-ins need this attribute: an address, its verification, or a name.
pub(crate) fn is_contact(name: &str) -> bool {
    matches!(
        name,
        "email"
            | "email_verified"
            | "phone_number"
            | "phone_number_verified"
            | "preferred_username"
    )
}
