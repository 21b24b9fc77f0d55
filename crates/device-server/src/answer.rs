//! The one place where what the engine says becomes HTTP.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use device_pool::ServiceError;
use device_wire::{ErrorBody, ErrorCode, Operation};
use serde_json::Value;

/// The protocol's media type.
pub(crate) const AMZ_JSON: &str = "application/x-amz-json-1.1";

pub(crate) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
pub(crate) const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-amzn-errormessage");

/// A longer message is cut in its header, which clients bound; the body has all of it.
const MAX_HEADER_MESSAGE: usize = 1024;

/// The error's code where the request is larger than any can be. Not in the service's model: a
/// gateway before it says this.
pub(crate) const TOO_LARGE: &str = "RequestEntityTooLargeException";

/// The error's code where the request does not arrive in time. The same holds for it.
pub(crate) const TOO_SLOW: &str = "RequestTimeoutException";

/// How a request went, for the log. Travels as an extension of the response.
#[derive(Clone)]
pub(crate) struct Failure(pub(crate) ServiceError);

/// What `operation` answers on success.
pub(crate) fn success(operation: Operation, output: Option<Value>) -> Response<Body> {
    let body = match output {
        _ if !operation.has_output() => Body::empty(),
        Some(output) => Body::from(output.to_string()),
        None => Body::from("{}"),
    };
    typed(StatusCode::OK, AMZ_JSON, body)
}

/// What any operation answers on refusal.
pub(crate) fn refusal(error: ServiceError) -> Response<Body> {
    let body = ErrorBody::new(error.code().clone(), error.message());
    // Two strings in an object: there is nothing in it that could fail to be written.
    let text = serde_json::to_string(&body).unwrap_or_default();
    let mut response = typed(status(error.code()), AMZ_JSON, Body::from(text));
    let headers = response.headers_mut();
    headers.insert(ERROR_TYPE, header_text(&format!("{}:", error.code())));
    headers.insert(ERROR_MESSAGE, header_text(error.message()));
    response.extensions_mut().insert(Failure(error));
    response
}

/// A JSON document outside of the operations.
pub(crate) fn document(status: StatusCode, body: &Value) -> Response<Body> {
    typed(status, "application/json", Body::from(body.to_string()))
}

/// A document that anyone may keep for an hour. A replaced key stays in it until its last token is
/// out; a verifier that meets a key it does not know reads the document anew.
pub(crate) fn cacheable(body: &Value) -> Response<Body> {
    let mut response = document(StatusCode::OK, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

fn typed(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

fn status(code: &ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::Unknown(code) if code == TOO_LARGE => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::Unknown(code) if code == TOO_SLOW => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::BAD_REQUEST,
    }
}

/// Messages may repeat what a caller sent, and a header holds neither line breaks nor, safely,
/// anything beyond ASCII.
fn header_text(text: &str) -> HeaderValue {
    let safe: String = text
        .chars()
        .take(MAX_HEADER_MESSAGE)
        .map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' })
        .collect();
    HeaderValue::try_from(safe).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_in_a_header_cannot_break_out_of_it() {
        assert_eq!(header_text("a\r\nx-evil: 1\u{7f}é"), "a??x-evil: 1??");
        assert_eq!(header_text(&"x".repeat(5000)).len(), MAX_HEADER_MESSAGE);
    }

    #[test]
    fn only_a_failure_of_ours_is_a_500() {
        for code in Operation::ALL.iter().flat_map(|operation| operation.errors()) {
            let ours = *code == ErrorCode::InternalError;
            assert_eq!(status(code) == StatusCode::INTERNAL_SERVER_ERROR, ours, "{code}");
        }
    }
}
