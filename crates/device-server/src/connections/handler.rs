//! Passes requests of a connection to the router.

use std::future::{Future, pending};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use tower::Service as _;

use super::places::{Busy, Place};
use crate::answer;
use crate::audience::LocalPeer;

/// The router, for one connection.
#[derive(Clone)]
pub(super) struct Handler {
    app: Router,
    place: Arc<Place>,
    peer: Option<SocketAddr>,
}

type Answer = Result<Response<BusyBody>, std::convert::Infallible>;

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
            answer.map(|answer| answer.map(|body| BusyBody { body, _busy: Some(busy) }))
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
                let refused = answer::unusable("The request names two hosts.");
                return Ok(refused.map(|body| BusyBody { body, _busy: None }));
            };
            answered.await
        }
    }
}

/// The body of an answer. Its connection is busy until it is written.
pub(super) struct BusyBody {
    body: Body,
    _busy: Option<Busy>,
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
