//! Connections: only so many at a time, and none for as long as its client likes.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::serve::Listener;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower::Service;

/// Connections open at a time; more wait in the system's queue. Each may hold a head and a body in
/// memory.
pub(crate) const MAX_CONNECTIONS: usize = 1024;

/// How long a client may take to send a request's head, and so how long a connection is kept for
/// the next request.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A request's head may have so many bytes: twice what the service itself takes.
const MAX_HEAD: usize = 32 * 1024;

/// Takes connections and serves them by one router.
pub(crate) struct Connections {
    app: Router,
    open: Arc<Semaphore>,
    http: http1::Builder,
    graceful: GracefulShutdown,
}

impl Connections {
    /// Connections to `app`, at most `most` at a time.
    pub(crate) fn new(app: Router, most: usize) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_header_size(MAX_HEAD);
        Self { app, open: Arc::new(Semaphore::new(most)), http, graceful: GracefulShutdown::new() }
    }

    /// Takes connections until `shutdown` is ready; returns what is under way then.
    pub(crate) async fn accept(
        self,
        mut listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> GracefulShutdown {
        let mut shutdown = pin!(shutdown);
        loop {
            let next = async {
                // Only closing the semaphore fails, which nobody does.
                let place = Arc::clone(&self.open).acquire_owned().await;
                let (stream, peer) = Listener::accept(&mut listener).await;
                (place, stream, peer)
            };
            let (place, stream, peer) = tokio::select! {
                next = next => next,
                () = &mut shutdown => return self.graceful,
            };
            let connection = self.serve(stream, peer);
            tokio::spawn(async move {
                connection.await;
                drop(place);
            });
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr) -> impl Future<Output = ()> + use<> {
        // Answers are small and awaited one by one: never hold one back to fill a packet.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let app = self.app.clone();
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            // A router is always ready.
            app.clone().call(request)
        });
        let connection =
            self.graceful.watch(self.http.serve_connection(TokioIo::new(stream), service));
        async move {
            // What goes wrong on a connection is its client's doing: cut, too slow, or not HTTP.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    use super::*;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

    /// The address of a server that has places for so many.
    async fn server(most: usize) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let app = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(Connections::new(app, most).accept(listener, std::future::pending()));
        addr
    }

    async fn send(addr: SocketAddr, bytes: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }

    async fn read(mut stream: TcpStream) -> String {
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    // The clock of these tests leaps to the next timer whenever nothing else is left to do.

    #[tokio::test(start_paused = true)]
    async fn whoever_does_not_finish_a_head_is_cut_off() {
        let addr = server(9).await;
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\nx: "] {
            let started = Instant::now();
            assert_eq!(read(send(addr, bytes).await).await, "");
            assert!(started.elapsed() >= HEAD_TIMEOUT, "{:?}", started.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_more_waits_for_a_place() {
        let addr = server(1).await;
        let started = Instant::now();
        let idle = send(addr, b"").await;
        assert!(read(send(addr, REQUEST).await).await.ends_with("here"));
        assert!(started.elapsed() >= HEAD_TIMEOUT, "{:?}", started.elapsed());
        assert_eq!(read(idle).await, "");
    }

    #[tokio::test]
    async fn a_head_beyond_the_limit_is_refused() {
        let long =
            [b"GET / HTTP/1.1\r\nx: ", "y".repeat(MAX_HEAD).as_bytes(), b"\r\n\r\n"].concat();
        let mut stream = send(server(1).await, &long).await;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 431");
    }
}
