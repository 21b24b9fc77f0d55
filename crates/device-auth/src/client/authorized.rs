//! Calls with the session's access token.

use device_wire::{Request, Sensitive};

use super::{DeviceAuth, is_unknown_user};
use crate::error::Error;
use crate::session::Session;

impl DeviceAuth {
    /// Makes a call with the session's access token. If the service refuses the token, repeats it
    /// once with a new one.
    pub(crate) async fn authorized<C: Request>(
        &self,
        call: impl Fn(Sensitive<String>) -> C,
    ) -> Result<C::Output, Error> {
        let session = self.session().await?;
        self.authorized_by(&session, call).await
    }

    pub(crate) async fn authorized_by<C: Request>(
        &self,
        session: &Session,
        call: impl Fn(Sensitive<String>) -> C,
    ) -> Result<C::Output, Error> {
        match self.0.http.call(&call(session.access_token.clone())).await {
            Ok(output) => Ok(output),
            Err(error) => {
                let session = self.renewed(session, error.into()).await?;
                Ok(self.0.http.call(&call(session.access_token)).await?)
            }
        }
    }

    /// The session for repeating a call, if the access token of `session` was refused.
    ///
    /// It belongs to the same user. Any other error is returned.
    pub(crate) async fn renewed(&self, session: &Session, error: Error) -> Result<Session, Error> {
        let Some(refused) = error.as_service_error() else { return Err(error) };
        let is_expired = refused.is_expired_access_token();
        let is_gone = is_unknown_user(Some(refused));
        if !is_expired && !refused.is_revoked_access_token() && !is_gone {
            return Err(error);
        }
        let active = self.active().map_err(|_| Error::SessionExpired)?;
        if active.session.username != session.username {
            return Err(Error::SessionExpired);
        }
        if active.session.access_token != session.access_token {
            // It was refreshed meanwhile.
            Ok(active.session.clone())
        } else if is_gone {
            Err(self.user_is_gone(&active).await)
        } else if is_expired && active.refresh_token.is_some() {
            self.refresh().await
        } else {
            self.expire(&active).await
        }
    }
}
