//! The bodies of forms.

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, Limited};

use crate::problem::Problem;

/// The longest form, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// The whole body of a form.
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    let body = Limited::new(body, MAX_FORM).collect().await;
    Ok(body.map_err(|_| Problem::unreadable_form())?.to_bytes())
}
