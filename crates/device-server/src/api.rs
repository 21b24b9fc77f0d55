//! `POST /`: from bytes to an operation and back.
//!
//! The checks have the service's order: operation, caller, body. A caller who may not call the
//! operation learns nothing about the body.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Request, Response};
use device_pool::ServiceError;
use device_wire::{Auth, ErrorCode, Operation};

use crate::answer::{self, AMZ_JSON};
use crate::audience::ForUsers;
use crate::constraint;
use crate::documents::ELSEWHERE;
use crate::request_log::{Named, Peer};
use crate::service::{Call, Service};

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TARGET_PREFIX: &str = "AWSCognitoIdentityProviderService.";

/// Headers that must not be repeated: a filter in front could have checked the other value.
const ONCE: [HeaderName; 3] = [HOST, CONTENT_TYPE, TARGET];

/// Answers one call.
pub(crate) async fn call(
    State(service): State<Arc<Service>>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let name = match operation_name(&head.headers) {
        Ok(name) => name,
        Err(refusal) => return answer::refusal(refusal),
    };
    let mut response = run(&service, name, head, body).await.unwrap_or_else(answer::refusal);
    response.extensions_mut().insert(Named(name));
    response
}

async fn run(
    service: &Arc<Service>,
    name: &str,
    head: Parts,
    body: Body,
) -> Result<Response<Body>, ServiceError> {
    let operation = Operation::from_name(name).ok_or_else(|| {
        ServiceError::new(
            ErrorCode::UnsupportedOperation,
            format!("This server does not implement {name}."),
        )
    })?;
    if operation.auth() == Auth::SigV4 && head.extensions.get::<ForUsers>().is_some() {
        let message = format!("{name} is an administrator's operation. {ELSEWHERE}");
        return Err(ServiceError::new(ErrorCode::AccessDenied, message));
    }
    let source_ip = head.extensions.get::<Peer>().map(|peer| peer.0);
    let body = service.body_memory.receive(body, source_ip).await?;
    let (output, subject) = service.run(Call { operation, head, body, source_ip }).await;
    let mut response =
        output.map_or_else(answer::refusal, |output| answer::success(operation, output));
    response.extensions_mut().insert(subject);
    Ok(response)
}

/// The target in the headers, unless there are several.
pub(crate) fn only_target(headers: &HeaderMap) -> Option<&str> {
    // Twice means that a filter in front could have checked the other one.
    let mut targets = headers.get_all(TARGET).iter();
    targets.next().filter(|_| targets.next().is_none())?.to_str().ok()
}

/// The operation of the service in the headers, implemented or not.
fn operation_name(headers: &HeaderMap) -> Result<&'static str, ServiceError> {
    let unknown = |message: String| ServiceError::new(ErrorCode::UnknownOperation, message);
    if let Some(name) = ONCE.iter().find(|name| headers.get_all(*name).iter().count() > 1) {
        return Err(constraint::unreadable(format!("The header {name} is given twice.")));
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let essence = text(CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default();
    if !essence.trim().eq_ignore_ascii_case(AMZ_JSON) {
        return Err(unknown(format!("The Content-Type of a call must be {AMZ_JSON}.")));
    }
    let name =
        text(TARGET).and_then(|target| target.strip_prefix(TARGET_PREFIX)).ok_or_else(|| {
            unknown(format!("The X-Amz-Target of a call must be {TARGET_PREFIX}<operation>."))
        })?;
    Operation::ALL_NAMES
        .iter()
        .find(|known| **known == name)
        .copied()
        .ok_or_else(|| unknown("The service has no operation of that name.".to_owned()))
}
