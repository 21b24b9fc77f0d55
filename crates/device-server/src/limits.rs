//! Limits on what callers may occupy at a time.

use std::thread;
use std::time::Duration;

/// The limits of a server; [`Limits::default`] has the defaults. `docs/limits.md` lists all limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Calls decided at a time, each on its own thread. Default: 256, half of tokio's blocking
    /// threads. Further calls are refused at once with `TooManyRequestsException`.
    pub max_in_flight: usize,
    /// Calls that compute at a time; those that wait for the store or a hook do not count. Default:
    /// two for each core. Further calls wait. More would leave too little of a busy core to the
    /// workers, which read requests and answer those that are refused. With those that wait for the
    /// store they are eight times as many at most.
    pub max_computing: usize,
    /// How long a call waits for its turn. Default: 50 ms. Then it is refused with
    /// `TooManyRequestsException`, so that in a flood no one waits without end; but eight calls for
    /// each that computes may wait longer, so that a stall or a slow machine refuses nobody.
    pub max_wait: Duration,
    /// Calls that wait for the operator's hook at a time. Default: 64. They do not count as in
    /// flight.
    pub max_hooks: usize,
    /// Connections open at a time. Default: 1024. Beyond, an idle one is closed for each new one.
    pub max_connections: usize,
    /// Connections from one address at a time. Default: 256. An IPv6 network of 64 bits counts as
    /// one address; trusted proxies are exempt.
    pub max_connections_per_address: usize,
    /// Guesses from one address at once: wrong passwords and codes, sign-ups and requests for
    /// codes, under all names. Default: 100; one more is earned every six seconds. An IPv6 network
    /// of 64 bits counts as one address; private addresses are exempt. 0 for no limit.
    pub max_guesses_per_address: usize,
    /// What strangers may ask of one pool. Not with [`Administrators::Anyone`], where all callers
    /// are one developer.
    ///
    /// [`Administrators::Anyone`]: crate::Administrators::Anyone
    pub pool_rates: PoolRates,
    /// Bytes that all running requests' bodies may use, beyond the first 16 KiB of each. Default:
    /// 32 MiB. One address may use a quarter of it.
    pub max_body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_in_flight: 256,
            // This includes the quota of a container.
            max_computing: 2 * thread::available_parallelism().map_or(1, usize::from),
            max_wait: Duration::from_millis(50),
            max_hooks: 64,
            max_connections: 1024,
            max_connections_per_address: 256,
            max_guesses_per_address: 100,
            pool_rates: PoolRates::default(),
            max_body_bytes: 32 * 1024 * 1024,
        }
    }
}

/// What strangers may ask of one pool in a second, from all addresses together. A pool may use ten
/// seconds' worth at once. 0 for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolRates {
    /// Sign-ups. Default: 50, the service's quota.
    pub sign_ups: u32,
    /// Requests for codes: forgotten passwords, and the codes of sign-ups again. Default: 30, the
    /// service's quota. Beyond it, only addresses that have signed in within a day are served.
    pub code_requests: u32,
    /// Wrong passwords, proofs and codes. Default: 120, the service's quota of all sign-ins.
    /// Beyond it, only addresses that have signed in within a day are served, and refreshes.
    pub failures: u32,
}

impl Default for PoolRates {
    fn default() -> Self {
        Self { sign_ups: 50, code_requests: 30, failures: 120 }
    }
}
