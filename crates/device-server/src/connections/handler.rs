//! Passes requests of a connection to the router.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use tower::Service as _;

use super::places::Place;
use crate::answer;
use crate::audience::LocalPeer;

/// The router, for one connection.
#[derive(Clone)]
pub(super) struct Handler {
    app: Router,
    place: Arc<Place>,
    peer: Option<SocketAddr>,
}

type Answer = Result<Response<Body>, std::convert::Infallible>;

impl Handler {
    /// `peer` is `None` for a socket file.
    pub(super) fn new(app: Router, place: &Arc<Place>, peer: Option<SocketAddr>) -> Self {
        Self { app, place: Arc::clone(place), peer }
    }

    /// Answers a request.
    pub(super) fn answer(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let mut request = request.map(Body::new);
        match self.peer {
            Some(peer) => drop(request.extensions_mut().insert(ConnectInfo(peer))),
            None => drop(request.extensions_mut().insert(LocalPeer)),
        }
        let busy = self.place.begin();
        let mut app = self.app.clone();
        async move {
            // An evicted connection will be closed, so its request is not processed.
            let Some(busy) = busy else { return pending().await };
            // A router is always ready.
            let answer = app.call(request).await;
            // From here on the connection counts as idle: a client that reads no answer would
            // otherwise keep its place for ever.
            drop(busy);
            answer
        }
    }

    /// Answers a request of HTTP/2, which names the host in its `:authority`. Signatures and the
    /// checks of pages read it in the header.
    pub(super) fn answer_http2(
        &self,
        mut request: Request<Incoming>,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
        let headers = request.headers_mut();
        let mut names_two = false;
        if let Some(authority) = authority {
            match headers.get(HOST) {
                Some(host) => names_two = host.as_bytes() != authority.as_bytes(),
                None => {
                    if let Ok(host) = HeaderValue::from_str(&authority) {
                        headers.insert(HOST, host);
                    }
                }
            }
        }
        // A filter in front could have checked the other name.
        let answered = (!names_two).then(|| self.answer(request));
        async move {
            let Some(answered) = answered else {
                return Ok(answer::unusable("The request names two hosts."));
            };
            answered.await
        }
    }
}
