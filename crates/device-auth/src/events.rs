//! Events: what happens to the session and its device.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Something that happened to the session or its device. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A user is signed in.
    SignedIn {
        /// The user's internal name.
        username: String,
    },
    /// The device is remembered from now on.
    DeviceRemembered {
        /// Its key.
        key: String,
    },
    /// The device is not remembered any more, and stays tracked.
    DeviceNotRemembered {
        /// Its key.
        key: String,
    },
    /// A device was forgotten, or the service does not accept it any more.
    DeviceForgotten {
        /// Its key.
        key: String,
    },
    /// The session has ended, and not by the user's wish: ask for a new sign-in.
    SessionExpired {
        /// The user's internal name.
        username: String,
    },
    /// The user signed out.
    SignedOut {
        /// The user's internal name.
        username: String,
    },
    /// The user is deleted, and the session with it.
    UserDeleted {
        /// The user's internal name.
        username: String,
    },
}

/// The events of a client since [`DeviceAuth::events`](crate::DeviceAuth::events), in order and
/// without gaps.
///
/// Events that are not taken are kept, however many: drop this when you do not need it any more.
#[derive(Debug)]
pub struct Events(UnboundedReceiver<Event>);

impl Events {
    /// Waits for the next event. Returns `None` once the client and its clones are gone.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }

    /// Takes the next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.0.try_recv().ok()
    }
}

/// The subscribers of a client.
#[derive(Default)]
pub(crate) struct Subscribers(Mutex<Vec<UnboundedSender<Event>>>);

impl Subscribers {
    pub(crate) fn add(&self) -> Events {
        let (sender, receiver) = unbounded_channel();
        self.lock().push(sender);
        Events(receiver)
    }

    pub(crate) fn tell(&self, event: &Event) {
        // A subscriber that was dropped is removed.
        self.lock().retain(|subscriber| subscriber.send(event.clone()).is_ok());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<UnboundedSender<Event>>> {
        // A list of senders is sound wherever a panic left it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
