//! What the engine asks of persistence: versioned records and one atomic, conditional change.
//!
//! A store knows nothing of users or devices. It keeps *records*: a [`Key`], a JSON body, a
//! version. Every rule lives in the engine, which reads what a command needs, decides, and hands
//! over a [`Change`] that holds only if nothing the decision rested on has moved (compare-and-set).
//! A store is then small enough to be written twice without two opinions, and one conformance suite
//! covers every implementation.

use std::fmt;

/// The kinds of record. The name is what a database shows, so it is part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// User pools with their settings.
    Pool,
    /// Pools that were deleted and whose records are still being removed.
    DeletedPool,
    /// A pool's secrets: sealing key and token-signing keys.
    PoolKeys,
    /// App clients, by client id.
    Client,
    /// Which clients a pool has, for listing.
    PoolClient,
    /// Users, by pool and internal username.
    User,
    /// Every name a user can be found by, folded, to the internal username.
    Login,
    /// Groups of users, by pool and name.
    Group,
    /// Confirmed devices, by pool, user and device key.
    Device,
    /// Device keys that must not be confirmed again, until their issue window has passed.
    ForgottenDevice,
    /// Sign-ins that hold a refresh token, by origin id.
    Grant,
    /// Which such sign-ins a user has, for listing.
    UserGrant,
    /// Sessions and secret blocks that were used up, until they would have expired anyway.
    Spent,
    /// First factors proven by clients that send no session with their device answers.
    FirstFactor,
    /// Codes that were sent and wait to be typed in.
    Code,
    /// How many codes were sent within the hour.
    SentCodes,
    /// Failed attempts that count towards a lockout.
    Attempts,
    /// What happened at each sign-in, and why.
    AuthEvent,
}

impl Table {
    /// Every kind, for stores that make one physical table of each.
    pub const ALL: [Self; 18] = [
        Self::Pool,
        Self::DeletedPool,
        Self::PoolKeys,
        Self::Client,
        Self::PoolClient,
        Self::User,
        Self::Login,
        Self::Group,
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
    ];

    /// The name under which a database keeps it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pool => "pool",
            Self::DeletedPool => "deleted_pool",
            Self::PoolKeys => "pool_keys",
            Self::Client => "client",
            Self::PoolClient => "pool_client",
            Self::User => "user",
            Self::Login => "login",
            Self::Group => "group",
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
        }
    }
}

/// Where a record stands: its table and its id, whose parts are joined by `/` (a `/` within a part
/// stands as `~1`, a `~` as `~0`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The kind of record.
    pub table: Table,
    /// Its id within the kind. Ids compare as bytes; scans run in that order.
    pub id: String,
}

/// Which state of a record was seen. Opaque; a store never gives the same version to two states of
/// one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// A record as read. Its `Debug` leaves the body out: bodies hold verifiers and keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Which state this is.
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

/// One write of a [`Change`].
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Creates or replaces the record.
    Put {
        /// The new body, JSON in UTF-8.
        body: Vec<u8>,
        /// When it may be purged, in milliseconds since the epoch; `None` keeps it.
        expires_at: Option<i64>,
    },
    /// Removes the record; removing one that is not there is no error.
    Delete,
}

/// Writes that happen together or not at all, and only if every expectation still holds.
#[derive(Clone, Default)]
pub struct Change {
    /// The version each key must still have; `None` means that it must not exist.
    pub expect: Vec<(Key, Option<Version>)>,
    /// What to write; at most one write a key.
    pub writes: Vec<(Key, Write)>,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An expectation no longer holds; nothing was written. Load and decide again.
    #[error("the state this change was decided on has moved")]
    Conflict,
    /// The store failed; whether the change was made is unknown. The text is for the log, never for
    /// a caller.
    #[error("storage failed: {0}")]
    Failed(String),
}

/// Versioned records with atomic conditional changes.
///
/// Calls block; the server runs them off its async workers. What the engine may rely on:
/// - a change that returned `Ok` is durable and visible to every later `get` and `scan`;
/// - changes are atomic, and serializable with respect to the keys in `expect`;
/// - `scan` yields ids in byte order.
pub trait Store: Send + Sync {
    /// The record at `key`, if there is one. Expired records may still be returned until they are
    /// purged.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError>;

    /// Up to `limit` records whose id starts with `prefix` and, where `after` is given, is greater
    /// than it.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError>;

    /// Applies `change` whole, or not at all.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when an expectation does not hold; [`StoreError::Failed`].
    fn apply(&self, change: Change) -> Result<(), StoreError>;

    /// Removes records whose `expires_at` is before `now_millis`, and says how many.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    fn purge(&self, now_millis: i64) -> Result<usize, StoreError>;
}
