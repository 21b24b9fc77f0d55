//! The calls under `/dev/`, by which developers control the server in dev mode.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{Response, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::{any, get, post};
use device_pool::ServiceError;
use device_wire::Sensitive;
use device_wire::enums::UserStatusType;
use device_wire::requests::{
    AdminConfirmSignUpRequest, AdminForgetDeviceRequest, AdminGetUserRequest,
    AdminUpdateUserAttributesRequest,
};
use device_wire::shapes::AttributeType;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::administrators::developer;
use crate::answer;
use crate::dev::messages::{self, Found, Since, Wanted};
use crate::dev::{Dev, REFUSED, clock};
use crate::request_log::Named;
use crate::service::Service;

/// The error for a call under `/dev/` to a server without dev mode.
const NEEDS_DEV: &str = "Calls under /dev/ need --dev: this server was started without it.";

/// The calls as the log names them.
const NAMES: [&str; 5] =
    ["dev/clock", "dev/reset", "dev/expire", "dev/confirm-user", "dev/messages"];

/// The longest wait for a message.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// The longest body of a call.
const MAX_BODY: usize = 64 * 1024;

/// The state of a call.
#[derive(Clone)]
struct Running {
    service: Arc<Service>,
    dev: Arc<Dev>,
}

/// Why a call is not answered with 200.
enum Refusal {
    /// What the caller must change.
    Invalid(String),
    /// What this server does not do.
    Forbidden(String),
    Absent(&'static str),
    Engine(ServiceError),
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Engine(error)
    }
}

type Answer = Result<Value, Refusal>;

fn respond(answer: Answer) -> Response<Body> {
    let (status, message) = match answer {
        Ok(body) => return answer::document(StatusCode::OK, &body),
        Err(Refusal::Engine(error)) => return answer::refusal(error),
        Err(Refusal::Invalid(message)) => return answer::unusable(&message),
        Err(Refusal::Forbidden(message)) => (StatusCode::FORBIDDEN, message),
        Err(Refusal::Absent(message)) => (StatusCode::NOT_FOUND, message.to_owned()),
    };
    answer::document(status, &json!({ "message": message }))
}

/// Reads a JSON body. An empty one counts as `{}`.
async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let body = to_bytes(request.into_body(), MAX_BODY).await;
    let body = body.map_err(|_| Refusal::Invalid("the body cannot be read".to_owned()))?;
    let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
    serde_json::from_slice(text).map_err(|error| Refusal::Invalid(format!("the body: {error}")))
}

/// `GET /dev/clock`
async fn show_clock(State(Running { dev, .. }): State<Running>) -> Response<Body> {
    respond(Ok(dev.clock.describe()))
}

/// `POST /dev/clock`: `{"set": "2027-01-31T12:00:00Z", "advance": "31d", "stopped": true}`
async fn change_clock(
    State(Running { service, dev }): State<Running>,
    request: Request,
) -> Response<Body> {
    let change = async {
        let change: clock::Change = read(request).await?;
        dev.clock.change(&change).map_err(Refusal::Invalid)?;
        // What is due by now is done before the answer, so that a test need not wait for it.
        service.maintain().await;
        Ok(dev.clock.describe())
    };
    respond(change.await)
}

/// `DELETE /dev/clock`: back to the system's time.
async fn reset_clock(State(Running { dev, .. }): State<Running>) -> Response<Body> {
    dev.clock.reset();
    respond(Ok(dev.clock.describe()))
}

/// `POST /dev/reset`
async fn reset(State(Running { service, dev }): State<Running>) -> Response<Body> {
    let reset = async {
        if let Some(reason) = &dev.keeps_data {
            return Err(Refusal::Forbidden(format!("/dev/reset is refused: {reason}.")));
        }
        service.reset(&dev).await?;
        Ok(json!({}))
    };
    respond(reset.await)
}

/// What to expire: one of a token, a session, a user's tokens, a user's device.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Expiry {
    access_token: Option<Sensitive<String>>,
    refresh_token: Option<Sensitive<String>>,
    session: Option<Sensitive<String>>,
    user_pool_id: Option<String>,
    username: Option<String>,
    device_key: Option<String>,
    #[serde(default)]
    refresh_tokens: bool,
}

/// `POST /dev/expire`
async fn expire(
    State(Running { service, dev }): State<Running>,
    request: Request,
) -> Response<Body> {
    let expire = async {
        let what: Expiry = read(request).await?;
        let given: Vec<_> = [&what.access_token, &what.refresh_token, &what.session]
            .into_iter()
            .flatten()
            .collect();
        match (&*given, &what.user_pool_id, &what.username) {
            ([token], None, None) => {
                dev.expired.expire(token);
                Ok(json!({ "expired": 1 }))
            }
            ([], Some(pool_id), Some(username)) => {
                let user = AdminGetUserRequest::new(pool_id, username.as_str());
                let user = service.call(&developer(), &user, None).await?;
                let Some(key) = &what.device_key else {
                    let count = dev.expired.expire_of(pool_id, &user.username, what.refresh_tokens);
                    return Ok(json!({ "expired": count }));
                };
                let forget = AdminForgetDeviceRequest::new(pool_id, username.as_str(), key);
                service.call(&developer(), &forget, None).await?;
                Ok(json!({ "expired": 1 }))
            }
            _ => Err(Refusal::Invalid(
                "give AccessToken, RefreshToken or Session alone; or UserPoolId and Username, \
                 and with them DeviceKey, or \"RefreshTokens\": true if those expire as well"
                    .to_owned(),
            )),
        }
    };
    respond(expire.await)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OneUser {
    user_pool_id: String,
    username: String,
}

/// `POST /dev/confirm-user`: confirms the account, and verifies its addresses.
async fn confirm_user(
    State(Running { service, .. }): State<Running>,
    request: Request,
) -> Response<Body> {
    let confirm = async {
        let OneUser { user_pool_id: pool_id, username } = read(request).await?;
        let (pool_id, name) = (pool_id.as_str(), username.as_str());
        let get = AdminGetUserRequest::new(pool_id, name);
        let user = service.call(&developer(), &get, None).await?;
        if user.user_status == Some(UserStatusType::Unconfirmed) {
            let confirm = AdminConfirmSignUpRequest::new(pool_id, name);
            service.call(&developer(), &confirm, None).await?;
        }
        let attributes = user.user_attributes.unwrap_or_default();
        let has = |name: &str| attributes.iter().any(|attribute| attribute.name == name);
        let verified: Vec<_> = ["email", "phone_number"]
            .into_iter()
            .filter(|name| has(name))
            .map(|name| AttributeType {
                value: Some("true".into()),
                ..AttributeType::new(format!("{name}_verified"))
            })
            .collect();
        if !verified.is_empty() {
            let update = AdminUpdateUserAttributesRequest::new(pool_id, name, verified);
            service.call(&developer(), &update, None).await?;
        }
        Ok(json!({}))
    };
    respond(confirm.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    pool: Option<String>,
    to: Option<String>,
    since: Option<String>,
    /// Seconds.
    wait: Option<f64>,
}

/// What is asked for, once there is some of it or the wait is over.
async fn find(dev: &Dev, asked: Asked) -> Result<Found, Refusal> {
    let (wanted, wait) = asked.wanted()?;
    let found = timeout(wait, dev.messages.next(&wanted)).await;
    Ok(found.unwrap_or_else(|_| dev.messages.find(&wanted)))
}

impl Asked {
    fn wanted(self) -> Result<(Wanted, Duration), Refusal> {
        let since = self.since.as_deref().map(Since::parse).transpose().map_err(|reason| {
            Refusal::Invalid(format!("since is the id of a message or a time: {reason}"))
        })?;
        let wait = Duration::try_from_secs_f64(self.wait.unwrap_or(0.0))
            .map_err(|_| Refusal::Invalid("wait is a number of seconds".to_owned()))?;
        Ok((Wanted { pool_id: self.pool, to: self.to, since }, wait.min(MAX_WAIT)))
    }
}

/// `GET /dev/messages?since=<id or time>&wait=<seconds>&pool=<id>&to=<username or address>`
async fn list_messages(
    State(Running { dev, .. }): State<Running>,
    Query(asked): Query<Asked>,
) -> Response<Body> {
    respond(find(&dev, asked).await.map(|found| {
        let listed: Vec<Value> = found.messages.iter().map(messages::document).collect();
        json!({ "messages": listed, "last": found.last_id })
    }))
}

/// `DELETE /dev/messages?pool=<id>&to=<username or address>`
async fn delete_messages(
    State(Running { dev, .. }): State<Running>,
    Query(asked): Query<Asked>,
) -> Response<Body> {
    respond(asked.wanted().map(|(wanted, _)| {
        dev.messages.delete(&wanted);
        json!({})
    }))
}

/// `GET /dev/messages/<pool id>/<username or address>?since=<id or time>&wait=<seconds>`: the last.
async fn last_message(
    State(Running { dev, .. }): State<Running>,
    Path((pool_id, name)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Response<Body> {
    let last = async {
        let asked = Asked { pool: Some(pool_id), to: Some(name), ..asked };
        let found = find(&dev, asked).await?;
        found
            .messages
            .last()
            .map(messages::document)
            .ok_or(Refusal::Absent("No message was sent to that name."))
    };
    respond(last.await)
}

/// The routes under `/dev/`, which say what is missing if there is no dev mode.
pub(crate) fn routes(service: &Arc<Service>) -> Router<Arc<Service>> {
    let Some(dev) = service.administrators.dev() else {
        return Router::new().route("/dev/{*call}", any(needs_dev));
    };
    let running = Running { service: Arc::clone(service), dev: Arc::clone(dev) };
    Router::new()
        .route("/dev/clock", get(show_clock))
        .route("/dev/clock", post(change_clock).delete(reset_clock))
        .route("/dev/reset", post(reset))
        .route("/dev/expire", post(expire))
        .route("/dev/confirm-user", post(confirm_user))
        .route("/dev/messages", get(list_messages).delete(delete_messages))
        .route("/dev/messages/{pool_id}/{name}", get(last_message))
        .route("/dev/{*call}", any(unknown))
        .layer(from_fn_with_state(running.clone(), guard))
        .with_state(running)
}

/// Refuses foreign web pages, and names the call in the log.
async fn guard(
    State(Running { dev, .. }): State<Running>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let path = request.uri().path().trim_start_matches('/');
    let name = NAMES.into_iter().find(|name| path.starts_with(name)).unwrap_or("dev");
    let mut response = if dev.admit(request.method(), request.headers()).is_err() {
        answer::document(StatusCode::FORBIDDEN, &json!({ "message": REFUSED }))
    } else {
        next.run(request).await
    };
    response.extensions_mut().insert(Named(name));
    response
}

async fn needs_dev() -> Response<Body> {
    answer::document(StatusCode::FORBIDDEN, &json!({ "message": NEEDS_DEV }))
}

async fn unknown() -> Response<Body> {
    let message = "There are GET, POST and DELETE /dev/clock, POST /dev/reset, POST /dev/expire, \
                   POST /dev/confirm-user, GET and DELETE /dev/messages, and \
                   GET /dev/messages/<pool id>/<username or address>.";
    answer::document(StatusCode::NOT_FOUND, &json!({ "message": message }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_longer_than_a_minute() {
        for (asked, expected) in [(None, 0), (Some(5.0), 5), (Some(60.0), 60), (Some(1e9), 60)] {
            let asked = Asked { pool: None, to: None, since: None, wait: asked };
            let Ok((_, wait)) = asked.wanted() else { panic!("a wait is a number") };
            assert_eq!(wait, Duration::from_secs(expected));
        }
    }
}
