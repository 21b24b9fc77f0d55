//! Storing the session across restarts of the app.

use std::sync::Arc;
use std::time::Duration;

use super::DeviceAuth;
use crate::error::Error;
use crate::session::{Active, SessionRecord};
use crate::store::{StoreError, Turn};

impl DeviceAuth {
    /// The session that the store has for this client.
    pub(super) async fn kept(&self) -> Result<Option<SessionRecord>, StoreError> {
        let Some(sessions) = &self.0.sessions else { return Ok(None) };
        let kept = sessions.load_session(self.0.config.client_id()).await?;
        Ok(kept.filter(|record| record.user_pool_id == self.0.config.user_pool_id()))
    }

    /// Restores the session from the store, if no user is signed in.
    pub(crate) async fn restore(&self) -> Result<(), Error> {
        if let Some(record) = self.kept().await? {
            self.lock().get_or_insert_with(|| Arc::new(Active::of_record(record)));
        }
        Ok(())
    }

    /// Writes the current session to the store. If signed out, removes the stored one unless it
    /// belongs to another user.
    pub(crate) async fn persist(&self, username: &str) -> Result<(), StoreError> {
        let Some(sessions) = &self.0.sessions else { return Ok(()) };
        let _turn = self.0.persisting.lock().await;
        match self.active() {
            Ok(active) => sessions.save_session(&active.record(&self.0.config)).await,
            Err(_) => match self.kept().await? {
                Some(kept) if kept.username != username => Ok(()),
                _ => sessions.remove_session(self.0.config.client_id()).await,
            },
        }
    }

    /// Like [`persist`](Self::persist), but a failure of the store does not fail the call.
    pub(crate) async fn persist_if_possible(&self, username: &str) {
        if let Err(error) = self.persist(username).await {
            tracing::warn!(%error, "the session is not kept as it is now");
        }
    }

    /// Waits until no other client that shares the store refreshes the session, within reason: a
    /// refresh with its repetitions takes less, unless its process was suspended.
    pub(super) async fn turn(&self) -> Turn {
        let Some(sessions) = &self.0.sessions else { return Turn::free() };
        Turn::within(Duration::from_secs(120), sessions.take_turn(self.0.config.client_id())).await
    }
}
