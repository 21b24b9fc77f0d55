//! The session: the signed-in user and the tokens.

use std::fmt;
use std::time::{Duration, SystemTime};

use device_proto::{Config, Tokens, UnconfirmedDevice};
use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

/// The session: the signed-in user and the tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The user's internal name.
    pub username: String,
    /// The user's id, which is never reused.
    pub sub: Option<String>,
    /// The access token, which the service and the app's backends verify.
    pub access_token: Sensitive<String>,
    /// The id token, which tells the app who the user is.
    pub id_token: Option<Sensitive<String>>,
    /// When the access token expires, by this machine's clock.
    pub expires_at: SystemTime,
    /// The key of the tracked device that the session belongs to.
    pub device_key: Option<String>,
    /// The origin of the session.
    pub origin: SessionOrigin,
}

/// The origin of a session. Only a sign-in at the pool itself has a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionOrigin {
    /// The pool checked the user's factors, for this client or for another on its behalf.
    SignIn,
    /// The pool's hosted pages signed the user in. They track no device.
    HostedUi,
    /// Another identity provider signed the user in, and tracks devices itself.
    Federated,
}

impl fmt::Display for SessionOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SignIn => "sign-in",
            Self::HostedUi => "hosted UI",
            Self::Federated => "federated",
        })
    }
}

/// A session as a [`SessionStore`](crate::SessionStore) keeps it.
///
/// It can be serialized. Anyone who reads the result can act as the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The user pool.
    pub user_pool_id: String,
    /// The app client.
    pub client_id: String,
    /// The user's internal name.
    pub username: String,
    /// The name as typed by the user.
    pub alias: String,
    /// The user's id.
    pub sub: Option<String>,
    /// The tokens.
    pub tokens: Tokens,
    /// When the access token expires, by this machine's clock.
    pub expires_at: SystemTime,
    /// The key of the tracked device that the session belongs to.
    pub device_key: Option<String>,
    /// The origin of the session.
    pub origin: SessionOrigin,
}

/// A session with the client's internal data. It is replaced as a whole, never changed.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    pub(crate) session: Session,
    pub(crate) refresh_token: Option<Sensitive<String>>,
    /// The device that could not be confirmed.
    pub(crate) unconfirmed: Option<UnconfirmedDevice>,
    /// The name as typed by the user.
    pub(crate) alias: String,
}

impl Active {
    /// The assumed lifetime of a token if the service does not state one: the shortest setting.
    const LEAST_VALIDITY: Duration = Duration::from_secs(5 * 60);

    /// How long before its end a token counts as expired. It must not expire in transit.
    const LEEWAY: Duration = Duration::from_secs(10);

    /// The session of a completed sign-in.
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
                origin: SessionOrigin::SignIn,
            },
            refresh_token: tokens.refresh,
            unconfirmed: None,
            alias,
        }
    }

    /// The session for tokens from elsewhere; `None` if they do not identify a user.
    pub(crate) fn of_tokens(
        tokens: Tokens,
        origin: SessionOrigin,
        now: SystemTime,
    ) -> Option<Self> {
        let claims = tokens.claims();
        let username = claims.username?;
        let device_key = claims.device_key.filter(|_| origin == SessionOrigin::SignIn);
        let mut active = Self::new(tokens, username.clone(), device_key, username, now);
        active.session.origin = origin;
        Some(active)
    }

    /// The session after a refresh, with its new tokens.
    pub(crate) fn refreshed(&self, tokens: Tokens, now: SystemTime) -> Self {
        let Session { username, device_key, origin, .. } = self.session.clone();
        let mut fresh = Self::new(tokens, username, device_key, self.alias.clone(), now);
        fresh.session.origin = origin;
        fresh.unconfirmed.clone_from(&self.unconfirmed);
        fresh
    }

    /// The session from a stored record.
    pub(crate) fn of_record(record: SessionRecord) -> Self {
        let SessionRecord { username, alias, sub, tokens, expires_at, device_key, origin, .. } =
            record;
        let (access_token, id_token) = (tokens.access, tokens.id);
        let session =
            Session { username, sub, access_token, id_token, expires_at, device_key, origin };
        Self { session, refresh_token: tokens.refresh, unconfirmed: None, alias }
    }

    /// The session as a record. An unconfirmed device is omitted: the next sign-in provides
    /// another.
    pub(crate) fn record(&self, config: &Config) -> SessionRecord {
        let Session { username, sub, access_token, id_token, expires_at, device_key, origin } =
            self.session.clone();
        let mut tokens = Tokens::new(access_token);
        (tokens.id, tokens.refresh) = (id_token, self.refresh_token.clone());
        SessionRecord {
            user_pool_id: config.user_pool_id().to_owned(),
            client_id: config.client_id().to_owned(),
            username,
            alias: self.alias.clone(),
            sub,
            tokens,
            expires_at,
            device_key,
            origin,
        }
    }

    pub(crate) fn is_expired(&self, now: SystemTime) -> bool {
        self.session.expires_at <= now + Self::LEEWAY
    }
}
