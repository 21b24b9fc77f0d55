//! Signed calls to a server: operations, and those besides them, such as those about access keys.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use device_server::{ADMINISTRATION_PATH, AdministrationCall};
use device_wire::Request;
use reqwest::{Client, RequestBuilder, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::serve::credentials;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The media type of operations.
const AMZ_JSON: &str = "application/x-amz-json-1.1";

/// Where a server is, and which key signs the calls to it.
#[derive(clap::Args)]
pub(crate) struct Connection {
    /// Where the server is
    #[arg(long, env = "DEVICE_URL", default_value = "http://127.0.0.1:9229")]
    pub(crate) url: Url,

    /// The region that the server's administrators sign for
    #[arg(long, env = "DEVICE_REGION", default_value = "us-east-1")]
    region: String,

    /// The server's data directory, whose access key is used if none is in DEVICE_ACCESS_KEY_ID and
    /// DEVICE_SECRET_ACCESS_KEY or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, env = "DEVICE_DATA", value_name = "DIR", default_value = "device-data")]
    data: PathBuf,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(
        "no access key: set DEVICE_ACCESS_KEY_ID and DEVICE_SECRET_ACCESS_KEY, or name the \
         server's data directory with --data ({0})"
    )]
    NoKey(String),
    #[error("the server wants a signed call")]
    Unsigned,
    #[error("the call cannot be made: {0}")]
    Call(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no server answers at {url}: {reason}")]
    NoAnswer { url: Url, reason: String },
    #[error("the server at {url} refuses: {reason}")]
    Refused { url: Url, reason: String },
}

impl CallError {
    pub(crate) fn call(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Call(error.into())
    }
}

impl Connection {
    /// Makes an administrator's operation.
    pub(crate) fn operation<R: Request>(&self, request: &R) -> Result<R::Output, CallError> {
        self.call("/", R::OPERATION.target(), request)
    }

    /// Makes a call that the service does not have.
    pub(crate) fn administer<C: AdministrationCall>(
        &self,
        call: &C,
    ) -> Result<C::Answer, CallError> {
        self.call(ADMINISTRATION_PATH, &C::target(), call)
    }

    /// Makes a signed call, or without an access key an unsigned one, as dev mode accepts.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        target: &str,
        members: &impl Serialize,
    ) -> Result<T, CallError> {
        match access_key(&self.data) {
            Ok(key) => self.exchange(path, target, members, Some(&key)),
            Err(no_key) => match self.exchange(path, target, members, None) {
                Err(CallError::Unsigned) => Err(no_key),
                answered => answered,
            },
        }
    }

    fn exchange<T: DeserializeOwned>(
        &self,
        path: &str,
        target: &str,
        members: &impl Serialize,
        key: Option<&Credentials>,
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(members).map_err(CallError::call)?;
        let url = self.url.join(path).map_err(CallError::call)?;
        let headers = key.map(|key| self.signature(key, &url, target, &body)).transpose()?;
        let (status, text) = self.send(|client| {
            let call = client.post(url).header("x-amz-target", target);
            let call = call.header("content-type", AMZ_JSON).body(body);
            let headers = headers.into_iter().flatten();
            headers.fold(call, |call, (name, value)| call.header(name, value))
        })?;
        if status == 200 {
            // Some operations answer with an empty body.
            let text = if text.is_empty() { "null" } else { &*text };
            return serde_json::from_str(text)
                .map_err(|_| self.refused("the answer is not that of a device server"));
        }
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = said.get("__type").and_then(Value::as_str);
        if key.is_none() && code == Some("MissingAuthenticationTokenException") {
            return Err(CallError::Unsigned);
        }
        let said = said.get("message").and_then(Value::as_str);
        Err(self.refused(said.map_or_else(|| format!("status {status}"), str::to_owned)))
    }

    /// The server answered something else than what was asked for.
    pub(crate) fn refused(&self, reason: impl Into<String>) -> CallError {
        CallError::Refused { url: self.url.clone(), reason: reason.into() }
    }

    /// Sends a request; returns status and body of the answer.
    fn send(
        &self,
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<(u16, String), CallError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(CallError::call)?;
        let client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(CallError::call)?;
        let no_answer = |error: reqwest::Error| CallError::NoAnswer {
            url: self.url.clone(),
            reason: innermost(&error),
        };
        runtime.block_on(async {
            let response = request(&client).send().await.map_err(no_answer)?;
            let status = response.status().as_u16();
            Ok((status, response.text().await.map_err(no_answer)?))
        })
    }

    /// The headers that sign a call.
    fn signature(
        &self,
        key: &Credentials,
        url: &Url,
        target: &str,
        body: &[u8],
    ) -> Result<Vec<(String, String)>, CallError> {
        let identity = key.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("cognito-idp")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(CallError::call)?
            .into();
        let headers = [("x-amz-target", target)].into_iter();
        let body = SignableBody::Bytes(body);
        let signable = SignableRequest::new("POST", url.as_str(), headers, body);
        let signable = signable.map_err(CallError::call)?;
        let (instructions, _) = sign(signable, &parameters).map_err(CallError::call)?.into_parts();
        let headers = instructions.headers();
        Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

/// The access key: from the environment, else the one that the server keeps with its data.
fn access_key(data: &Path) -> Result<Credentials, CallError> {
    let named = |prefix: &str| {
        let id = std::env::var(format!("{prefix}_ACCESS_KEY_ID")).ok()?;
        let secret = std::env::var(format!("{prefix}_SECRET_ACCESS_KEY")).ok()?;
        Some(Credentials::from_keys(id, secret, None))
    };
    if let Some(key) = named("DEVICE").or_else(|| named("AWS")) {
        return Ok(key);
    }
    let kept = credentials::Credentials::read(data)
        .map_err(|error| CallError::NoKey(error.to_string()))?;
    Ok(Credentials::from_keys(kept.access_key_id, kept.secret_access_key, None))
}

/// The innermost cause, such as "connection refused".
pub(crate) fn innermost(mut error: &dyn std::error::Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
