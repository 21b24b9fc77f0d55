//! A session, as an app sees it.

use std::fmt;
use std::time::{Duration, SystemTime};

use device_proto::{Config, Tokens, UnconfirmedDevice};
use device_wire::Sensitive;
use serde::{Deserialize, Serialize};

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
    /// How it came about.
    pub origin: SessionOrigin,
}

/// How a session came about. Only one that the pool itself signed in has to do with devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SessionOrigin {
    /// The pool checked the user's factors, asked by this client or by another on its behalf.
    SignIn,
    /// The pool's own pages signed the user in. They track no device.
    HostedUi,
    /// Another identity provider signed the user in, and it is there that devices are tracked.
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

/// A session as a [`SessionStore`](crate::SessionStore) keeps it. What it serializes to lets its
/// reader act as the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionRecord {
    /// The user pool.
    pub user_pool_id: String,
    /// The app client.
    pub client_id: String,
    /// The user's internal name.
    pub username: String,
    /// The name that was typed.
    pub alias: String,
    /// The user's id.
    pub sub: Option<String>,
    /// The tokens.
    pub tokens: Tokens,
    /// When the access token runs out, by this machine's clock.
    pub expires_at: SystemTime,
    /// The key of the tracked device that the session belongs to.
    pub device_key: Option<String>,
    /// How the session came about.
    pub origin: SessionOrigin,
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

    /// What a sign-in of the pool ends in.
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

    /// What tokens that were had elsewhere stand for; nothing if they do not say whose they are.
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

    /// The session with the tokens that its refresh brought.
    pub(crate) fn refreshed(&self, tokens: Tokens, now: SystemTime) -> Self {
        let Session { username, device_key, origin, .. } = self.session.clone();
        let mut fresh = Self::new(tokens, username, device_key, self.alias.clone(), now);
        fresh.session.origin = origin;
        fresh.unconfirmed.clone_from(&self.unconfirmed);
        fresh
    }

    /// What a store kept.
    pub(crate) fn of_record(record: SessionRecord) -> Self {
        let SessionRecord { username, alias, sub, tokens, expires_at, device_key, origin, .. } =
            record;
        let (access_token, id_token) = (tokens.access, tokens.id);
        let session =
            Session { username, sub, access_token, id_token, expires_at, device_key, origin };
        Self { session, refresh_token: tokens.refresh, unconfirmed: None, alias }
    }

    /// What a store keeps. A device that is not confirmed is left out: the next sign-in brings
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
