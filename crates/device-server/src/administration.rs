//! `POST /administration`: the signed calls that the service does not have.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use device_pool::ServiceError;
use device_wire::ErrorCode;

use crate::answer;
use crate::api;
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
    let Some(name) = api::only_target(&head.headers).and_then(named) else {
        return answer::refusal(ServiceError::new(
            ErrorCode::UnknownOperation,
            "The X-Amz-Target names none of this server's own calls.",
        ));
    };
    let source_ip = head.extensions.get::<Peer>().map(|peer| peer.0);
    let claimed = service.administrators.claimed_key(&head);
    let (answered, administrator) = match service.body_memory.receive(body, source_ip).await {
        Ok(body) => service.administer_signed(name, head, body).await,
        Err(refusal) => (Err(refusal), None),
    };
    // Until the signature was found right, the id is a claim.
    let administrator = administrator.or(claimed);
    let subject = Subject { administrator, ..Subject::default() };
    let mut response =
        answered.map_or_else(answer::refusal, |answer| answer::document(StatusCode::OK, &answer));
    response.extensions_mut().insert(Named(name));
    response.extensions_mut().insert(subject);
    response
}
