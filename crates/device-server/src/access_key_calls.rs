//! `POST /access-keys`: the signed calls about access keys, and about the server's and pools' keys.
//!
//! Only the server's own access key may sign them. So a key that was added cannot outlive its
//! revocation by adding another.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{Request, Response, StatusCode};
use device_pool::ServiceError;
use device_wire::ErrorCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::access_keys::NewAccessKey;
use crate::administrator::Administrator;
use crate::answer;
use crate::api;
use crate::json;
use crate::key_rotation::{ROTATE_KEYS_TARGET, RotateKeys};
use crate::request_log::{Named, Peer};
use crate::service::Service;
use crate::subject::Subject;

/// The path of the calls about access keys.
pub const ACCESS_KEYS_PATH: &str = "/access-keys";

/// The `X-Amz-Target` of the call that adds an access key. Its body is a [`NewAccessKey`], its
/// answer an [`AddedAccessKey`](crate::AddedAccessKey).
pub const ADD_ACCESS_KEY_TARGET: &str = "DeviceServer.AddAccessKey";

/// The `X-Amz-Target` of the call that lists access keys. Its answer is an
/// [`AccessKeys`](crate::AccessKeys).
pub const LIST_ACCESS_KEYS_TARGET: &str = "DeviceServer.ListAccessKeys";

/// The `X-Amz-Target` of the call that revokes an access key. Its body is a [`RevokedName`].
pub const REVOKE_ACCESS_KEY_TARGET: &str = "DeviceServer.RevokeAccessKey";

const TARGETS: [&str; 4] =
    [ADD_ACCESS_KEY_TARGET, LIST_ACCESS_KEYS_TARGET, REVOKE_ACCESS_KEY_TARGET, ROTATE_KEYS_TARGET];

/// The access key to revoke.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "the members of a call, which its callers write")]
pub struct RevokedName {
    /// Its name.
    pub name: String,
}

/// Answers one call.
pub(crate) async fn call(
    State(service): State<Arc<Service>>,
    request: Request<Body>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let administrator = service.administrators.claimed_key(&head);
    let mut subject = Subject { administrator, ..Subject::default() };
    let mut response = match run(&service, head, body, &mut subject).await {
        Ok(answer) => answer::document(StatusCode::OK, &answer),
        Err(error) => answer::refusal(error),
    };
    response.extensions_mut().insert(Named("access-keys"));
    response.extensions_mut().insert(subject);
    response
}

async fn run(
    service: &Arc<Service>,
    head: Parts,
    body: Body,
    subject: &mut Subject,
) -> Result<Value, ServiceError> {
    let target = TARGETS.into_iter().find(|known| api::only_target(&head.headers) == Some(known));
    let Some(target) = target else { return Err(unknown()) };
    let source_ip = head.extensions.get::<Peer>().map(|peer| peer.0);
    let body = service.body_memory.receive(body, source_ip).await?;
    let bytes = body.bytes().to_vec();
    let signer = service.signer(head, bytes).await?;
    subject.administrator = service.title_of(&signer);
    if target == ROTATE_KEYS_TARGET {
        check_unnamed(&signer)?;
        let keys: RotateKeys = members(body.bytes())?;
        return encoded(&service.rotate_keys(&signer, keys, source_ip).await?);
    }
    check_own(service, &signer)?;
    match target {
        ADD_ACCESS_KEY_TARGET => {
            let new: NewAccessKey = members(body.bytes())?;
            encoded(&service.add_access_key(&signer, new, source_ip).await?)
        }
        LIST_ACCESS_KEYS_TARGET => encoded(&service.access_keys().await?),
        REVOKE_ACCESS_KEY_TARGET => {
            let RevokedName { name } = members(body.bytes())?;
            service.revoke_access_key(&signer, name, source_ip).await?;
            Ok(json!({}))
        }
        _ => Err(unknown()),
    }
}

fn unknown() -> ServiceError {
    ServiceError::new(
        ErrorCode::UnknownOperation,
        "The X-Amz-Target, given once, must be DeviceServer.AddAccessKey, \
         DeviceServer.ListAccessKeys, DeviceServer.RevokeAccessKey or DeviceServer.RotateKeys.",
    )
}

fn check_own(service: &Service, signer: &Administrator) -> Result<(), ServiceError> {
    if service.administrators.ring().is_none() {
        let message = "With --dev anyone may administrate, and there are no access keys.";
        return Err(ServiceError::new(ErrorCode::AccessDenied, message));
    }
    check_unnamed(signer)
}

/// Refuses access keys that were added.
fn check_unnamed(signer: &Administrator) -> Result<(), ServiceError> {
    if signer.name.is_some() {
        let message =
            "Only the server's own access key may add, list and revoke others, and replace keys.";
        return Err(ServiceError::new(ErrorCode::AccessDenied, message));
    }
    Ok(())
}

/// The members of a call. The parser's message may quote a value, so it is not passed on.
fn members<T: DeserializeOwned>(body: &[u8]) -> Result<T, ServiceError> {
    serde_json::from_value(json::object(body)?).map_err(|_| {
        ServiceError::new(ErrorCode::Serialization, "The body does not have the call's members.")
    })
}

fn encoded(answer: &impl Serialize) -> Result<Value, ServiceError> {
    serde_json::to_value(answer).map_err(|_| ServiceError::internal("an answer does not convert"))
}
