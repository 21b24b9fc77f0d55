//! A seed: pools, clients, groups, users and devices that a development server starts with.

use device_wire::Sensitive;
use device_wire::enums::{DeviceRememberedStatusType, UserStatusType};
use device_wire::requests::{
    CreateGroupRequest, CreateUserPoolClientRequest, CreateUserPoolRequest,
    SetUserPoolMfaConfigRequest,
};
use device_wire::shapes::AttributeType;

use crate::error::ServiceError;

/// When the verifiers of a seed's passwords are computed. A thousand take a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the store is kept, or ends with the process")]
pub enum SeedVerifiers {
    /// When the seed is planted.
    #[default]
    AtOnce,
    /// When their users are first read. Until then the passwords are held in memory, so the store
    /// must end with the process.
    OnFirstRead,
}

/// One thing to plant. A pool comes before its clients and groups, and those before its users.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "code that reads a file names every kind")]
pub enum SeedItem {
    /// A user pool.
    Pool(Box<SeedPool>),
    /// An app client.
    Client(Box<SeedClient>),
    /// A group of users.
    Group(CreateGroupRequest),
    /// A user.
    User(Box<SeedUser>),
}

/// A user pool with a chosen id.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "code that reads a file fills every field")]
pub struct SeedPool {
    /// The id, such as `us-east-1_Local0001`.
    pub id: String,
    /// The settings.
    pub settings: CreateUserPoolRequest,
    /// The second factors, if the pool offers any.
    pub mfa: Option<SetUserPoolMfaConfigRequest>,
}

/// An app client with a chosen id.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "code that reads a file fills every field")]
pub struct SeedClient {
    /// The id.
    pub id: String,
    /// The settings; `client_secret` is the chosen secret.
    pub settings: CreateUserPoolClientRequest,
}

/// A user.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "code that reads a file fills every field")]
pub struct SeedUser {
    /// The pool's id.
    pub pool_id: String,
    /// The name to sign in with; where that is an address, the address or the `sub`.
    pub username: String,
    /// The `sub`; derived from pool and name if it is absent.
    pub sub: Option<String>,
    /// The attributes, without `sub`.
    pub attributes: Vec<AttributeType>,
    /// The status; `CONFIRMED` with a password and `FORCE_CHANGE_PASSWORD` without, if absent.
    pub status: Option<UserStatusType>,
    /// Whether the user may sign in.
    pub enabled: bool,
    /// What the user proves at sign-ins.
    pub secret: Option<SeedSecret>,
    /// The secret of the authenticator app, in base32.
    pub totp_secret: Option<Sensitive<String>>,
    /// The names of the second factors that are switched on: `SMS_MFA`, `SOFTWARE_TOKEN_MFA`,
    /// `EMAIL_OTP`. If absent, the authenticator app if there is one.
    pub mfa: Option<Vec<String>>,
    /// The preferred one of them.
    pub preferred_mfa: Option<String>,
    /// The names of the groups that the user is in.
    pub groups: Vec<String>,
    /// The confirmed devices.
    pub devices: Vec<SeedDevice>,
}

/// A confirmed device of a user.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "code that reads a file fills every field")]
pub struct SeedDevice {
    /// The device key.
    pub key: String,
    /// The group key, which is hashed with the key.
    pub group_key: String,
    /// The name that users see.
    pub name: Option<String>,
    /// Whether it is remembered.
    pub status: DeviceRememberedStatusType,
    /// What the device proves.
    pub secret: SeedSecret,
}

/// A secret, or what is stored of it.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "code that reads a file makes one of the two")]
pub enum SeedSecret {
    /// The password itself.
    Password(Sensitive<String>),
    /// The salt and the SRP verifier of it, both as base64 of big-endian numbers.
    Verifier {
        /// The salt.
        salt: Sensitive<String>,
        /// The verifier.
        verifier: Sensitive<String>,
    },
}

/// Why a seed was not planted.
#[derive(Debug, thiserror::Error)]
#[error("{}", error.message())]
#[expect(clippy::exhaustive_structs, reason = "code that reads a file looks up the place")]
pub struct SeedError {
    /// The position of the item among all.
    pub item: usize,
    /// Where in the item, such as `Devices.0`; empty for the whole.
    pub field: String,
    /// The service's refusal.
    pub error: ServiceError,
}
