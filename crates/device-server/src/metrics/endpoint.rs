//! `GET /metrics`.
//!
//! Watched closely, the figures tell whether a name has a user: a message was sent, or a second
//! factor was asked for. So they are for administrators, or have a listener of their own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_pool::ServiceError;
use serde_json::json;
use zeroize::Zeroizing;

use crate::admission::Precedence;
use crate::answer;
use crate::request_log::Named;
use crate::service::Service;

/// The media type of the text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers anyone who reaches a listener for figures.
pub(crate) async fn open_figures(State(service): State<Arc<Service>>) -> Response<Body> {
    named(answer::text(OPEN_METRICS, service.figures().await))
}

/// Answers administrators, by an access key as name and password; in dev mode anyone.
pub(crate) async fn signed_figures(
    State(service): State<Arc<Service>>,
    method: Method,
    headers: HeaderMap,
) -> Response<Body> {
    const MESSAGE: &str = "Give an access key for all pools: its id as the name, its secret as the \
                           password. A listener of their own shows the figures without \
                           (--metrics-listen).";
    match may_read(&service, &method, &headers).await {
        Ok(true) => open_figures(State(service)).await,
        Ok(false) => {
            let body = json!({ "message": MESSAGE });
            let mut response = answer::document(StatusCode::UNAUTHORIZED, &body);
            let challenge = HeaderValue::from_static("Basic realm=\"device\", charset=\"UTF-8\"");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            named(response)
        }
        Err(refusal) => named(answer::refusal(refusal)),
    }
}

async fn may_read(
    service: &Arc<Service>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<bool, ServiceError> {
    if let Some(dev) = service.administrators.dev() {
        return dev.admit(method, headers).map(|()| true);
    }
    let Some((id, secret)) = headers.get(AUTHORIZATION).and_then(basic) else { return Ok(false) };
    let find = move |service: &Service| service.administrators.of_key(&id, &secret, service.now());
    let holder = service.as_call(Precedence::Second, find).await?;
    Ok(holder.is_some_and(|holder| holder.pools.is_none()))
}

/// Name and password of HTTP's basic authentication.
fn basic(value: &HeaderValue) -> Option<(String, Zeroizing<String>)> {
    let (scheme, credentials) = value.to_str().ok()?.split_once(' ')?;
    let decoded = Zeroizing::new(STANDARD.decode(credentials.trim()).ok()?);
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    let is_basic = scheme.eq_ignore_ascii_case("basic");
    is_basic.then(|| (id.to_owned(), Zeroizing::new(secret.to_owned())))
}

fn named(mut response: Response<Body>) -> Response<Body> {
    response.extensions_mut().insert(Named("metrics"));
    response
}
