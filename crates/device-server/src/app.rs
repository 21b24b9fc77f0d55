//! The routes, and the layers around them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Response;
use axum::http::header::DATE;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use device_pool::ServiceError;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::service::{Administrators, Origins, Service};
use crate::{answer, api, dev, documents, request_log};

/// The whole service as a router, to be served by [`Server`](crate::Server) or called in a test
/// without a socket.
pub fn app(service: Arc<Service>) -> Router {
    let router = match service.administrators {
        Administrators::Anyone => {
            Router::new().route("/dev/messages/{pool_id}/{name}", get(dev::last_message))
        }
        Administrators::Signing(_) => Router::new(),
    };
    router
        .route("/", post(api::call))
        .route("/health", get(documents::health))
        .route("/{pool_id}/.well-known/jwks.json", get(documents::jwks))
        .route("/{pool_id}/.well-known/openid-configuration", get(documents::openid_configuration))
        .fallback(documents::not_found)
        .method_not_allowed_fallback(documents::method_not_allowed)
        // The last layer is the outermost: a page may read the answer to a panic, and that has its
        // request id and line.
        .layer(CatchPanicLayer::custom(panicked))
        .layer(cors(&service.origins))
        .layer(from_fn_with_state(Arc::clone(&service), request_log::observe))
        .with_state(service)
}

fn cors(origins: &Origins) -> CorsLayer {
    let origin = match origins {
        Origins::Any => AllowOrigin::any(),
        Origins::Only(list) => AllowOrigin::list(list.iter().cloned()),
    };
    // Browsers ask again after five seconds unless told otherwise, and the most that one of them
    // remembers is two hours.
    CorsLayer::new()
        .max_age(Duration::from_secs(2 * 60 * 60))
        .allow_origin(origin)
        .allow_methods(AllowMethods::mirror_request())
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers([request_log::REQUEST_ID, answer::ERROR_TYPE, answer::ERROR_MESSAGE, DATE])
}

/// The panic hook has told where; what the panic says may hold anything and goes nowhere.
fn panicked(_: Box<dyn Any + Send>) -> Response<Body> {
    answer::refusal(ServiceError::internal("a handler panicked; the panic hook has the place"))
}
