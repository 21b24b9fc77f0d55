//! How much of the server callers may occupy at a time.

/// Limits of one server; `docs/limits.md` lists all of them. [`Limits::default`] has the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Calls decided at a time, each on a thread of its own: 256, half of tokio's blocking threads.
    /// One more is refused with `TooManyRequestsException`, so that a flood is told at once instead
    /// of waiting without end.
    pub max_in_flight: usize,
    /// Calls that wait for the operator's hook at a time: 64. They do not count as in flight.
    pub max_hooks: usize,
    /// Connections open at a time: 1024. Beyond, an idle one is closed for each new one.
    pub max_connections: usize,
    /// Connections from one address at a time: 256. An IPv6 network of 64 bits counts as one
    /// address; trusted proxies are exempt.
    pub max_connections_per_address: usize,
    /// Bytes that the bodies of requests under way may hold together, beyond the first 16 KiB of
    /// each: 32 MiB. One address may have a quarter of it.
    pub max_body_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_in_flight: 256,
            max_hooks: 64,
            max_connections: 1024,
            max_connections_per_address: 256,
            max_body_bytes: 32 * 1024 * 1024,
        }
    }
}
