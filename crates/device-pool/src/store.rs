//! The storage that the engine needs: versioned records and one atomic, conditional change.
//!
//! A store knows nothing of users or devices. It keeps *records*: a [`Key`], a JSON body and a
//! version. All rules are in the engine: it reads what a command needs, decides, and submits a
//! [`Change`]. The change is applied only if no record that the decision rested on has changed
//! since (compare-and-set). So a store is small, cannot differ from another in its rules, and one
//! conformance suite covers every implementation.

mod secrets;

use std::fmt;

pub use secrets::{Secrets, secret_values};

/// The kinds of record. Databases show the name, so it is part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// User pools with their settings.
    Pool,
    /// Deleted pools whose records are still being removed.
    DeletedPool,
    /// A pool's secrets: sealing key and token-signing keys.
    PoolKeys,
    /// App clients, by client id.
    Client,
    /// Which clients a pool has, for listing.
    PoolClient,
    /// Users, by pool and internal username: what sign-ins need of them.
    User,
    /// Users' attributes other than addresses, by pool and internal username.
    UserProfile,
    /// Users' earlier passwords, by pool and internal username.
    PasswordHistory,
    /// Users' software tokens, by pool and internal username.
    UserToken,
    /// Records of a pool that are read in place of an unknown user's.
    StandIn,
    /// Sign-in names (username and aliases, case-folded), each with the internal username.
    Login,
    /// Groups of users, by pool and name.
    Group,
    /// Parts of a pool that are stored as they are described, by pool, kind and name.
    Resource,
    /// Domains of pools, by name.
    Domain,
    /// Confirmed devices, by pool, user and device key.
    Device,
    /// Device keys that must not be confirmed again, kept until their issue window has passed.
    ForgottenDevice,
    /// Grants: sign-ins that hold a refresh token, by origin id.
    Grant,
    /// The grants of each user, for listing.
    UserGrant,
    /// Used sessions and secret blocks, kept until they would have expired.
    Spent,
    /// First factors proven by clients that answer device challenges without a session.
    FirstFactor,
    /// Codes that were sent and not yet used.
    Code,
    /// How many codes were sent within the last hour.
    SentCodes,
    /// Failed attempts that count towards a lockout.
    Attempts,
    /// The sign-ins that earlier releases recorded.
    AuthEvent,
    /// The audit trail.
    AuditEvent,
    /// Events that are not in their pool's audit log yet.
    UnsealedEvent,
    /// The audit log of each pool: its tree's state and its signing key.
    AuditLog,
    /// The leaves of audit logs, in rows.
    AuditTile,
    /// What administrators said about events of the audit trail, by pool, sub and event.
    EventFeedback,
    /// Users who were deleted and of whom traces are still being removed.
    DeletedUser,
    /// Sessions of administrators in the console. The host's own: no rule reads them.
    AdminSession,
    /// Entries by which users are found, by pool, field, value and internal username.
    UserIndex,
    /// Counts of a pool's users, devices and sign-ins.
    Count,
    /// Access keys of further administrators. The host's own: no rule reads them.
    AccessKey,
    /// The keys that records are sealed with, by the pool or server that they are for. A sealing
    /// store's own.
    DataKey,
}

impl Table {
    /// All kinds, for stores with a physical table for each. Data keys are last, so that what is
    /// removed in this order can be read until it is gone.
    pub const ALL: [Self; 35] = [
        Self::Pool,
        Self::DeletedPool,
        Self::PoolKeys,
        Self::Client,
        Self::PoolClient,
        Self::User,
        Self::UserProfile,
        Self::PasswordHistory,
        Self::UserToken,
        Self::StandIn,
        Self::Login,
        Self::Group,
        Self::Resource,
        Self::Domain,
        Self::Device,
        Self::ForgottenDevice,
        Self::Grant,
        Self::UserGrant,
        Self::Spent,
        Self::FirstFactor,
        Self::Code,
        Self::SentCodes,
        Self::Attempts,
        Self::AuthEvent,
        Self::AuditEvent,
        Self::UnsealedEvent,
        Self::AuditLog,
        Self::AuditTile,
        Self::EventFeedback,
        Self::DeletedUser,
        Self::AdminSession,
        Self::AccessKey,
        Self::UserIndex,
        Self::Count,
        Self::DataKey,
    ];

    /// The name of the table in a database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::DeletedPool => "deleted_pool",
            Self::PoolKeys => "pool_keys",
            Self::Client => "client",
            Self::PoolClient => "pool_client",
            Self::User => "user",
            Self::UserProfile => "user_profile",
            Self::PasswordHistory => "password_history",
            Self::UserToken => "user_token",
            Self::StandIn => "stand_in",
            Self::Login => "login",
            Self::Group => "group",
            Self::Resource => "resource",
            Self::Domain => "domain",
            Self::Device => "device",
            Self::ForgottenDevice => "forgotten_device",
            Self::Grant => "grant",
            Self::UserGrant => "user_grant",
            Self::Spent => "spent",
            Self::FirstFactor => "first_factor",
            Self::Code => "code",
            Self::SentCodes => "sent_codes",
            Self::Attempts => "attempts",
            Self::AuthEvent => "auth_event",
            Self::AuditEvent => "audit_event",
            Self::UnsealedEvent => "unsealed_event",
            Self::AuditLog => "audit_log",
            Self::AuditTile => "audit_tile",
            Self::EventFeedback => "event_feedback",
            Self::DeletedUser => "deleted_user",
            Self::AdminSession => "admin_session",
            Self::AccessKey => "access_key",
            Self::DataKey => "data_key",
            Self::UserIndex => "user_index",
            Self::Count => "count",
        }
    }
}

/// The address of a record: its table and its id. The id's parts are joined by `/`; within a part,
/// `/` is written `~1` and `~` is written `~0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind of record.
    pub table: Table,
    /// The id within the table. Ids compare as bytes; scans run in that order.
    pub id: String,
}

/// The version of a record that was read. Opaque; a store never gives two states of one key the
/// same version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A record that was read. Its `Debug` omits the body: bodies hold verifiers and keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The version of this state.
    pub version: Version,
    /// The body: one JSON object in UTF-8.
    pub body: Vec<u8>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("version", &self.version)
            .field("bytes", &self.body.len())
            .finish()
    }
}

/// What [`Store::get_unless`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The record has the known version.
    Unchanged,
    /// Another state of the record; `None` if it does not exist.
    Changed(Option<Record>),
}

/// One write of a [`Change`].
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Creates or replaces the record.
    Put {
        /// The new body: JSON in UTF-8.
        body: Vec<u8>,
        /// When the record may be purged, in milliseconds since the epoch; `None` keeps it.
        expires_at: Option<i64>,
    },
    /// Removes the record. It is no error if the record does not exist.
    Delete,
}

/// Writes that are applied together or not at all, and only if every expectation holds.
#[derive(Clone, Default)]
pub struct Change {
    /// The version that each key must still have; `None` means that it must not exist.
    pub expect: Vec<(Key, Option<Version>)>,
    /// The writes, at most one for each key.
    pub writes: Vec<(Key, Write)>,
}

/// Why a store call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An expectation does not hold; nothing was written. Load the records and decide again.
    #[error("a record changed after it was read")]
    Conflict,
    /// The store failed; whether the change was applied is unknown. The text is for the log only.
    #[error("storage failed: {0}")]
    Failed(String),
}

/// Which calls of a store wait for something else than a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// None.
    Never,
    /// Changes, for a disk. Reads are mostly from memory.
    ToWrite,
    /// All, for another process.
    Always,
}

/// Versioned records with atomic conditional changes.
///
/// Calls block; the server runs them off its async workers. What the engine may rely on:
/// - a change that returned `Ok` is durable and visible to every later `get` and `scan`;
/// - changes are atomic, and serializable with respect to the keys in `expect`;
/// - `scan` yields ids in byte order.
pub trait Store: Send + Sync {
    /// The record at `key`, if it exists. Expired records may still be returned until they are
    /// purged.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    /// As [`get`](Self::get), without the body of a record that still has the version `known`.
    ///
    /// So the caller can keep what it made of the body. A store that has the version before the
    /// body should implement this.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn get_unless(&self, key: &Key, known: Version) -> Result<Lookup, StoreError> {
        Ok(match self.get(key)? {
            Some(record) if record.version == known => Lookup::Unchanged,
            other => Lookup::Changed(other),
        })
    }

    /// The records at `keys`, in the same order.
    ///
    /// A store for which each question is a round trip should ask once.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn get_all(&self, keys: &[Key]) -> Result<Vec<Option<Record>>, StoreError> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// Up to `limit` records whose id starts with `prefix` and is greater than `after`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`].
    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError>;

    /// Applies `change` completely or not at all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if an expectation does not hold; [`StoreError::Failed`].
    fn apply(&self, change: Change) -> Result<(), StoreError>;

    /// Removes records whose `expires_at` is before `now_millis` and returns their number.
    ///
    /// # Errors
    ///
    /// [`StoreError::Failed`].
    fn purge(&self, now_millis: i64) -> Result<usize, StoreError>;

    /// Which calls wait. A busy server does other work meanwhile.
    fn waits(&self) -> Waits {
        Waits::Always
    }
}
