//! The routes, and the layers around them.

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{get, post};
use device_pool::ServiceError;
use tower_http::catch_panic::CatchPanicLayer;

use crate::access_key_calls::{self, ACCESS_KEYS_PATH};
use crate::administration::{self, ADMINISTRATION_PATH};
use crate::service::Service;
use crate::{answer, api, dev_calls, device_link, documents, request_log, user_import};

/// The whole service as a router. [`Server`](crate::Server) serves it; a test calls it without a
/// socket.
pub fn app(service: Arc<Service>) -> Router {
    app_with_pages(service, Router::new())
}

/// As [`app`], with pages for people beside it, such as the console. Only the API's answers are
/// shared with web pages of other origins.
pub fn app_with_pages(service: Arc<Service>, pages: Router) -> Router {
    let observe = from_fn_with_state(Arc::clone(&service), request_log::observe);
    pages
        .layer(map_response(documents::as_page))
        .merge(device_link::routes(Arc::clone(&service)))
        .merge(api(service))
        .layer(observe)
}

fn api(service: Arc<Service>) -> Router {
    dev_calls::routes(&service)
        .merge(user_import::routes())
        .route("/", post(api::call))
        .route(ACCESS_KEYS_PATH, post(access_key_calls::call))
        .route(ADMINISTRATION_PATH, post(administration::call))
        .route("/health", get(documents::health))
        .route("/{pool_id}/.well-known/jwks.json", get(documents::jwks))
        .route("/{pool_id}/.well-known/openid-configuration", get(documents::openid_configuration))
        .fallback(documents::not_found)
        .method_not_allowed_fallback(documents::method_not_allowed)
        // The last layer is the outermost, so pages may read the answer to a panic, and it gets a
        // request id and a log line.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(service.origins.cors())
        .with_state(service)
}

/// The answer to a panic. The panic hook logs the place; the panic's text may quote anything and is
/// dropped.
fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    answer::refusal(ServiceError::internal("a handler panicked; the panic hook logs where"))
}
