//! Sessions: adopting, refreshing and ending them.

use std::time::SystemTime;

use device_proto::Tokens;
use device_wire::ErrorCode;
use device_wire::requests::{GlobalSignOutRequest, RevokeTokenRequest};
use tracing::Instrument as _;

use crate::client::DeviceAuth;
use crate::error::Error;
use crate::events::Event;
use crate::session::{Active, Session, SessionOrigin};
use crate::task::join_task;

impl DeviceAuth {
    /// Adopts a session from elsewhere: federation, the pool's hosted pages, or another client.
    ///
    /// It replaces the current session. If the origin is not [`SessionOrigin::SignIn`], device
    /// calls fail with [`Error::DevicesElsewhere`] before they reach the service. Refreshing,
    /// signing out and storing the session work.
    ///
    /// # Errors
    ///
    /// [`Error::UnusableToken`]; [`Error::Store`] if the session was adopted but could not be
    /// stored.
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

    /// The session. It is refreshed first if its access token has expired.
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

    /// Exchanges the refresh token for new tokens.
    ///
    /// Concurrent calls share one exchange, also among clients that share a
    /// [`SessionStore`](crate::SessionStore). An exchange completes even if its caller stops
    /// waiting.
    ///
    /// # Errors
    /// [`Error::SignedOut`]; [`Error::SessionExpired`] if the refresh token is invalid; the session
    /// has then ended. [`Error::NoRefreshToken`], [`Error::Transport`] and others keep the session.
    pub async fn refresh(&self) -> Result<Session, Error> {
        let (auth, seen) = (self.clone(), self.active()?);
        // A separate task: if refresh tokens rotate, dropping the exchange would lose the only
        // valid one.
        let refresh = async move { auth.refresh_once(&seen).await }.in_current_span();
        join_task(tokio::spawn(refresh)).await
    }

    /// Signs out: the service revokes the session's refresh token and its access tokens. The
    /// device's record stays.
    ///
    /// # Errors
    /// [`Error::Service`] and [`Error::Transport`] if the service did not get the request; locally
    /// the session has ended in any case. [`Error::Store`] if the revoked session is still in the
    /// store.
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
            // The app client has no revocation, or the token is already invalid.
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

    /// Ends all of the user's sessions, on all devices. Device records stay.
    ///
    /// # Errors
    /// [`Error::SignedOut`]; others as [`sign_out`](Self::sign_out).
    pub async fn global_sign_out(&self) -> Result<(), Error> {
        let session = match self.session().await {
            // No valid token is left for telling the service.
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
            // The user's sessions were ended from elsewhere first.
            Err(error) if error.code() == Some(&ErrorCode::NotAuthorized) => Ok(removed?),
            Err(error) => Err(error.into()),
        }
    }
}
