//! The operator's hooks over HTTP.

use std::time::Duration;

use device_pool::{HookError, Hooks};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, Url};
use serde_json::Value;
use tokio::runtime::Handle;

/// How long a hook may take: as long as the service gives a trigger.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Hooks behind one URL: every event is posted there as JSON, and is to come back as JSON with its
/// `response` filled in.
///
/// A status of 200 is an answer. One from 400 to 499 is a refusal, whose reason is the
/// `errorMessage` of a JSON body. Any other, like none within five seconds, is a failure.
pub struct HttpHooks {
    client: Client,
    url: Url,
}

impl HttpHooks {
    /// Hooks at `url`, which is `http://` or `https://`.
    ///
    /// # Errors
    /// A sentence about what is wrong with the URL, or why there is no HTTP client.
    pub fn new(url: &str) -> Result<Self, String> {
        let parsed = Url::parse(url).map_err(|error| error.to_string())?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err("a hook is reached by http or https".to_owned());
        }
        // A redirect would carry users' attributes to where the operator did not say.
        let client =
            Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build();
        Ok(Self { client: client.map_err(|error| error.to_string())?, url: parsed })
    }

    async fn ask(&self, event: String) -> Result<Value, HookError> {
        let request =
            self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json").body(event);
        // The URL may hold a secret of the operator's, and the reason goes to the caller.
        let response = request.send().await.map_err(|error| {
            HookError::Failed(
                if error.is_timeout() { "it took too long" } else { "it was not reached" }.into(),
            )
        })?;
        let status = response.status();
        let body = read(response).await?;
        let parsed: Option<Value> = serde_json::from_slice(&body).ok();
        if status.is_client_error() {
            let reason = parsed.as_ref().and_then(|body| body.get("errorMessage")?.as_str());
            return Err(HookError::Refused(reason.unwrap_or("no reason given").to_owned()));
        }
        if status.as_u16() != 200 {
            return Err(HookError::Failed(format!("its status was {}", status.as_u16())));
        }
        parsed.ok_or_else(|| HookError::Failed("its answer is no JSON".to_owned()))
    }
}

async fn read(mut response: Response) -> Result<Vec<u8>, HookError> {
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
    /// Blocks; to be called from a thread that may, within a tokio runtime: where the service calls
    /// its engine.
    fn call(&self, event: &Value) -> Result<Value, HookError> {
        let runtime = Handle::try_current()
            .map_err(|_| HookError::Failed("there is no runtime".to_owned()))?;
        runtime.block_on(self.ask(event.to_string()))
    }
}
