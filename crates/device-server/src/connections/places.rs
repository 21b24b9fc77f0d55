//! Places for connections: the open ones, their callers, and which are idle.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::limits::Limits;
use crate::network::Network;

/// All places of a server.
pub(crate) struct Places {
    max: usize,
    max_per_address: usize,
    open: Mutex<Open>,
    freed: Notify,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    connections: HashMap<u64, Connection>,
    /// The number of connections of each caller.
    counts: HashMap<Network, usize>,
}

struct Connection {
    network: Network,
    /// The number of its requests under way.
    running: usize,
    /// When its last request ended.
    idle_since: Instant,
    evicted: Arc<Notify>,
}

/// The place of one connection, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    id: u64,
    evicted: Arc<Notify>,
}

/// A running request: its connection is not idle until this is dropped.
pub(super) struct Busy(Arc<Place>);

impl Places {
    /// As many as these limits allow.
    pub(crate) fn of(limits: &Limits) -> Arc<Self> {
        Self::new(limits.max_connections, limits.max_connections_per_address)
    }

    pub(super) fn new(max: usize, max_per_address: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_address, open: Mutex::default(), freed: Notify::new() })
    }

    /// A place for a connection from `address`; `None` if all of its places are busy.
    ///
    /// If the server is full, the connection that has been idle longest is closed; if none is idle,
    /// this waits. `is_exempt` means that the address may have any number.
    pub(super) async fn enter(
        self: &Arc<Self>,
        address: IpAddr,
        is_exempt: bool,
    ) -> Option<Arc<Place>> {
        let network = Network::from(address);
        loop {
            let freed = self.freed.notified();
            {
                let mut open = self.open();
                let own = open.counts.get(&network).copied().unwrap_or_default();
                if !is_exempt && own >= self.max_per_address && !open.evict(Some(network)) {
                    return None;
                }
                if open.connections.len() < self.max || open.evict(None) {
                    return Some(self.place(&mut open, network));
                }
            }
            freed.await;
        }
    }

    /// Closes the connection that has been idle longest; false if none is idle.
    pub(super) fn evict(&self) -> bool {
        self.open().evict(None)
    }

    fn place(self: &Arc<Self>, open: &mut Open, network: Network) -> Arc<Place> {
        let (id, evicted) = (open.next_id, Arc::new(Notify::new()));
        open.next_id += 1;
        *open.counts.entry(network).or_default() += 1;
        let idle_since = Instant::now();
        let connection =
            Connection { network, running: 0, idle_since, evicted: Arc::clone(&evicted) };
        open.connections.insert(id, connection);
        Arc::new(Place { places: Arc::clone(self), id, evicted })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Closes the connection that has been idle longest: of `network`, or of the caller with the
    /// most connections.
    fn evict(&mut self, network: Option<Network>) -> bool {
        let of_caller =
            |connection: &&Connection| network.is_none_or(|network| connection.network == network);
        let longest = self
            .connections
            .iter()
            .filter(|(_, connection)| of_caller(connection))
            .filter(|(_, connection)| connection.running == 0)
            .map(|(id, connection)| {
                let count = self.counts.get(&connection.network).copied().unwrap_or_default();
                (count, connection.idle_since.elapsed(), *id)
            })
            .max();
        let Some((_, _, id)) = longest else { return false };
        self.remove(id);
        true
    }

    fn remove(&mut self, id: u64) {
        let Some(connection) = self.connections.remove(&id) else { return };
        connection.evicted.notify_one();
        match self.counts.get_mut(&connection.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.counts.remove(&connection.network)),
        }
    }
}

impl Place {
    /// Starts a request; `None` if the connection has been evicted.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Busy> {
        let mut open = self.places.open();
        open.connections.get_mut(&self.id)?.running += 1;
        Some(Busy(Arc::clone(self)))
    }

    /// Completes when the connection has had no request for this time.
    pub(super) async fn idle_for(&self, time: Duration) {
        loop {
            let idle = match self.places.open().connections.get(&self.id) {
                Some(connection) if connection.running == 0 => connection.idle_since.elapsed(),
                Some(_) => Duration::ZERO,
                None => return,
            };
            if idle >= time {
                return;
            }
            sleep(time - idle).await;
        }
    }

    /// Completes when the connection must be closed.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let Place { places, id, .. } = &*self.0;
        if let Some(connection) = places.open().connections.get_mut(id) {
            connection.running -= 1;
            connection.idle_since = Instant::now();
        }
        // The connection may now be evicted for another one.
        places.freed.notify_waiters();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.open().remove(self.id);
        self.places.freed.notify_waiters();
    }
}
