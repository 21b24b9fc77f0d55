//! One-time links that sign an administrator in: asked for with a signed call, good for a minute.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use device_pool::ServiceError;
use device_server::{Administrator, Role};
use device_wire::ErrorCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::console::Console;
use crate::form;
use crate::seal::encode;

/// The path of the signed call.
pub const SIGN_IN_LINK_PATH: &str = "/console/links";

/// The `X-Amz-Target` of the signed call. It is signed, so that no other call can be taken for this
/// one.
pub const SIGN_IN_LINK_TARGET: &str = "DeviceConsole.CreateSignInLink";

/// How long a link is good: 60 seconds, in milliseconds.
const LIFE: i64 = 60 * 1000;

/// How long a signed call could be sent again: longer than its date is accepted, in milliseconds.
const CALL_LIFE: i64 = 15 * 60 * 1000;

/// The body of the signed call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignInLinkRequest {
    /// Whether the session may only look.
    pub read_only: bool,
    /// Anything. Two calls of the same second are signed alike if it is the same, and the second is
    /// refused as a repetition.
    pub nonce: String,
}

/// The answer to the signed call.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInLink {
    /// The path and query of the link. The first to use it is signed in.
    pub path: String,
    /// How many seconds it is good.
    pub expires_in: i64,
}

/// What a link says, sealed.
#[derive(Serialize, Deserialize)]
struct Pass {
    id: String,
    key_id: String,
    role: Role,
    expires_at: i64,
}

/// `POST /console/links`
pub(crate) async fn create(
    State(console): State<Arc<Console>>,
    request: Request<Body>,
) -> Response<Body> {
    match make(&console, request).await {
        Ok(link) => Json(link).into_response(),
        Err(error) => {
            let status = match error.code() {
                ErrorCode::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::BAD_REQUEST,
            };
            let code = error.code().as_str();
            (status, Json(json!({ "__type": code, "message": error.message() }))).into_response()
        }
    }
}

async fn make(console: &Arc<Console>, request: Request<Body>) -> Result<SignInLink, ServiceError> {
    let invalid = |text: &str| ServiceError::new(ErrorCode::InvalidParameter, text.to_owned());
    let (head, body) = request.into_parts();
    let body = form::read(body).await.map_err(|_| invalid("The body cannot be read."))?;
    let target = head.headers.get("x-amz-target").is_some_and(|name| name == SIGN_IN_LINK_TARGET);
    if !target {
        return Err(invalid("The X-Amz-Target must be DeviceConsole.CreateSignInLink."));
    }
    let signature = console.service.claimed_signature(&head);
    let Administrator { key_id, role, .. } = console.service.signer(head, body.to_vec()).await?;
    let asked: SignInLinkRequest =
        serde_json::from_slice(&body).map_err(|_| invalid("The body is not the call's."))?;
    let now = console.service.now_millis();
    // A call that is sent again gets no second link. It is known by the bytes of its signature,
    // since the header can be spelled in many ways.
    if let Some(signature) = signature {
        let id = format!("call/{}", encode(&signature));
        if !console.service.use_once(id, now + CALL_LIFE).await? {
            return Err(invalid("This call was made before. Sign a new one."));
        }
    }
    let role = if asked.read_only { Role::ReadOnly } else { role };
    let pass = Pass { id: console.random_id(), key_id, role, expires_at: now + LIFE };
    let text = serde_json::to_string(&pass)
        .map_err(|_| ServiceError::internal("a link does not serialize"))?;
    let sealed = console.seal(&console.links, &text)?;
    let path = format!("/console/sign-in?link={sealed}");
    Ok(SignInLink { path, expires_in: LIFE / 1000 })
}

/// Whose link it is and what it permits, if it is still good. Does not use it up.
pub(crate) async fn look(
    console: &Console,
    link: &str,
) -> Result<Option<Administrator>, ServiceError> {
    match read(console, link) {
        Some(pass) => holder(console, pass).await,
        None => Ok(None),
    }
}

/// As [`look`], and uses it up.
pub(crate) async fn redeem(
    console: &Console,
    link: &str,
) -> Result<Option<Administrator>, ServiceError> {
    let Some(pass) = read(console, link) else { return Ok(None) };
    // Kept for longer than the link is good: the clocks of several servers may differ.
    let until = pass.expires_at + CALL_LIFE;
    let is_first = console.service.use_once(format!("link/{}", pass.id), until).await?;
    if is_first { holder(console, pass).await } else { Ok(None) }
}

fn read(console: &Console, link: &str) -> Option<Pass> {
    let pass: Pass = serde_json::from_str(&console.links.open(link)?).ok()?;
    (console.service.now_millis() < pass.expires_at).then_some(pass)
}

/// The holder of the link's key, if the key is still good, with what the link permits.
async fn holder(console: &Console, pass: Pass) -> Result<Option<Administrator>, ServiceError> {
    let holder = console.service.administrator(pass.key_id).await?;
    Ok(holder.map(|mut administrator| {
        administrator.role = administrator.role.min(pass.role);
        administrator
    }))
}
