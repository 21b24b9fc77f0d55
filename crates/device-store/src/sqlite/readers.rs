//! Read connections, each lent to one reader at a time.

use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use device_pool::store::StoreError;
use rusqlite::Connection;

/// More readers would only wait for a core: a read takes microseconds, and most pages it needs are
/// in memory.
const MAX_READERS: usize = 8;

pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Readers {
    pub(super) fn open(
        connect: impl Fn() -> rusqlite::Result<Connection>,
    ) -> rusqlite::Result<Self> {
        let count = thread::available_parallelism().map_or(1, usize::from).min(MAX_READERS);
        let idle = (0..count).map(|_| connect()).collect::<rusqlite::Result<_>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// Runs `read` on its own connection. It sees every change that was acknowledged before.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = self.take();
        let outcome = read(&connection);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        self.returned.notify_one();
        outcome.map_err(|error| StoreError::Failed(error.to_string()))
    }

    /// Takes the most recently used connection, whose cache is warm; waits while all are lent out.
    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(connection) => return connection,
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
