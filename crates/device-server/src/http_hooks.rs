//! The operator's hooks over HTTP.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use device_pool::{HookError, Hooks};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode, Url};
use serde_json::Value;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::hook_signature::{HEADERS, HookSecret};
use crate::setup_error::SetupError;
use crate::web_address;

/// How long a hook may take: the service's limit for a trigger.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer of a hook, in bytes. An e-mail of 20,000 characters fits, escaped or
/// not.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Hooks behind one URL. Every event is posted to it as JSON, and the answer is the event with its
/// `response` filled in.
///
/// With a secret, each request is signed as [Standard Webhooks](https://www.standardwebhooks.com)
/// describes: `webhook-signature` is `v1,` and the base64 HMAC-SHA-256 of `webhook-id`, a dot,
/// `webhook-timestamp`, a dot, and the body. The key is the secret's text.
///
/// Status 200 is an answer. 400 to 499 is a refusal; its reason is the `errorMessage` of a JSON
/// body. Any other status is a failure, and so is no answer within five seconds.
pub struct HttpHooks {
    client: Client,
    url: Url,
    secret: Option<HookSecret>,
}

impl HttpHooks {
    /// Hooks at `url`, such as `https://example.com/hook`.
    ///
    /// # Errors
    /// If `url` is not an HTTP URL, or TLS cannot be set up. The text never contains the URL, which
    /// may contain a secret.
    pub fn new(url: &str) -> Result<Self, SetupError> {
        let (client, url) = web_address::client("hook-url", url, TIMEOUT)?;
        Ok(Self { client, url, secret: None })
    }

    /// Signs requests with `secret`, which the hook knows, too.
    ///
    /// # Errors
    /// If the secret has fewer than 16 characters.
    pub fn signed(mut self, secret: String) -> Result<Self, SetupError> {
        let secret = HookSecret::new(secret);
        self.secret =
            Some(secret.ok_or_else(|| {
                SetupError::setting("the hook-secret has fewer than 16 characters")
            })?);
        Ok(self)
    }

    /// Whether events are sent unencrypted to another machine. An attacker on the network could
    /// answer instead of the hook.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        web_address::is_exposed(&self.url)
    }

    /// Posts an event. Returns the status, and the body if that is JSON.
    fn post(&self, event: &Value) -> Result<(StatusCode, Option<Value>), HookError> {
        let runtime = Handle::try_current()
            .map_err(|_| HookError::Failed("there is no runtime".to_owned()))?;
        runtime.block_on(self.ask(event.to_string()))
    }

    async fn ask(&self, event: String) -> Result<(StatusCode, Option<Value>), HookError> {
        let mut request =
            self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.secret {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let id = Uuid::from_u128(rand::random()).to_string();
            let signature = secret.sign(&id, since, &event);
            for (name, value) in HEADERS.into_iter().zip([id, since.to_string(), signature]) {
                request = request.header(name, value);
            }
        }
        let request = request.body(event);
        let response = request.send().await.map_err(|error| unanswered(&error))?;
        let status = response.status();
        let body = read(response).await?;
        Ok((status, serde_json::from_slice(&body).ok()))
    }
}

fn told(status: StatusCode) -> String {
    format!("its status was {}", status.as_u16())
}

/// Why a request was not answered. The caller reads it, so it must not contain the URL, which may
/// contain a secret.
pub(crate) fn unanswered(error: &reqwest::Error) -> HookError {
    let reason = if error.is_timeout() { "it took too long" } else { "it was not reached" };
    HookError::Failed(reason.to_owned())
}

/// Reads an answer that is not too long.
pub(crate) async fn read(mut response: Response) -> Result<Vec<u8>, HookError> {
    let mut body = Vec::new();
    loop {
        let part = response.chunk().await;
        match part.map_err(|_| HookError::Failed("its answer broke off".to_owned()))? {
            None => return Ok(body),
            Some(part) if body.len() + part.len() > MAX_ANSWER_BYTES => {
                return Err(HookError::Failed("its answer is too long".to_owned()));
            }
            Some(part) => body.extend_from_slice(&part),
        }
    }
}

impl Hooks for HttpHooks {
    /// Blocks. Call it on a blocking thread of a tokio runtime, as the service does.
    fn call(&self, _function: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let (status, body) = self.post(event)?;
        if status.is_client_error() {
            let reason = body.as_ref().and_then(|body| body.get("errorMessage")?.as_str());
            return Err(HookError::Refused(reason.unwrap_or("no reason given").to_owned()));
        }
        if status != StatusCode::OK {
            return Err(HookError::Failed(told(status)));
        }
        // What is no JSON is no event either, and the engine says so.
        Ok(body.unwrap_or_default())
    }

    fn deliver(&self, _function: &str, event: &Value) -> Result<(), HookError> {
        let (status, _) = self.post(event)?;
        let asks_to_wait =
            matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        if status == StatusCode::OK {
            Ok(())
        } else if status.is_client_error() && !asks_to_wait {
            Err(HookError::Refused(told(status)))
        } else {
            Err(HookError::Failed(told(status)))
        }
    }
}
