//! `PUT /<pool id>/user-import/<token>`: the file of an import job, at the job's pre-signed URL.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, Request, State};
use axum::http::{Response, StatusCode};
use axum::routing::put;
use serde_json::json;

use crate::answer;
use crate::request_log::{Named, Peer};
use crate::service::Service;

/// The route.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/{pool_id}/user-import/{token}", put(receive))
}

async fn receive(
    State(service): State<Arc<Service>>,
    peer: Option<Extension<Peer>>,
    Path((pool_id, token)): Path<(String, String)>,
    request: Request,
) -> Response<Body> {
    let source_ip = peer.map(|Extension(peer)| peer.address());
    let body = request.into_body();
    let mut response = match service.put_import_file(pool_id, token, body, source_ip).await {
        Ok(()) => answer::document(StatusCode::OK, &json!({})),
        Err(error) => answer::refusal(error),
    };
    response.extensions_mut().insert(Named("user-import"));
    response
}
