//! One log line for each request, with the request id that the caller receives too.
//!
//! A line never contains a body, a header, a path or a message, since any of them may contain what
//! a person typed. It names users by their `sub`.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderValue, Request, Response};
use axum::middleware::Next;
use device_pool::ServiceError;
use device_wire::ErrorCode;

use crate::answer::{Failure, REQUEST_ID};
use crate::audience::LocalPeer;
use crate::service::Service;
use crate::subject::Subject;

/// The requested operation or document; an extension of the response.
#[derive(Clone, Copy)]
pub(crate) struct Named(pub(crate) &'static str);

/// The sender of a request, as reported by trusted proxies; an extension of a request from a
/// socket.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub(crate) IpAddr);

impl Peer {
    /// The address that the request came from.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.0
    }
}

/// The outermost layer: gives the request an id, times it and logs it.
pub(crate) async fn observe(
    State(service): State<Arc<Service>>,
    mut request: Request<Body>,
    next: Next,
) -> Response<Body> {
    let started = Instant::now();
    let id = service.request_id().to_string();
    let proxies = &service.trusted_proxies;
    let peer = match request.extensions().get::<ConnectInfo<SocketAddr>>() {
        Some(peer) => Some(proxies.client(peer.0.ip(), request.headers())),
        None if request.extensions().get::<LocalPeer>().is_some() => {
            proxies.client_of_file(request.headers())
        }
        None => None,
    };
    if let Some(peer) = peer {
        request.extensions_mut().insert(Peer(peer));
    }

    let mut response = next.run(request).await;

    if let Ok(value) = HeaderValue::try_from(id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let operation = response.extensions().get::<Named>().map(|named| named.0);
    let time = started.elapsed();
    let subject = response.extensions().get::<Subject>().cloned().unwrap_or_default();
    let Subject { administrator, about, .. } = subject;
    let (administrator, pool) = (administrator.as_deref(), about.pool_id.as_deref());
    let (client, sub) = (about.client_id.as_deref(), about.sub.as_deref());
    let failure = response.extensions().get::<Failure>().map(|failure| &failure.0);
    let error = failure.map(|error| error.code().as_str());
    service.metrics.answered(operation, time, failure.map(ServiceError::code));
    if let Some(outcome) = about.sign_in {
        service.metrics.signed_in(outcome);
    }
    if let Some(decision) = about.mfa {
        service.metrics.decided_mfa(decision);
    }
    let status = response.status().as_u16();
    let peer = peer.map(tracing::field::display);
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let cause = failure.and_then(ServiceError::detail);
    /// A line of this level, with fields that are the same at each.
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                operation,
                status,
                error,
                pool,
                client,
                sub,
                administrator,
                request_id = id,
                micros,
                peer,
                cause,
                "request"
            )
        };
    }
    match cause {
        Some(_) => line!(error),
        None if about.failed || failure.is_some_and(is_bad_signature) => line!(warn),
        None => line!(info),
    }
    response
}

/// Whether somebody asked as an administrator who is none.
fn is_bad_signature(error: &ServiceError) -> bool {
    matches!(
        error.code(),
        ErrorCode::InvalidSignature
            | ErrorCode::UnrecognizedClient
            | ErrorCode::IncompleteSignature
            | ErrorCode::MissingAuthenticationToken
    )
}
