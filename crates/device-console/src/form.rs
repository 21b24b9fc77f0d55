//! The bodies of forms.

use std::time::Duration;

use axum::body::{Body, Bytes};
use device_pool::ServiceError;
use device_wire::ErrorCode;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;

use crate::problem::Problem;

/// The longest form, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// The number in a field, or a sentence that names the field.
pub(crate) fn number(field: &str, text: &str) -> Result<i32, ServiceError> {
    text.trim().parse().map_err(|_| {
        let message = format!("{field}: “{}” is not a number.", text.trim());
        ServiceError::new(ErrorCode::InvalidParameter, message)
    })
}

/// How long a form may take to arrive, as for the API.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The whole body of a form. A body that is too long, or too late, is refused.
pub(crate) async fn read(body: Body) -> Result<Bytes, Problem> {
    let body = timeout(TIMEOUT, Limited::new(body, MAX_FORM).collect()).await;
    let body = body.map_err(|_| Problem::unreadable_form())?;
    Ok(body.map_err(|_| Problem::unreadable_form())?.to_bytes())
}
