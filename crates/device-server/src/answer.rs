//! Turns answers and refusals of the engine into HTTP.
//!
//! No other file chooses the status code of a refusal. Pages, documents and calls under `/dev/`
//! choose their own.

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use device_pool::ServiceError;
use device_wire::{ErrorBody, ErrorCode, Operation};
use serde_json::{Value, json};

/// The protocol's media type.
pub(crate) const AMZ_JSON: &str = "application/x-amz-json-1.1";

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
pub(crate) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
pub(crate) const ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-amzn-errormessage");

/// The maximum length of a message in a header, which clients limit. The body has the whole
/// message.
const MAX_HEADER_MESSAGE: usize = 1024;

/// The code for a body over the limit. Not in the service's model: its gateway sends it.
pub(crate) const TOO_LARGE: &str = "RequestEntityTooLargeException";

/// The code for a body that does not arrive in time. The service's gateway sends it too.
pub(crate) const TOO_SLOW: &str = "RequestTimeoutException";

/// What a browser may do with a page: show it, and send its form back.
const PAGE_POLICY: &str =
    "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Why a request was refused, for the log; an extension of the response.
#[derive(Clone)]
pub(crate) struct Failure(pub(crate) ServiceError);

/// The response of `operation` on success.
pub(crate) fn success(operation: Operation, output: Option<Value>) -> Response<Body> {
    let body = match output {
        _ if !operation.has_output() => Body::empty(),
        Some(output) => Body::from(output.to_string()),
        None => Body::from("{}"),
    };
    typed(StatusCode::OK, AMZ_JSON, body)
}

/// The response of any operation on refusal.
pub(crate) fn refusal(error: ServiceError) -> Response<Body> {
    let body = ErrorBody::new(error.code().clone(), error.message());
    // An object of two strings, so serializing cannot fail.
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

/// A text outside of the operations.
pub(crate) fn text(media_type: &'static str, text: String) -> Response<Body> {
    typed(StatusCode::OK, media_type, Body::from(text))
}

/// The response to a developer's call that cannot be read.
pub(crate) fn unusable(message: &str) -> Response<Body> {
    document(StatusCode::BAD_REQUEST, &json!({ "message": message }))
}

/// A document that clients may cache for an hour.
///
/// A replaced key stays in it until its last token has expired, and a verifier that finds an
/// unknown key reads the document again.
pub(crate) fn cacheable(body: &Value) -> Response<Body> {
    let mut response = document(StatusCode::OK, body);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}

/// The response if a document cannot be read now. Never a 400: verifiers and caches treat that as
/// final.
pub(crate) fn unavailable(error: ServiceError) -> Response<Body> {
    let body = json!({ "message": "The document cannot be read now; try again in a second." });
    let mut response = document(StatusCode::SERVICE_UNAVAILABLE, &body);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response.extensions_mut().insert(Failure(error));
    response
}

/// A page of HTML for people, without a script or a style.
pub(crate) fn page(status: StatusCode, html: String) -> Response<Body> {
    let mut response = typed(status, "text/html; charset=utf-8", Body::from(html));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (X_FRAME_OPTIONS, "DENY"),
        // The address of the page is a secret.
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn typed(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    // Responses contain tokens and codes: caches must not store them, and browsers must not show
    // them as pages.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
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

/// A message in the form that a header may have. Messages may quote what a caller sent, and a
/// header must not contain line breaks, nor safely anything but ASCII.
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
    fn only_an_internal_error_is_a_500() {
        for code in Operation::ALL.iter().flat_map(|operation| operation.errors()) {
            let ours = *code == ErrorCode::InternalError;
            assert_eq!(status(code) == StatusCode::INTERNAL_SERVER_ERROR, ours, "{code}");
        }
    }
}
