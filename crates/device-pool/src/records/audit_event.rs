//! The audit trail: an event for every act that concerns the security of users.
//!
//! Events are added and never replaced. They identify users only by `sub`: no event contains a name
//! or an address, and a later user with the same name sees no events of the earlier one.

use std::net::IpAddr;

use device_wire::Operation;
use device_wire::enums::EventType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::notes::Wait;
use crate::command::transaction::{Entity, id_of};
use crate::crypto::tree::Hash;
use crate::host::moment::{Moment, days};
use crate::host::risk::Risk;
use crate::records::whose::{is_false, scoped_id};
use crate::store::Table;

/// One event. Ids sort the latest first: `<pool>/<sub>/<stream>/<what is left of time>-<event>`;
/// of a pool's own events `pool/<pool>/<stream>/...`, so that they outlive the pool; of the
/// server's own `server/<stream>/...`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AuditEvent {
    pub(crate) id: String,
    /// Empty for the server's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) pool_id: String,
    /// The user's `sub`, or for an unknown name a decoy's. `None` for the pool's own events.
    pub(crate) sub: Option<String>,
    /// Whether the name is unknown. Writing the event takes the same time as for a user.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) of_nobody: bool,
    pub(crate) at: Moment,
    /// The wait in which the attempt was refused unchecked. Its first event stands for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<Wait>,
    pub(crate) kind: Kind,
    /// The operation.
    pub(crate) operation: String,
    pub(crate) outcome: Outcome,
    /// The code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    pub(crate) actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ip: Option<String>,
    /// Makes the address unguessable in the audit log; erased with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ip_salt: Option<String>,
    /// What the audit log has in place of an erased address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ip_commitment: Option<String>,
    /// Why a factor was required or skipped, and why the command was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) expires_at: Moment,
}

impl AuditEvent {
    /// The id of an event for administrators and users. Of a sign-in that ended in tokens it is the
    /// one that the tokens carry.
    pub(crate) fn id_on_wire(&self) -> &str {
        match (&self.sign_in, self.outcome) {
            (Some(SignIn { id, .. }), Outcome::Passed) => id,
            _ => &self.id,
        }
    }

    /// The address that it came from, unless it is unknown or erased.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.ip.as_deref()?.parse().ok()
    }
}

/// The part of an event about its sign-in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SignIn {
    /// Its id, which all its events share and its tokens carry as `event_id`.
    pub(crate) id: String,
    pub(crate) started: Moment,
    /// Whether the password was proven; `None` if none was given.
    pub(crate) password: Option<bool>,
    /// Whether the second factor was proven; `None` if none was given.
    pub(crate) mfa: Option<bool>,
    pub(crate) risk: Risk,
    /// The facts on which a second factor was required or skipped, from `sign_in::next`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) situation: Option<Value>,
}

/// The actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Actor {
    /// The holder of this access key: its id, with the name of a key that has one. `None` if the
    /// server requires no signature.
    Administrator(Option<String>),
    /// The user, by an access token.
    User,
    /// Anyone who knows the user's name, or has a sign-in's session or refresh token.
    Anyone,
    /// Someone who used the link in a message to the user.
    Link,
    /// The server, by itself.
    Server,
}

/// The outcome of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Passed,
    /// More is required: another factor, or the sent code.
    InProgress,
    Failed,
}

/// The kind of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    SignIn,
    /// New tokens for a refresh token.
    Refresh,
    /// A sign-up, or its confirmation.
    SignUp,
    /// Another code for confirming a sign-up.
    ResendCode,
    /// A password reset, requested or completed with a code.
    PasswordReset,
    PasswordChange,
    /// Second factors set up, enabled, disabled or removed.
    MfaChange,
    /// Attributes written, removed or verified.
    AttributeChange,
    /// A device confirmed, remembered, no longer remembered, or forgotten.
    DeviceChange,
    /// One sign-in of the user revoked, or all.
    SignOut,
    /// A user created, enabled, disabled or deleted, or feedback on an event of theirs.
    UserChange,
    GroupChange,
    /// A pool, its app clients, groups, tags or other parts.
    PoolChange,
    /// A session of an administrator in the console, opened or ended.
    ConsoleSession,
    /// An access key, added or revoked.
    AccessKey,
}

impl Kind {
    /// The kind of a command of this operation; `None` for operations that only read.
    pub(crate) const fn of(operation: Operation) -> Option<Self> {
        Some(match operation {
            Operation::InitiateAuth
            | Operation::RespondToAuthChallenge
            | Operation::AdminInitiateAuth
            | Operation::AdminRespondToAuthChallenge => Self::SignIn,
            Operation::GetTokensFromRefreshToken => Self::Refresh,
            Operation::SignUp | Operation::ConfirmSignUp | Operation::AdminConfirmSignUp => {
                Self::SignUp
            }
            Operation::ResendConfirmationCode => Self::ResendCode,
            Operation::ForgotPassword
            | Operation::ConfirmForgotPassword
            | Operation::AdminResetUserPassword => Self::PasswordReset,
            Operation::ChangePassword | Operation::AdminSetUserPassword => Self::PasswordChange,
            Operation::AssociateSoftwareToken
            | Operation::VerifySoftwareToken
            | Operation::AdminDeleteSoftwareToken
            | Operation::SetUserMFAPreference
            | Operation::AdminSetUserMFAPreference
            | Operation::SetUserSettings
            | Operation::AdminSetUserSettings => Self::MfaChange,
            Operation::UpdateUserAttributes
            | Operation::AdminUpdateUserAttributes
            | Operation::DeleteUserAttributes
            | Operation::AdminDeleteUserAttributes
            | Operation::GetUserAttributeVerificationCode
            | Operation::VerifyUserAttribute => Self::AttributeChange,
            Operation::ConfirmDevice
            | Operation::UpdateDeviceStatus
            | Operation::AdminUpdateDeviceStatus
            | Operation::ForgetDevice
            | Operation::AdminForgetDevice => Self::DeviceChange,
            Operation::RevokeToken
            | Operation::RevokeUserSession
            | Operation::AdminRevokeUserSession
            | Operation::GlobalSignOut
            | Operation::AdminUserGlobalSignOut => Self::SignOut,
            Operation::AdminCreateUser
            | Operation::AdminEnableUser
            | Operation::AdminDisableUser
            | Operation::AdminDeleteUser
            | Operation::DeleteUser
            | Operation::AdminUpdateAuthEventFeedback
            | Operation::UpdateAuthEventFeedback => Self::UserChange,
            Operation::AdminAddUserToGroup | Operation::AdminRemoveUserFromGroup => {
                Self::GroupChange
            }
            Operation::CreateUserPool
            | Operation::UpdateUserPool
            | Operation::DeleteUserPool
            | Operation::AddCustomAttributes
            | Operation::SetUserPoolMfaConfig
            | Operation::CreateUserPoolClient
            | Operation::UpdateUserPoolClient
            | Operation::DeleteUserPoolClient
            | Operation::CreateGroup
            | Operation::UpdateGroup
            | Operation::DeleteGroup
            | Operation::AddUserPoolClientSecret
            | Operation::DeleteUserPoolClientSecret
            | Operation::CreateUserPoolDomain
            | Operation::UpdateUserPoolDomain
            | Operation::DeleteUserPoolDomain
            | Operation::CreateResourceServer
            | Operation::UpdateResourceServer
            | Operation::DeleteResourceServer
            | Operation::CreateIdentityProvider
            | Operation::UpdateIdentityProvider
            | Operation::DeleteIdentityProvider
            | Operation::SetRiskConfiguration
            | Operation::SetLogDeliveryConfiguration
            | Operation::SetUICustomization
            | Operation::CreateManagedLoginBranding
            | Operation::UpdateManagedLoginBranding
            | Operation::DeleteManagedLoginBranding
            | Operation::CreateTerms
            | Operation::UpdateTerms
            | Operation::DeleteTerms
            | Operation::CreateUserImportJob
            | Operation::StartUserImportJob
            | Operation::StopUserImportJob
            | Operation::TagResource
            | Operation::UntagResource => Self::PoolChange,
            _ => return None,
        })
    }

    /// The service's name for it, if there is one.
    pub(crate) const fn on_wire(self) -> Option<EventType> {
        match self {
            Self::SignIn => Some(EventType::SignIn),
            Self::SignUp => Some(EventType::SignUp),
            Self::ResendCode => Some(EventType::ResendCode),
            Self::PasswordReset => Some(EventType::ForgotPassword),
            Self::PasswordChange => Some(EventType::PasswordChange),
            Self::Refresh
            | Self::MfaChange
            | Self::AttributeChange
            | Self::DeviceChange
            | Self::SignOut
            | Self::UserChange
            | Self::GroupChange
            | Self::PoolChange
            | Self::ConsoleSession
            | Self::AccessKey => None,
        }
    }

    /// The part of the id that separates the events that the service lists. A page is then found
    /// without reading a year of refreshes.
    fn stream(self) -> &'static str {
        match self.on_wire() {
            Some(_) => LISTED,
            None => "other",
        }
    }
}

const LISTED: &str = "auth";

/// The number of days for which all events that anyone can cause are kept.
const ANYONES_DAYS: u64 = 30;

impl AuditEvent {
    /// The prefix of the ids of a user's events that the service lists.
    pub(crate) fn listed_prefix(pool_id: &str, sub: &str) -> String {
        id_of([pool_id, sub, LISTED, ""])
    }

    /// The prefix of the ids of all events of a user.
    pub(crate) fn prefix_of(pool_id: &str, sub: &str) -> String {
        id_of([pool_id, sub, ""])
    }

    /// Whether the service lists it.
    pub(crate) fn is_listed(&self) -> bool {
        self.kind.on_wire().is_some()
    }

    /// Whether anyone who knows the user's name can cause it: a failure in which nothing was
    /// proven, or a requested code.
    pub(crate) fn is_anyones(&self) -> bool {
        let proven = self
            .sign_in
            .as_ref()
            .is_some_and(|sign_in| sign_in.password == Some(true) || sign_in.mfa == Some(true));
        let requests = [Operation::ForgotPassword, Operation::ResendConfirmationCode];
        let requested = requests.iter().any(|request| self.operation == request.name());
        self.actor == Actor::Anyone && !proven && (self.outcome == Outcome::Failed || requested)
    }

    /// The earliest time at which the event may be gone. It stays longer than that if the user has
    /// few that anyone can cause.
    pub(crate) fn removable_at(&self) -> Moment {
        let end = self.expires_at;
        if self.is_anyones() { end.min(self.at + days(ANYONES_DAYS)) } else { end }
    }

    /// The part of the id that sorts the latest event first. The events of a wait share an id.
    pub(crate) fn sort_key(&self) -> String {
        let left = |at: Moment| u64::MAX - u64::try_from(at.millis()).unwrap_or(0);
        match &self.wait {
            None => format!("{:016x}-{}", left(self.at), self.id),
            Some(wait) => format!("{:016x}-{}", left(wait.since), wait.kind),
        }
    }

    /// Removes what can tell who a deleted user was; returns whether there was anything.
    ///
    /// The addresses of administrators stay. In a sign-in that an administrator's server carries
    /// out, the address is the user's.
    pub(crate) fn pseudonymise(&mut self) -> bool {
        let by_user = !matches!(self.actor, Actor::Administrator(_))
            || matches!(self.kind, Kind::SignIn | Kind::Refresh);
        if !by_user {
            return false;
        }
        let (ip, salt) = (self.ip.take(), self.ip_salt.take());
        if let (Some(ip), Some(salt)) = (&ip, salt) {
            self.ip_commitment = Some(commit(&salt, ip));
        }
        ip.is_some()
    }
}

/// What shows that an address was this one, to those who have the salt.
pub(crate) fn commit(salt: &str, ip: &str) -> String {
    Hash::of(format!("{salt} {ip}").as_bytes()).to_text()
}

impl Entity for AuditEvent {
    const TABLE: Table = Table::AuditEvent;

    fn id(&self) -> String {
        let (stream, sort_key) = (self.kind.stream(), self.sort_key());
        match &self.sub {
            Some(sub) => scoped_id(&self.pool_id, self.of_nobody, [sub, stream, &sort_key]),
            None if self.pool_id.is_empty() => id_of(["server", stream, &sort_key]),
            None => id_of(["pool", &self.pool_id, stream, &sort_key]),
        }
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(self.expires_at)
    }
}
