//! What an app may want to hear of.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Something that happened to the session or its device. It carries no secret.
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
    /// The device is remembered no longer, and stays tracked.
    DeviceNotRemembered {
        /// Its key.
        key: String,
    },
    /// A device was forgotten, or the service turned out not to accept it any more.
    DeviceForgotten {
        /// Its key.
        key: String,
    },
    /// The session has join_task, and not by the user's wish: time to ask for a new sign-in.
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

/// The events of a client from the moment that it was asked for them, in their order and without
/// gaps.
///
/// Those that are not taken yet are kept, however many: drop it when it is of no use any more.
#[derive(Debug)]
pub struct Events(UnboundedReceiver<Event>);

impl Events {
    /// The next event, waited for. Nothing comes after the client and its clones are gone.
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }

    /// The next event, if there is one already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.0.try_recv().ok()
    }
}

/// Those who are to be told.
#[derive(Default)]
pub(crate) struct Subscribers(Mutex<Vec<UnboundedSender<Event>>>);

impl Subscribers {
    pub(crate) fn add(&self) -> Events {
        let (sender, receiver) = unbounded_channel();
        self.lock().push(sender);
        Events(receiver)
    }

    pub(crate) fn tell(&self, event: &Event) {
        // Whoever does not listen any more is struck off.
        self.lock().retain(|subscriber| subscriber.send(event.clone()).is_ok());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<UnboundedSender<Event>>> {
        // A list of senders is sound wherever a panic left it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
