//! The audit trail: an event for every act that matters to whether users are safe.
//!
//! Events are added and never replaced. They name users by their `sub` alone: a name or an address
//! of a user is in no event, and whoever has a name next sees nothing of the last one's.

use device_wire::Operation;
use device_wire::enums::EventType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::command::notes::Wait;
use crate::command::transaction::{Entity, id_of};
use crate::host::moment::Moment;
use crate::host::risk::Risk;
use crate::records::whose::{is_false, scoped_id};
use crate::store::Table;

/// One event. Ids sort the latest first: `<pool>/<sub>/<stream>/<what is left of time>-<event>`;
/// of a pool's own events `pool/<pool>/<stream>/...`, so that they outlive the pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AuditEvent {
    pub(crate) id: String,
    pub(crate) pool_id: String,
    /// Whose it is: a user's, or of a name that nobody has a decoy's. `None` for the pool's own.
    pub(crate) sub: Option<String>,
    /// The name had no user. It was written to take the time that one of a user takes.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) of_nobody: bool,
    pub(crate) at: Moment,
    /// The wait in which the attempt was refused unseen. Its first event stands for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<Wait>,
    pub(crate) kind: Kind,
    /// The operation that was called.
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
    /// In words: why a factor was asked for or skipped, and why the command was refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) reasons: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sign_in: Option<SignIn>,
    pub(crate) expires_at: Moment,
}

/// What an event tells of the sign-in that it is a step of.
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
    /// The holder of the access key with this id; `None` if the server requires no signature.
    Administrator(Option<String>),
    /// The user, by an access token.
    User,
    /// Anyone who knows the user's name, or has a sign-in's session or refresh token.
    Anyone,
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Passed,
    /// More is asked: another factor, or the code that was sent.
    InProgress,
    Failed,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    SignIn,
    /// New tokens for a refresh token.
    Refresh,
    /// A sign-up, or its confirmation.
    SignUp,
    /// Another code to confirm a sign-up.
    ResendCode,
    /// A password reset asked for, or done with a code.
    PasswordReset,
    PasswordChange,
    /// Second factors set up, switched or removed.
    MfaChange,
    /// Attributes written, removed or proven.
    AttributeChange,
    /// A device confirmed, remembered, no longer remembered, or forgotten.
    DeviceChange,
    /// One sign-in of the user ended, or all.
    SignOut,
    /// A user made, enabled, disabled or deleted.
    UserChange,
    GroupChange,
    /// A pool, its app clients, groups or tags.
    PoolChange,
}

impl Kind {
    /// What a command of this operation is in the trail. `None` for those that only read.
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
            | Operation::DeleteUser => Self::UserChange,
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
            | Operation::TagResource
            | Operation::UntagResource => Self::PoolChange,
            _ => return None,
        })
    }

    /// What the service calls it, if it has a word for it.
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
            | Self::PoolChange => None,
        }
    }

    /// The part of the id that keeps what the service lists apart from the rest: a page is then
    /// found without reading a year of refreshes.
    fn stream(self) -> &'static str {
        match self.on_wire() {
            Some(_) => LISTED,
            None => "other",
        }
    }
}

const LISTED: &str = "auth";

impl AuditEvent {
    /// What the ids of a user's events start with that the service lists.
    pub(crate) fn listed_prefix(pool_id: &str, sub: &str) -> String {
        id_of([pool_id, sub, LISTED, ""])
    }

    /// When it was: of two events the later one is the less. The events of a wait are one.
    pub(crate) fn sort_key(&self) -> String {
        let left = |at: Moment| u64::MAX - u64::try_from(at.millis()).unwrap_or(0);
        match &self.wait {
            None => format!("{:016x}-{}", left(self.at), self.id),
            Some(wait) => format!("{:016x}-{}", left(wait.since), wait.kind),
        }
    }
}

impl Entity for AuditEvent {
    const TABLE: Table = Table::AuditEvent;

    fn id(&self) -> String {
        let (stream, sort_key) = (self.kind.stream(), self.sort_key());
        match &self.sub {
            Some(sub) => scoped_id(&self.pool_id, self.of_nobody, [sub, stream, &sort_key]),
            None => id_of(["pool", &self.pool_id, stream, &sort_key]),
        }
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(self.expires_at)
    }
}
