//! The session: taken up, refreshed, ended.

use std::time::SystemTime;

use device_proto::Tokens;
use device_wire::{ErrorCode, GlobalSignOutRequest, RevokeTokenRequest};
use tracing::Instrument as _;

use crate::client::DeviceAuth;
use crate::error::Error;
use crate::events::Event;
use crate::session::{Active, Session, SessionOrigin};
use crate::task::join_task;

impl DeviceAuth {
    /// Takes up a session that came about elsewhere: by federation, in the pool's hosted pages, or
    /// on another's behalf. It takes the place of any that there was.
    ///
    /// The device operations of a session that the pool itself did not sign in fail with
    /// [`Error::DevicesElsewhere`], without a call. The rest works: refreshing, signing out,
    /// keeping it in a store.
    ///
    /// # Errors
    /// [`Error::UnusableToken`]; [`Error::Store`] if the session is there and could not be kept.
    pub async fn use_session(
        &self,
        tokens: Tokens,
        origin: SessionOrigin,
    ) -> Result<Session, Error> {
        let active =
            Active::of_tokens(tokens, origin, SystemTime::now()).ok_or(Error::UnusableToken)?;
        let session = active.session.clone();
        self.set_active(Some(active));
        self.tell(&Event::SignedIn { username: session.username.clone() });
        self.persist(&session.username).await?;
        Ok(session)
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

    /// Exchanges the refresh token for new tokens. Calls at the same time share one exchange, also
    /// among clients that share a [`SessionStore`], and one that has begun is finished even if
    /// nobody waits for it any more.
    ///
    /// # Errors
    /// [`Error::SignedOut`]; [`Error::SessionExpired`] if the refresh token counts no longer, and
    /// the session is gone then. [`Error::NoRefreshToken`], [`Error::Transport`] and others leave
    /// it.
    pub async fn refresh(&self) -> Result<Session, Error> {
        let (auth, seen) = (self.clone(), self.active()?);
        // A task of its own: where refresh tokens rotate, dropping the exchange would drop the only
        // one that counts.
        let refresh = async move { auth.refresh_once(&seen).await }.in_current_span();
        join_task(tokio::spawn(refresh)).await
    }

    /// Ends the session: its refresh token and the access tokens that came of it count no longer.
    /// The device's record stays.
    ///
    /// # Errors
    /// [`Error::Service`] and [`Error::Transport`] if the service was not told; here, the session
    /// is gone all the same. [`Error::Store`] if the session is still where it is kept: what is
    /// there counts no longer.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let Some(active) = self.set_active(None) else { return Ok(()) };
        self.tell(&Event::SignedOut { username: active.session.username.clone() });
        let removed = self.persist(&active.session.username).await;
        self.revoke(&active).await?;
        Ok(removed?)
    }

    async fn revoke(&self, active: &Active) -> Result<(), Error> {
        let Some(token) = active.refresh_token.clone() else { return Ok(()) };
        let call = RevokeTokenRequest {
            client_secret: self.0.config.client_secret().cloned(),
            ..RevokeTokenRequest::new(token, self.0.config.client_id())
        };
        match self.0.http.call(&call).await {
            Ok(_) => Ok(()),
            // The client has no revocation, or the token is no longer one: there is nothing to
            // revoke.
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
        if let Some(active) = self.take_session_of(&session.username) {
            self.tell(&Event::SignedOut { username: active.session.username.clone() });
        }
        let removed = self.persist(&session.username).await;
        match result {
            Ok(_) => Ok(removed?),
            // Another end of all sessions came first.
            Err(error) if error.code() == Some(&ErrorCode::NotAuthorized) => Ok(removed?),
            Err(error) => Err(error.into()),
        }
    }
}
