//! Refreshing the session: one exchange for all callers, in this process and in others.

use std::sync::Arc;
use std::time::SystemTime;

use device_proto::{Refresh, RefreshStep, Reply, is_expired};

use super::{DeviceAuth, is_unknown_user};
use crate::error::Error;
use crate::events::Event;
use crate::session::{Active, Session};

impl DeviceAuth {
    pub(crate) async fn refresh_once(&self, seen: &Active) -> Result<Session, Error> {
        let _turn = self.0.refreshing.lock().await;
        let active = self.active()?;
        if active.session.access_token != seen.session.access_token {
            return Ok(active.session.clone());
        }
        let _turn_among_clients = self.turn().await;
        match self.take_up_newer(&active).await {
            Some(newer) if newer.is_expired(SystemTime::now()) => self.exchange(&newer).await,
            Some(newer) => Ok(newer.session.clone()),
            None => self.exchange(&active).await,
        }
    }

    async fn exchange(&self, active: &Arc<Active>) -> Result<Session, Error> {
        let Some(refresh_token) = active.refresh_token.clone() else {
            let is_over = active.is_expired(SystemTime::now());
            return if is_over { self.expire(active).await } else { Err(Error::NoRefreshToken) };
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
                Err(error) if is_unknown_user(error.as_service_error()) => {
                    return Err(self.user_is_gone(active).await);
                }
                Err(error) if is_expired(&error) => return self.expire(active).await,
                Err(error) => return Err(sent.err().map_or_else(|| error.into(), Error::from)),
            }
        };
        let fresh = active.refreshed(tokens, SystemTime::now());
        if self.replace(active, Arc::new(fresh)) {
            self.persist_if_possible(&active.session.username).await;
        }
        // If the user signed out meanwhile, the new tokens do not make a session.
        Ok(self.active()?.session.clone())
    }

    /// Changes the session, if it is the target. Waits for a running refresh, which would undo the
    /// change.
    pub(crate) async fn amend(
        &self,
        is_target: impl Fn(&Active) -> bool,
        change: impl FnOnce(&mut Active),
    ) {
        let _turn = self.0.refreshing.lock().await;
        let Ok(active) = self.active() else { return };
        if is_target(&active) {
            let mut changed = Active::clone(&active);
            change(&mut changed);
            if self.replace(&active, Arc::new(changed)) {
                self.persist_if_possible(&active.session.username).await;
            }
        }
    }

    /// Ends an invalid session, unless another client of the store has a newer one.
    pub(super) async fn expire(&self, active: &Arc<Active>) -> Result<Session, Error> {
        match self.take_up_newer(active).await {
            Some(newer) => Ok(newer.session.clone()),
            None => Err(self.end(active).await),
        }
    }

    async fn end(&self, active: &Arc<Active>) -> Error {
        if self.replace(active, None) {
            self.tell(&Event::SessionExpired { username: active.session.username.clone() });
            self.persist_if_possible(&active.session.username).await;
        }
        Error::SessionExpired
    }

    /// Ends the session of a deleted user, and deletes the device's records.
    pub(super) async fn user_is_gone(&self, active: &Arc<Active>) -> Error {
        if let Err(error) = self.remove_records_of(&active.session.username).await {
            tracing::warn!(%error, "the device record of a deleted user is still there");
        }
        self.end(active).await
    }

    /// Adopts the session that another client of the store has refreshed, if any.
    async fn take_up_newer(&self, active: &Arc<Active>) -> Option<Arc<Active>> {
        let kept = self.kept().await.ok().flatten()?;
        // If the last tokens could not be stored, those in the store are older and invalid.
        let is_newer =
            kept.username == active.session.username && kept.expires_at > active.session.expires_at;
        let newer = Active { unconfirmed: active.unconfirmed.clone(), ..Active::of_record(kept) };
        let newer = is_newer.then_some(Arc::new(newer))?;
        self.replace(active, Arc::clone(&newer)).then_some(newer)
    }
}
