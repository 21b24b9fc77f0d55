//! The client: what its clones share.

mod authorized;
mod kept;
mod refresh;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use device_http::Client;
use device_proto::{Config, DeviceOwner, DeviceRecord, ServiceError};
use device_wire::ErrorCode;

use crate::error::Error;
use crate::events::{Event, Events, Subscribers};
use crate::session::Active;
use crate::store::{DeviceStore, SessionStore, StoreError};

/// Signs users in at an app client of a user pool, and manages their devices.
///
/// Cheap to clone; clones share the session. The [crate's front page](crate) shows how to use it.
#[derive(Clone)]
pub struct DeviceAuth(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) http: Client,
    pub(crate) store: Arc<dyn DeviceStore>,
    pub(crate) device_name: Option<String>,
    sessions: Option<Arc<dyn SessionStore>>,
    subscribers: Subscribers,
    active: Mutex<Option<Arc<Active>>>,
    /// Held during a refresh. Other refreshes wait for it, and so do changes of the session that it
    /// will replace.
    refreshing: tokio::sync::Mutex<()>,
    /// Held while the session is written, so that the latest one remains in the store.
    persisting: tokio::sync::Mutex<()>,
}

impl DeviceAuth {
    pub(crate) fn new(
        config: Config,
        http: Client,
        store: Arc<dyn DeviceStore>,
        sessions: Option<Arc<dyn SessionStore>>,
        device_name: Option<String>,
    ) -> Self {
        Self(Arc::new(Inner {
            config,
            http,
            store,
            device_name,
            sessions,
            subscribers: Subscribers::default(),
            active: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            persisting: tokio::sync::Mutex::default(),
        }))
    }

    /// Subscribes to the events of this client and its clones, from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.0.subscribers.add()
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.0.subscribers.tell(event);
    }

    pub(crate) fn owner(&self, username: &str) -> DeviceOwner {
        DeviceOwner::new(&self.0.config, username)
    }

    pub(crate) fn active(&self) -> Result<Arc<Active>, Error> {
        self.lock().clone().ok_or(Error::SignedOut)
    }

    /// Replaces the current session and returns the old one.
    pub(crate) fn set_active(&self, active: Option<Active>) -> Option<Arc<Active>> {
        std::mem::replace(&mut *self.lock(), active.map(Arc::new))
    }

    /// Removes the session, unless another user has signed in meanwhile.
    pub(crate) fn take_session_of(&self, username: &str) -> Option<Arc<Active>> {
        self.lock().take_if(|active| active.session.username == username)
    }

    /// Replaces that session, unless another has replaced it meanwhile. Returns whether it did.
    pub(crate) fn replace(&self, old: &Arc<Active>, new: impl Into<Option<Arc<Active>>>) -> bool {
        let mut active = self.lock();
        let is_there = active.as_ref().is_some_and(|active| Arc::ptr_eq(active, old));
        if is_there {
            *active = new.into();
        }
        is_there
    }

    /// The record of that device of a user.
    pub(crate) async fn record_of(
        &self,
        username: &str,
        device_key: &str,
    ) -> Result<Option<DeviceRecord>, StoreError> {
        let mut records = self.records_of(username).await?.into_iter();
        Ok(records.find(|record| record.device_key == device_key))
    }

    /// Deletes every record that this device has of that user.
    pub(crate) async fn remove_records_of(&self, username: &str) -> Result<(), StoreError> {
        for record in self.records_of(username).await? {
            self.0.store.remove(&record.owner, &record.device_key).await?;
        }
        Ok(())
    }

    /// The records of the user with that internal name. A store also finds records by other names,
    /// so a result may belong to another user.
    async fn records_of(&self, username: &str) -> Result<Vec<DeviceRecord>, StoreError> {
        let owner = self.owner(username);
        let mut records = self.0.store.find(&owner).await?;
        records.retain(|record| record.owner == owner);
        Ok(records)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Active>>> {
        // The value is only replaced as a whole, so a panic elsewhere leaves it valid.
        self.0.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the error says that the user does not exist, or no longer exists.
pub(crate) fn is_unknown_user(error: Option<&ServiceError>) -> bool {
    error.is_some_and(|error| *error.code() == ErrorCode::UserNotFound)
}

impl fmt::Debug for DeviceAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuth")
            .field("config", &self.0.config)
            .field("http", &self.0.http)
            .finish_non_exhaustive()
    }
}
