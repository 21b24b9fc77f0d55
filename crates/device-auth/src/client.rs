//! The client and its session.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use device_http::Client;
use device_proto::{Config, DeviceOwner, Refresh, RefreshStep, Reply, is_expired};
use device_wire::{Call, ErrorCode, GlobalSignOutRequest, RevokeTokenRequest, Sensitive};

use crate::session::Active;
use crate::{Builder, DeviceStore, Error, Session};

/// Signs users in at one app client of a user pool, and manages the devices that they sign in on.
///
/// Cheap to clone; clones share the session. See the [crate's front page](crate) for how to use it.
#[derive(Clone)]
pub struct DeviceAuth(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) http: Client,
    pub(crate) store: Arc<dyn DeviceStore>,
    pub(crate) device_name: Option<String>,
    active: Mutex<Option<Arc<Active>>>,
    /// Held while a refresh is under way, so that those who want one too wait for it instead.
    refreshing: tokio::sync::Mutex<()>,
}

impl DeviceAuth {
    /// A client to set up.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(
        config: Config,
        http: Client,
        store: Arc<dyn DeviceStore>,
        device_name: Option<String>,
    ) -> Self {
        let (active, refreshing) = (Mutex::default(), tokio::sync::Mutex::default());
        Self(Arc::new(Inner { config, http, store, device_name, active, refreshing }))
    }

    /// The session, refreshed first if its access token has run out.
    ///
    /// # Errors
    /// [`Error::SignedOut`], and those of [`refresh`](Self::refresh).
    pub async fn session(&self) -> Result<Session, Error> {
        let active = self.active()?;
        if active.is_expired(SystemTime::now()) {
            return self.refresh().await;
        }
        Ok(active.session.clone())
    }

    /// Exchanges the refresh token for new tokens. Calls at the same time share one exchange.
    ///
    /// # Errors
    /// [`Error::SignedOut`]; [`Error::SessionExpired`] if the refresh token counts no longer, and the session is gone then;
    /// [`Error::Transport`] and others leave it.
    pub async fn refresh(&self) -> Result<Session, Error> {
        let seen = self.active()?;
        let _turn = self.0.refreshing.lock().await;
        let active = self.active()?;
        if !Arc::ptr_eq(&seen, &active) {
            return Ok(active.session.clone());
        }
        let Some(refresh_token) = active.refresh_token.clone() else {
            self.replace(&active, None);
            return Err(Error::SessionExpired);
        };
        let Session { username, device_key, .. } = &active.session;
        let (mut refresh, mut request) =
            Refresh::start(&self.0.config, username.clone(), refresh_token, device_key.clone());
        let tokens = loop {
            let sent = self.0.http.send(&request).await;
            let reply = match &sent {
                Ok(body) => Reply::Answered(body),
                Err(error) => error.reply(),
            };
            match refresh.handle(reply) {
                Ok(RefreshStep::Send(next, with)) => (refresh, request) = (next, with),
                Ok(RefreshStep::Done(tokens)) => break tokens,
                Err(error) if is_expired(&error) => {
                    self.replace(&active, None);
                    return Err(Error::SessionExpired);
                }
                Err(error) => return Err(sent.err().map_or_else(|| error.into(), Error::from)),
            }
        };
        let now = SystemTime::now();
        let mut fresh = Active::new(tokens, username.clone(), device_key.clone(), active.alias.clone(), now);
        fresh.unconfirmed.clone_from(&active.unconfirmed);
        let session = fresh.session.clone();
        self.replace(&active, Some(fresh));
        Ok(session)
    }

    /// Ends the session: its refresh token and the access tokens that came of it count no longer. The device's record stays.
    ///
    /// # Errors
    /// [`Error::Service`] and [`Error::Transport`] if the service was not told; here, the session is gone all the same.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let Some(active) = self.set_active(None) else { return Ok(()) };
        let Some(token) = active.refresh_token.clone() else { return Ok(()) };
        let call = RevokeTokenRequest {
            client_secret: self.0.config.client_secret().cloned(),
            ..RevokeTokenRequest::new(token, self.0.config.client_id())
        };
        match self.0.http.call(&call).await {
            Ok(_) => Ok(()),
            // The client has no revocation, or the token is no longer one: there is nothing to revoke.
            Err(error)
                if matches!(
                    error.code(),
                    Some(
                        ErrorCode::UnsupportedOperation
                            | ErrorCode::UnsupportedTokenType
                            | ErrorCode::NotAuthorized
                    )
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends all sessions of the user, on all devices. Device records stay.
    ///
    /// # Errors
    /// [`Error::SignedOut`]; others as [`sign_out`](Self::sign_out).
    pub async fn global_sign_out(&self) -> Result<(), Error> {
        let session = match self.session().await {
            // Nothing is left that could tell the service.
            Err(Error::SessionExpired) => return Ok(()),
            session => session?,
        };
        let result = self.0.http.call(&GlobalSignOutRequest::new(session.access_token)).await;
        self.set_active(None);
        match result {
            Ok(_) => Ok(()),
            // Another end of all sessions came first.
            Err(error) if error.code() == Some(&ErrorCode::NotAuthorized) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a call with the session's access token; once more with another if the service finds it too old.
    pub(crate) async fn authorized<C: Call>(
        &self,
        call: impl Fn(Sensitive<String>) -> C,
    ) -> Result<C::Output, Error> {
        let session = self.session().await?;
        let error = match self.0.http.call(&call(session.access_token.clone())).await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        match error.service().filter(|error| *error.code() == ErrorCode::NotAuthorized) {
            Some(refused) if refused.message().starts_with("Access Token has expired") => {
                let session = self.refresh().await?;
                Ok(self.0.http.call(&call(session.access_token)).await?)
            }
            Some(refused) if refused.message().starts_with("Access Token has been revoked") => {
                if let Ok(active) = self.active()
                    && active.session.access_token == session.access_token
                {
                    self.replace(&active, None);
                }
                Err(Error::SessionExpired)
            }
            _ => Err(error.into()),
        }
    }

    pub(crate) fn owner(&self, username: &str) -> DeviceOwner {
        DeviceOwner::new(&self.0.config, username)
    }

    pub(crate) fn active(&self) -> Result<Arc<Active>, Error> {
        self.lock().clone().ok_or(Error::SignedOut)
    }

    /// Puts a session in place of whichever there is.
    pub(crate) fn set_active(&self, active: Option<Active>) -> Option<Arc<Active>> {
        std::mem::replace(&mut *self.lock(), active.map(Arc::new))
    }

    /// Puts a session in place of that one, unless another has taken its place meanwhile.
    pub(crate) fn replace(&self, old: &Arc<Active>, new: Option<Active>) {
        let mut active = self.lock();
        if active.as_ref().is_some_and(|active| Arc::ptr_eq(active, old)) {
            *active = new.map(Arc::new);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Active>>> {
        // Only ever replaced as a whole, so that a panic elsewhere leaves it sound.
        self.0.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for DeviceAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuth")
            .field("config", &self.0.config)
            .field("http", &self.0.http)
            .finish_non_exhaustive()
    }
}
