//! The routes, and the layers around them.

use std::any::Any;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use axum::middleware::{from_fn_with_state, map_response};
use axum::routing::{any, get, post};
use axum::{Extension, Router};
use device_pool::ServiceError;
use tower_http::catch_panic::CatchPanicLayer;

use crate::access_key_calls::{self, ACCESS_KEYS_PATH};
use crate::administration::{self, ADMINISTRATION_PATH};
use crate::audience::{Audience, ForUsers};
use crate::service::Service;
use crate::{
    answer, api, dev_calls, device_link, documents, feedback_link, metrics, request_log,
    user_import,
};

/// The whole service as a router. [`Server`](crate::Server) serves it; a test calls it without a
/// socket.
pub fn app(service: Arc<Service>) -> Router {
    app_with_pages(service, Router::new())
}

/// As [`app`], with pages for people beside it, such as the console. Only the API's answers are
/// shared with web pages of other origins.
pub fn app_with_pages(service: Arc<Service>, pages: Router) -> Router {
    app_for(Audience::Everyone, service, pages)
}

/// The service for `audience`. Administrators have `pages` as well.
pub(crate) fn app_for(audience: Audience, service: Arc<Service>, pages: Router) -> Router {
    let observe = from_fn_with_state(Arc::clone(&service), request_log::observe);
    let links = device_link::routes(Arc::clone(&service))
        .merge(feedback_link::routes(Arc::clone(&service)));
    match audience {
        Audience::Everyone => pages
            .layer(map_response(documents::as_page))
            .merge(links)
            .merge(api(for_administrators(&service), service)),
        Audience::Users => links.merge(api(elsewhere(), service)).layer(Extension(ForUsers)),
    }
    .layer(observe)
}

/// What only administrators and developers use.
fn for_administrators(service: &Arc<Service>) -> Router<Arc<Service>> {
    dev_calls::routes(service)
        .route(ACCESS_KEYS_PATH, post(access_key_calls::call))
        .route(ADMINISTRATION_PATH, post(administration::call))
        .route("/metrics", get(metrics::signed_figures))
}

/// The answers in its place where no administrators are served.
fn elsewhere() -> Router<Arc<Service>> {
    let paths = [
        ACCESS_KEYS_PATH,
        ADMINISTRATION_PATH,
        "/metrics",
        "/console",
        "/console/{*rest}",
        "/dev/{*rest}",
    ];
    paths.into_iter().fold(Router::new(), |router, path| {
        router.route(path, any(documents::for_administrators_elsewhere))
    })
}

fn api(besides: Router<Arc<Service>>, service: Arc<Service>) -> Router {
    besides
        .merge(user_import::routes())
        .route("/", post(api::call))
        .merge(health())
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

/// What says whether the server works.
fn health() -> Router<Arc<Service>> {
    Router::new()
        .route("/health", get(documents::health))
        .route("/readyz", get(documents::health))
        .route("/livez", get(documents::alive))
}

/// Figures and health, for a listener that only those reach who may read them.
pub(crate) fn figures(service: Arc<Service>) -> Router {
    health()
        .route("/metrics", get(metrics::open_figures))
        .fallback(documents::only_figures)
        .method_not_allowed_fallback(documents::only_figures)
        .with_state(service)
}

/// The answer to a panic. The panic hook logs the place; the panic's text may quote anything and is
/// dropped.
fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    answer::refusal(ServiceError::internal("a handler panicked; the panic hook logs where"))
}
