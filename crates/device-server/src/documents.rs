//! Documents besides the operations: health, and what verifiers of tokens read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use device_pool::ServiceError;
use serde_json::{Value, json};

use crate::answer::{self, Failure};
use crate::health::Unhealthy;
use crate::request_log::Named;
use crate::service::Service;

/// The refusal of what administrators have on another listener.
pub(crate) const ELSEWHERE: &str = "Administrators have an address of their own at this server \
    (--admin-listen), and this is not it.";

/// The pool in a path. A path that is not UTF-8 has none.
type PoolPath = Result<Path<String>, PathRejection>;

/// `GET /livez`: 200 as long as the process answers. A restart repairs nothing that is said here.
pub(crate) async fn alive() -> Response<Body> {
    let body = json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") });
    named("livez", answer::document(StatusCode::OK, &body))
}

/// `GET /health` and `GET /readyz`: 200 if the store reads and writes, else 503. A store that can
/// only be read is degraded.
pub(crate) async fn health(State(service): State<Arc<Service>>) -> Response<Body> {
    let probe = service.probe().await;
    let (code, status, store) = match &probe {
        Ok(()) => (StatusCode::OK, "ok", "ok"),
        Err(Unhealthy { reads: true, .. }) => {
            (StatusCode::SERVICE_UNAVAILABLE, "degraded", "not writable")
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "failing"),
    };
    let body = json!({ "status": status, "version": env!("CARGO_PKG_VERSION"), "store": store });
    let mut response = named("health", answer::document(code, &body));
    if let Err(Unhealthy { cause, .. }) = probe {
        response.extensions_mut().insert(Failure(cause));
    }
    response
}

/// `GET /<pool id>/.well-known/jwks.json`
pub(crate) async fn jwks(State(service): State<Arc<Service>>, pool: PoolPath) -> Response<Body> {
    let found = match pool {
        Ok(Path(pool_id)) => service.jwks(pool_id).await,
        Err(_) => Ok(None),
    };
    named("jwks", of_pool(found))
}

/// `GET /<pool id>/.well-known/openid-configuration`
pub(crate) async fn openid_configuration(
    State(service): State<Arc<Service>>,
    pool: PoolPath,
) -> Response<Body> {
    let found = match pool {
        Ok(Path(pool_id)) => service.openid_configuration(pool_id).await,
        Err(_) => Ok(None),
    };
    named("openid-configuration", of_pool(found))
}

/// Any other path.
pub(crate) async fn not_found() -> Response<Body> {
    absent(
        "Nothing is here. Calls go to POST /; there are also POST /access-keys, \
         POST /administration, /livez, /readyz, /metrics, /<user pool id>/.well-known/jwks.json, \
         /<user pool id>/.well-known/openid-configuration, and the links in messages.",
    )
}

/// What administrators have on another listener.
pub(crate) async fn for_administrators_elsewhere() -> Response<Body> {
    let body = json!({ "message": ELSEWHERE });
    answer::document(StatusCode::FORBIDDEN, &body)
}

/// Any other path or method of a listener for figures.
pub(crate) async fn only_figures() -> Response<Body> {
    absent("Here are /metrics, /livez and /readyz only, read with GET.")
}

/// Any other method.
pub(crate) async fn method_not_allowed() -> Response<Body> {
    const MESSAGE: &str =
        "Calls go to POST /, /access-keys or /administration. Documents are read with GET.";
    let body = json!({ "message": MESSAGE });
    answer::document(StatusCode::METHOD_NOT_ALLOWED, &body)
}

fn of_pool(found: Result<Option<Value>, ServiceError>) -> Response<Body> {
    match found {
        Ok(Some(body)) => answer::cacheable(&body),
        Ok(None) => absent("This server has no user pool of that id."),
        Err(error) => answer::unavailable(error),
    }
}

fn absent(message: &str) -> Response<Body> {
    answer::document(StatusCode::NOT_FOUND, &json!({ "message": message }))
}

/// Names a page for people in the log.
pub(crate) async fn as_page(response: Response<Body>) -> Response<Body> {
    named("page", response)
}

fn named(name: &'static str, mut response: Response<Body>) -> Response<Body> {
    response.extensions_mut().insert(Named(name));
    response
}
