//! A session, as an app sees it.

use std::time::{Duration, SystemTime};

use device_proto::{Tokens, UnconfirmedDevice};
use device_wire::Sensitive;

/// Who is signed in, and the proof of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The user's internal name.
    pub username: String,
    /// The user's id, unique for all time.
    pub sub: Option<String>,
    /// For the service, and for the app's own services to verify.
    pub access_token: Sensitive<String>,
    /// For the app: who signed in.
    pub id_token: Option<Sensitive<String>>,
    /// When the access token runs out, by this machine's clock.
    pub expires_at: SystemTime,
    /// The key of the tracked device that the session belongs to.
    pub device_key: Option<String>,
}

/// A session with what only the client handles. Replaced as a whole, never changed.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    pub(crate) session: Session,
    pub(crate) refresh_token: Option<Sensitive<String>>,
    /// A device whose confirming failed.
    pub(crate) unconfirmed: Option<UnconfirmedDevice>,
    /// The name that was typed.
    pub(crate) alias: String,
}

impl Active {
    /// Where the service does not say how long its token is valid: the least that it can be set to.
    const LEAST_VALIDITY: Duration = Duration::from_secs(5 * 60);

    /// A token that runs out on its way is of no use.
    const LEEWAY: Duration = Duration::from_secs(10);

    pub(crate) fn new(
        tokens: Tokens,
        username: String,
        device_key: Option<String>,
        alias: String,
        now: SystemTime,
    ) -> Self {
        let sub = tokens.claims().sub;
        let validity = tokens.expires_in.unwrap_or(Self::LEAST_VALIDITY);
        Self {
            session: Session {
                username,
                sub,
                access_token: tokens.access,
                id_token: tokens.id,
                expires_at: now.checked_add(validity).unwrap_or(now),
                device_key,
            },
            refresh_token: tokens.refresh,
            unconfirmed: None,
            alias,
        }
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.session.expires_at <= now + Self::LEEWAY
    }
}
