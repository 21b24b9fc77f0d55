//! The limits of HTTP/2, of which a connection has many requests at a time.

use std::time::Duration;

use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::MAX_BUFFER;

/// The maximum number of requests of one connection at a time. Each may hold memory before it is
/// counted.
pub(super) const MAX_STREAMS: u32 = 32;

/// The maximum size of a request's head, in bytes.
const MAX_HEAD: u32 = 16 * 1024;

/// Requests that a client may take back before they are looked at. With one more the connection is
/// closed: otherwise a client could start any number without waiting (rapid reset).
pub(super) const MAX_RESETS: usize = 20;

/// Faulty requests that the server resets. With one more the connection is closed.
const MAX_FAULTS: usize = 100;

/// What a client may send of a body before the server has read it, in bytes; and of all bodies of a
/// connection.
const WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// How often a connection is checked, and how long the client may take to answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_FAULTS)
        .max_header_list_size(MAX_HEAD)
        .max_send_buf_size(MAX_BUFFER)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
