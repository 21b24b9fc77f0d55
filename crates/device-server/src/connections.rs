//! Connections: limited in number, and closed if their clients are too slow.

mod handler;
mod http2;
mod places;

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::listener::{Listener, Socket};
use crate::metrics::{Closed, Metrics};
use crate::tls::HTTP_2;
use crate::trusted_proxies::TrustedProxies;

use handler::Handler;
use places::Place;
pub(crate) use places::Places;

/// How long a client may take to send a request's head, also between requests. Long, because an
/// idle connection is closed anyway if another needs its place.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a client may take for a TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

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

/// How long running requests may take after the server is asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A connection that was accepted.
enum Stream {
    Tcp(TcpStream, SocketAddr),
    #[cfg(unix)]
    File(UnixStream),
}

/// Accepts connections and serves them with a router.
pub(crate) struct Connections {
    app: Router,
    places: Arc<Places>,
    trusted_proxies: TrustedProxies,
    http1: http1::Builder,
    metrics: Arc<Metrics>,
}

impl Connections {
    /// Connections to `app`. The limit for an address does not apply to `trusted_proxies`, since a
    /// proxy has many clients, and not to socket files.
    pub(crate) fn new(
        app: Router,
        places: Arc<Places>,
        trusted_proxies: TrustedProxies,
        metrics: Arc<Metrics>,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_header_size(MAX_HEAD)
            .max_buf_size(MAX_BUFFER);
        Self { app, places, trusted_proxies, http1, metrics }
    }

    /// Serves until the sender of `stopped` is dropped; then waits for running requests.
    pub(crate) async fn serve(self, listener: Listener, stopped: watch::Receiver<()>) {
        let graceful = GracefulShutdown::new();
        self.accept(listener, &graceful, stopped).await;
        if timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("the time to finish ran out with requests still under way");
        }
    }

    async fn accept(
        &self,
        listener: Listener,
        graceful: &GracefulShutdown,
        mut stopped: watch::Receiver<()>,
    ) {
        let tls = listener.tls.as_ref().map(crate::tls::Tls::acceptor);
        let handshakes = stopped.clone();
        let mut last_logged = None;
        loop {
            let next = async {
                let stream = self.next(&listener.socket, &mut last_logged).await;
                (self.enter(&stream).await, stream)
            };
            let (place, stream) = tokio::select! {
                next = next => next,
                _ = stopped.changed() => return,
            };
            let Some(place) = place else {
                self.metrics.connection_closed(Closed::AddressLimit);
                tracing::debug!("too many connections of one address");
                continue;
            };
            let entered = Entered {
                place,
                watcher: graceful.watcher(),
                tls: tls.clone(),
                stopped: handshakes.clone(),
            };
            drop(tokio::spawn(self.connection(stream, entered)));
        }
    }

    async fn enter(&self, stream: &Stream) -> Option<Arc<Place>> {
        match stream {
            Stream::Tcp(_, peer) => {
                let is_exempt = self.trusted_proxies.include(peer.ip());
                self.places.enter(peer.ip(), is_exempt).await
            }
            #[cfg(unix)]
            Stream::File(_) => self.places.enter(IpAddr::V4(Ipv4Addr::UNSPECIFIED), true).await,
        }
    }

    /// The next connection. If the system has no descriptor for it, an idle connection is closed.
    async fn next(&self, socket: &Socket, last_logged: &mut Option<Instant>) -> Stream {
        loop {
            let accepted = match socket {
                Socket::Tcp(listener) => {
                    listener.accept().await.map(|(stream, peer)| Stream::Tcp(stream, peer))
                }
                #[cfg(unix)]
                Socket::File(listener) => listener.accept().await.map(Stream::File),
            };
            match accepted {
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

    /// Serves a connection until it ends, is evicted, or the server has stopped.
    fn connection(
        &self,
        stream: Stream,
        entered: Entered,
    ) -> impl Future<Output = ()> + Send + use<> {
        let place = Arc::clone(&entered.place);
        let protocol = Protocol {
            http1: self.http1.clone(),
            handler: Handler::new(
                self.app.clone(),
                &place,
                match &stream {
                    Stream::Tcp(_, peer) => Some(*peer),
                    #[cfg(unix)]
                    Stream::File(_) => None,
                },
            ),
            metrics: Arc::clone(&self.metrics),
        };
        let metrics = Arc::clone(&self.metrics);
        async move {
            let _open = metrics.connection_opened();
            let served = async {
                match stream {
                    Stream::Tcp(stream, _) => {
                        // Answers are small and awaited one by one, so send them without waiting
                        // for a full packet.
                        if let Err(error) = stream.set_nodelay(true) {
                            tracing::debug!(%error, "TCP_NODELAY");
                        }
                        protocol.perhaps_encrypted(stream, entered).await;
                    }
                    #[cfg(unix)]
                    Stream::File(stream) => protocol.perhaps_encrypted(stream, entered).await,
                }
            };
            tokio::select! {
                // First, so that an answer is written before its connection is closed.
                biased;
                () = served => {}
                () = place.evicted() => {
                    metrics.connection_closed(Closed::Evicted);
                    tracing::debug!("idle connection closed to make room");
                }
            }
        }
    }
}

/// What a connection got when it was accepted.
struct Entered {
    place: Arc<Place>,
    watcher: Watcher,
    tls: Option<TlsAcceptor>,
    stopped: watch::Receiver<()>,
}

/// How a connection is served.
struct Protocol {
    http1: http1::Builder,
    handler: Handler,
    metrics: Arc<Metrics>,
}

impl Protocol {
    async fn perhaps_encrypted<S>(self, stream: S, entered: Entered)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Entered { place, watcher, tls, mut stopped } = entered;
        let Some(acceptor) = tls else { return self.one(stream, watcher).await };
        let accepted = tokio::select! {
            accepted = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)) => accepted,
            // No request is under way.
            _ = stopped.changed() => return,
        };
        match accepted {
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) => {
                self.two(stream, watcher, &place).await;
            }
            Ok(Ok(stream)) => self.one(stream, watcher).await,
            Ok(Err(error)) => {
                self.metrics.connection_closed(Closed::Tls);
                tracing::debug!(%error, "TLS handshake");
            }
            Err(_) => {
                self.metrics.connection_closed(Closed::Tls);
                tracing::debug!("the TLS handshake took too long");
            }
        }
    }

    async fn one<S>(self, stream: S, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handler = self.handler;
        let service = hyper::service::service_fn(move |request| handler.answer(request));
        let connection = self.http1.serve_connection(TokioIo::new(stream), service);
        ended(watcher.watch(connection).await);
    }

    async fn two<S>(self, stream: S, watcher: Watcher, place: &Place)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handler = self.handler;
        let service = hyper::service::service_fn(move |request| handler.answer_http2(request));
        let connection = http2::builder().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            result = watcher.watch(connection) => ended(result),
            () = place.idle_for(HEAD_TIMEOUT) => {
                self.metrics.connection_closed(Closed::Idle);
                tracing::debug!("idle HTTP/2 connection closed");
            }
        }
    }
}

fn ended(result: hyper::Result<()>) {
    // The client causes these errors: cut off, too slow, or not HTTP.
    if let Err(error) = result {
        tracing::debug!(%error, "connection");
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
