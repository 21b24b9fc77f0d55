//! Events: what happens to the session and its device.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// An event of the session or its device. It contains no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A user is signed in.
    SignedIn {
        /// The user's internal name.
        username: String,
    },
    /// The device was marked as remembered.
    DeviceRemembered {
        /// Its key.
        key: String,
    },
    /// The device was marked as not remembered; it stays tracked.
    DeviceNotRemembered {
        /// Its key.
        key: String,
    },
    /// A device was forgotten, or the service no longer accepts it.
    DeviceForgotten {
        /// Its key.
        key: String,
    },
    /// The session has ended without the user's doing: ask for a new sign-in.
    SessionExpired {
        /// The user's internal name.
        username: String,
    },
    /// The user signed out.
    SignedOut {
        /// The user's internal name.
        username: String,
    },
    /// The user was deleted, and the session ended.
    UserDeleted {
        /// The user's internal name.
        username: String,
    },
}

/// The events of a client since [`DeviceAuth::events`](crate::DeviceAuth::events), in order and
/// without gaps.
///
/// The queue is unbounded: drop this value when you no longer read events.
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
        // A panic cannot leave a list of senders in an invalid state.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
