//! `POST /administration`: the signed calls that the service does not have.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use device_pool::{About, ServiceError};
use device_wire::ErrorCode;

use crate::answer;
use crate::request_log::{Named, Peer};
use crate::service::{Service, named};
use crate::subject::Subject;

/// The path of the calls.
pub const ADMINISTRATION_PATH: &str = "/administration";

/// Answers one call.
pub(crate) async fn call(
    State(service): State<Arc<Service>>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    // Twice means that a filter in front could have checked the other one.
    let mut targets = head.headers.get_all("x-amz-target").iter();
    let target = targets.next().filter(|_| targets.next().is_none());
    let Some(name) = target.and_then(|target| named(target.to_str().ok()?)) else {
        return answer::refusal(ServiceError::new(
            ErrorCode::UnknownOperation,
            "The X-Amz-Target names none of this server's own calls.",
        ));
    };
    let subject = Subject {
        administrator: service.administrators.claimed_key(&head),
        about: About::default(),
    };
    let source_ip = head.extensions.get::<Peer>().map(|peer| peer.0);
    let answered = match service.body_memory.receive(body, source_ip).await {
        Ok(body) => service.administer_signed(name, head, body).await,
        Err(refusal) => Err(refusal),
    };
    let mut response =
        answered.map_or_else(answer::refusal, |answer| answer::document(StatusCode::OK, &answer));
    response.extensions_mut().insert(Named(name));
    response.extensions_mut().insert(subject);
    response
}
