//! `POST /`: from bytes to an operation and back.
//!
//! In the service's order: which operation, who asks, what it says. A caller that may not ask
//! learns nothing of what its body would have been told.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, Request, Response, request};
use device_pool::ServiceError;
use device_wire::{Auth, ErrorCode, Operation};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use tokio::time::timeout;

use crate::answer::{self, AMZ_JSON, TOO_LARGE, TOO_SLOW};
use crate::constraint;
use crate::request_log::{Named, Peer};
use crate::service::{Administrators, Service};
use crate::{sigv4, web_page};

/// A body may have so many bytes. The longest that an honest client sends, a pool with all its
/// message templates, is a third of that.
pub(crate) const MAX_BODY: usize = 512 * 1024;

/// A body may take so long to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const TARGET_PREFIX: &str = "AWSCognitoIdentityProviderService.";

/// Answers one call.
pub(crate) async fn call(
    State(service): State<Arc<Service>>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let operation = match target(&head.headers) {
        Ok(operation) => operation,
        Err(refusal) => return answer::refusal(refusal),
    };
    let peer = head.extensions.get::<Peer>().map(|peer| peer.0);
    let mut response = match run(&service, operation, &head, body, peer).await {
        Ok(output) => answer::success(operation, output),
        Err(refusal) => answer::refusal(refusal),
    };
    response.extensions_mut().insert(Named(operation.name()));
    response
}

async fn run(
    service: &Arc<Service>,
    operation: Operation,
    head: &request::Parts,
    body: Body,
    peer: Option<IpAddr>,
) -> Result<Option<Value>, ServiceError> {
    let body = read_body(body).await?;
    if operation.auth() == Auth::SigV4 {
        match &service.administrators {
            Administrators::Signing(key) => {
                sigv4::verify(head, &body, key, service.region(), service.now())?;
            }
            Administrators::Anyone if service.is_foreign_page(&head.method, &head.headers) => {
                return Err(ServiceError::new(ErrorCode::AccessDenied, web_page::REFUSED));
            }
            Administrators::Anyone => {}
        }
    }
    let body = constraint::check(operation, parse_object(&body)?)?;
    service.execute(operation, body, peer).await
}

/// The body, all of it.
async fn read_body(body: Body) -> Result<Bytes, ServiceError> {
    let refused =
        |code: &str, message| ServiceError::new(ErrorCode::Unknown(code.to_owned()), message);
    let too_large =
        || refused(TOO_LARGE, format!("A request's body has at most {MAX_BODY} bytes."));
    // Where the head tells the length, nothing needs to be read.
    if usize::try_from(body.size_hint().lower()).is_ok_and(|length| length <= MAX_BODY) {
        match timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(constraint::unreadable("The body did not arrive whole.")),
            Err(_) => Err(refused(TOO_SLOW, "The body did not arrive in time.".to_owned())),
        }
    } else {
        Err(too_large())
    }
}

/// Which operation the headers ask for.
fn target(headers: &HeaderMap) -> Result<Operation, ServiceError> {
    let unknown = |message: String| Err(ServiceError::new(ErrorCode::UnknownOperation, message));
    let media_type =
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(AMZ_JSON) {
        return unknown(format!("The Content-Type of a call must be {AMZ_JSON}."));
    }
    let Some(name) =
        headers.get(TARGET).and_then(|value| value.to_str().ok()?.strip_prefix(TARGET_PREFIX))
    else {
        return unknown(format!("The X-Amz-Target of a call must be {TARGET_PREFIX}<operation>."));
    };
    match Operation::from_name(name) {
        Some(operation) => Ok(operation),
        None if Operation::ALL_NAMES.contains(&name) => Err(ServiceError::new(
            ErrorCode::UnsupportedOperation,
            format!("This server does not implement {name}."),
        )),
        None => unknown("The service has no operation of that name.".to_owned()),
    }
}

/// The body's JSON object. A body without a byte is an empty one, as the protocol allows.
fn parse_object(body: &Bytes) -> Result<Value, ServiceError> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(constraint::unreadable("The body of a call must be a JSON object.")),
        // The parser's own text could quote the body; the place is enough to find the fault.
        Err(error) => Err(constraint::unreadable(format!(
            "The body is not JSON: line {}, column {}.",
            error.line(),
            error.column()
        ))),
    }
}
