//! A user: names, password verifier, second factor.

use std::collections::BTreeMap;

use device_srp::{Identity, Salt, Verifier};
use device_wire::{
    AttributeType, PasswordPolicyType, Sensitive, Timestamp, UserPoolMfaType, UserStatusType, UserType,
};
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::error::ServiceError;
use crate::pool::Pool;
use crate::store::Table;
use crate::stored_verifier::StoredVerifier;
use crate::totp::SoftwareToken;
use crate::transaction::{Entity, id_of};

/// A user of a pool.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) pool_id: String,
    /// The internal name: what tokens carry, what SRP hashes, what everything else is keyed by.
    pub(crate) username: String,
    pub(crate) sub: String,
    pub(crate) status: UserStatusType,
    pub(crate) enabled: bool,
    /// Every attribute but `sub`.
    pub(crate) attributes: BTreeMap<String, Sensitive<String>>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) password: Option<Password>,
    pub(crate) software_token: Option<SoftwareToken>,
    /// A secret that was handed out and that no code has proven yet.
    pub(crate) pending_token: Option<Sensitive<String>>,
    pub(crate) mfa: MfaPreference,
    /// Sign-ins from before this moment (milliseconds since the epoch) are over.
    pub(crate) signed_out_at: Option<i64>,
}

/// What the user chose for second factors.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct MfaPreference {
    pub(crate) software_token_enabled: bool,
    pub(crate) software_token_preferred: bool,
}

impl Entity for User {
    const TABLE: Table = Table::User;

    fn id(&self) -> String {
        User::key(&self.pool_id, &self.username)
    }
}

/// A name that somebody can sign in with: `<pool>/<folded name>`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) pool_id: String,
    pub(crate) name: Sensitive<String>,
    pub(crate) username: String,
}

impl Entity for Login {
    const TABLE: Table = Table::Login;

    fn id(&self) -> String {
        Self::key(&self.pool_id, &self.name)
    }
}

impl Login {
    fn key(pool_id: &str, folded: &str) -> String {
        id_of([pool_id, folded])
    }
}

impl User {
    pub(crate) fn key(pool_id: &str, username: &str) -> String {
        id_of([pool_id, username])
    }

    /// The user whose internal name this is.
    pub(crate) fn by_username(
        cx: &mut Context<'_, '_>,
        pool_id: &str,
        username: &str,
    ) -> Result<Option<Self>, ServiceError> {
        cx.tx.find(&Self::key(pool_id, username))
    }

    /// The user whom this name signs in: a username in any case, an alias, or the `sub`.
    pub(crate) fn by_login(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        name: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let folded = pool.fold(name);
        let login = cx.tx.find::<Login>(&Login::key(&pool.id, &folded))?;
        // Where nobody has the name, nobody has it as an internal one either: that is looked up only to take the time.
        let username = login.map_or(folded, |login| login.username);
        Self::by_username(cx, &pool.id, &username)
    }

    /// For administrators, to whom it is told plainly that there is no such user.
    pub(crate) fn for_admin(cx: &mut Context<'_, '_>, pool: &Pool, name: &str) -> Result<Self, ServiceError> {
        Self::by_login(cx, pool, name)?
            .ok_or_else(|| ServiceError::new(device_wire::ErrorCode::UserNotFound, "User does not exist."))
    }

    /// Whether the pool and the user between them ask for a second factor at sign-in.
    pub(crate) fn mfa_due(&self, pool: &Pool) -> bool {
        match pool.mfa_mode() {
            UserPoolMfaType::On => true,
            UserPoolMfaType::Optional => {
                self.mfa.software_token_enabled && self.software_token.is_some() && pool.mfa.software_token
            }
            _ => false,
        }
    }

    /// The attributes as responses list them, `sub` among them.
    pub(crate) fn attribute_list(&self) -> Vec<AttributeType> {
        let sub = AttributeType { value: Some(self.sub.clone().into()), ..AttributeType::new("sub") };
        let rest = self.attributes.iter().map(|(name, value)| AttributeType {
            value: Some(value.clone()),
            ..AttributeType::new(name.as_str())
        });
        rest.chain([sub]).collect()
    }

    pub(crate) fn describe(&self) -> UserType {
        UserType {
            username: Some(self.username.clone().into()),
            attributes: Some(self.attribute_list()),
            user_create_date: Some(Timestamp::from_millis(self.created)),
            user_last_modified_date: Some(Timestamp::from_millis(self.modified)),
            enabled: Some(self.enabled),
            user_status: Some(self.status.clone()),
            ..UserType::default()
        }
    }

    /// The second factors that are switched on, under the names that `UserMFASettingList` uses.
    pub(crate) fn mfa_settings(&self) -> Option<Vec<String>> {
        self.mfa.software_token_enabled.then(|| vec!["SOFTWARE_TOKEN_MFA".to_owned()])
    }

    pub(crate) fn preferred_mfa(&self) -> Option<String> {
        self.mfa.software_token_preferred.then(|| "SOFTWARE_TOKEN_MFA".to_owned())
    }

    /// Refuses a user who has proven the password and may still not come in.
    pub(crate) fn admit(&self) -> Result<(), ServiceError> {
        if !self.enabled {
            return Err(ServiceError::not_authorized("User is disabled."));
        }
        match self.status {
            UserStatusType::Unconfirmed => {
                Err(ServiceError::new(device_wire::ErrorCode::UserNotConfirmed, "User is not confirmed."))
            }
            UserStatusType::ResetRequired => Err(ServiceError::new(
                device_wire::ErrorCode::PasswordResetRequired,
                "Password reset required for the user",
            )),
            _ => Ok(()),
        }
    }

    /// When the password was set, in milliseconds since the epoch: it tells one password of a user from another.
    pub(crate) fn password_set_at(&self) -> Option<i64> {
        self.password.as_ref().map(|password| password.set_at)
    }

    /// Sets a password, after checking it against the pool's policy.
    pub(crate) fn set_password(
        &mut self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        password: &str,
        status: UserStatusType,
    ) -> Result<(), ServiceError> {
        check_policy(&pool.password_policy(), password)?;
        let salt = Salt::random(&mut cx.rng());
        let verifier = Verifier::derive(&Identity::user(pool.srp_name(), &self.username), password, &salt);
        self.password = Some(Password { secret: StoredVerifier::new(&salt, &verifier), set_at: cx.now() });
        self.status = status;
        self.modified = cx.now();
        Ok(())
    }
}

/// A password, of which the service keeps only a verifier.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Password {
    #[serde(flatten)]
    pub(crate) secret: StoredVerifier,
    /// Milliseconds since the epoch.
    pub(crate) set_at: i64,
}

fn check_policy(policy: &PasswordPolicyType, password: &str) -> Result<(), ServiceError> {
    let refuse = |reason: &str| {
        Err(ServiceError::new(
            device_wire::ErrorCode::InvalidPassword,
            format!("Password did not conform with policy: {reason}"),
        ))
    };
    let minimum = usize::try_from(policy.minimum_length.unwrap_or(8)).unwrap_or(8);
    if password.chars().count() < minimum {
        return refuse("Password not long enough");
    }
    let lacks = |required: Option<bool>, class: fn(char) -> bool| {
        required == Some(true) && !password.chars().any(class)
    };
    if lacks(policy.require_lowercase, |c| c.is_ascii_lowercase()) {
        return refuse("Password must have lowercase characters");
    }
    if lacks(policy.require_uppercase, |c| c.is_ascii_uppercase()) {
        return refuse("Password must have uppercase characters");
    }
    if lacks(policy.require_numbers, |c| c.is_ascii_digit()) {
        return refuse("Password must have numeric characters");
    }
    if lacks(policy.require_symbols, is_symbol) {
        return refuse("Password must have symbol characters");
    }
    Ok(())
}

/// The service's list of symbols: printable ASCII that is neither letter nor digit; a space counts within a password.
fn is_symbol(c: char) -> bool {
    c.is_ascii_punctuation() || c == ' '
}
