//! Calls with the session's access token.

use device_wire::{ErrorCode, Request, Sensitive, sentence};

use super::{DeviceAuth, is_unknown_user};
use crate::error::Error;
use crate::session::Session;

impl DeviceAuth {
    /// Makes a call with the session's access token; once more with another if the service does not
    /// take that any more.
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

    /// The session of the same user to try once more with where the error is about that one;
    /// otherwise the error.
    pub(crate) async fn renewed(&self, session: &Session, error: Error) -> Result<Session, Error> {
        let Some(refused) = error.as_service_error() else { return Err(error) };
        let not_authorized = *refused.code() == ErrorCode::NotAuthorized;
        let (is_expired, is_revoked) = (
            not_authorized && sentence::is(refused.message(), sentence::EXPIRED_ACCESS_TOKEN),
            not_authorized && sentence::is(refused.message(), sentence::REVOKED_ACCESS_TOKEN),
        );
        let is_gone = is_unknown_user(Some(refused));
        if !is_expired && !is_revoked && !is_gone {
            return Err(error);
        }
        let active = self.active().map_err(|_| Error::SessionExpired)?;
        if active.session.username != session.username {
            return Err(Error::SessionExpired);
        }
        if active.session.access_token != session.access_token {
            // Meanwhile there is another.
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
