//! Connections: limited in number, and closed if their clients are too slow.

mod places;

use std::future::{Future, pending};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tower::Service;

use crate::limits::Limits;
use crate::trusted_proxies::TrustedProxies;

use places::{Busy, Place, Places};

/// How long a client may take to send a request's head, also between requests. Long, because an
/// idle connection is closed anyway if another needs its place.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The maximum size of a request's head, in bytes: twice what the service accepts.
const MAX_HEAD: usize = 32 * 1024;

/// The maximum buffer of a connection, in bytes. Without it, an unfinished body occupies 400 kB.
const MAX_BUFFER: usize = 64 * 1024;

/// How long to wait after the system refused a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long an evicted connection may take to release its descriptor.
const CLOSE_PAUSE: Duration = Duration::from_millis(2);

/// The minimum time between log lines about refused connections.
const ACCEPT_LOG_PAUSE: Duration = Duration::from_secs(10);

/// Accepts connections and serves them with a router.
pub(crate) struct Connections {
    app: Router,
    places: Arc<Places>,
    trusted_proxies: TrustedProxies,
    http: http1::Builder,
    graceful: GracefulShutdown,
}

impl Connections {
    /// Connections to `app`. The limit for an address does not apply to `trusted_proxies`, since a
    /// proxy has many clients.
    pub(crate) fn new(app: Router, limits: &Limits, trusted_proxies: TrustedProxies) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER);
        let places = Places::new(limits.max_connections, limits.max_connections_per_address);
        Self { app, places, trusted_proxies, http, graceful: GracefulShutdown::new() }
    }

    /// Accepts connections until `shutdown` completes; returns the ones still open.
    pub(crate) async fn accept(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> GracefulShutdown {
        let mut shutdown = pin!(shutdown);
        let mut last_logged = None;
        loop {
            let next = async {
                let (stream, peer) = self.next(&listener, &mut last_logged).await;
                let is_exempt = self.trusted_proxies.include(peer.ip());
                (self.places.enter(peer.ip(), is_exempt).await, stream, peer)
            };
            let (place, stream, peer) = tokio::select! {
                next = next => next,
                () = &mut shutdown => return self.graceful,
            };
            match place {
                Some(place) => drop(tokio::spawn(self.serve(stream, peer, place))),
                None => tracing::debug!(peer = %peer.ip(), "too many connections of one address"),
            }
        }
    }

    /// The next connection. If the system has no descriptor for it, an idle connection is closed.
    async fn next(
        &self,
        listener: &TcpListener,
        last_logged: &mut Option<Instant>,
    ) -> (TcpStream, SocketAddr) {
        loop {
            match listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    if last_logged.is_none_or(|at| at.elapsed() >= ACCEPT_LOG_PAUSE) {
                        *last_logged = Some(Instant::now());
                        tracing::error!(%error, "connections cannot be accepted");
                    }
                    let pause = if self.places.evict() { CLOSE_PAUSE } else { ACCEPT_PAUSE };
                    sleep(pause).await;
                }
            }
        }
    }

    fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: Arc<Place>,
    ) -> impl Future<Output = ()> + use<> {
        // Answers are small and awaited one by one, so send them without waiting for a full packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let app = self.app.clone();
        let of_request = Arc::clone(&place);
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            let busy = of_request.begin();
            let mut app = app.clone();
            async move {
                // An evicted connection will be closed, so its request is not processed.
                let Some(busy) = busy else { return pending().await };
                // A router is always ready.
                let answer = app.call(request).await;
                answer.map(|answer| answer.map(|body| BusyBody { body, _busy: busy }))
            }
        });
        let connection =
            self.graceful.watch(self.http.serve_connection(TokioIo::new(stream), service));
        async move {
            tokio::select! {
                // First, so that an answer is written before its connection is closed.
                biased;
                ended = connection => {
                    // The client causes these errors: cut off, too slow, or not HTTP.
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection");
                    }
                }
                () = place.evicted() => tracing::debug!("idle connection closed to make room"),
            }
        }
    }
}

/// The body of an answer. Its connection is busy until it is written.
struct BusyBody {
    body: Body,
    _busy: Busy,
}

impl HttpBody for BusyBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether an error of `accept` concerns only this connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests;
