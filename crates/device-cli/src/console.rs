//! `device console`: signs an administrator in to a server's web pages.
//!
//! It asks the server for a one-time link with a signed call, and opens it in the browser. The
//! access key stays where it is.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use device_console::{SIGN_IN_LINK_PATH, SIGN_IN_LINK_TARGET, SignInLink, SignInLinkRequest};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::Value;

use crate::serve::credentials;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Options of `device console`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the server is
    #[arg(long, env = "DEVICE_URL", default_value = "http://127.0.0.1:9229")]
    url: Url,

    /// The region that the server's administrators sign for
    #[arg(long, env = "DEVICE_REGION", default_value = "us-east-1")]
    region: String,

    /// The server's data directory, whose access key is used if none is in DEVICE_ACCESS_KEY_ID and
    /// DEVICE_SECRET_ACCESS_KEY or in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY
    #[arg(long, env = "DEVICE_DATA", value_name = "DIR", default_value = "device-data")]
    data: PathBuf,

    /// Sign in to look and change nothing
    #[arg(long)]
    read_only: bool,

    /// Print the link instead of opening a browser
    #[arg(long)]
    print: bool,
}

/// Why the console was not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsoleError {
    #[error(
        "no access key: set DEVICE_ACCESS_KEY_ID and DEVICE_SECRET_ACCESS_KEY, or name the \
         server's data directory with --data ({0})"
    )]
    NoKey(String),
    #[error("the call cannot be made: {0}")]
    Call(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no server answers at {url}: {reason}")]
    NoAnswer { url: Url, reason: String },
    #[error("the server at {url} gives no link: {reason}")]
    Refused { url: Url, reason: String },
}

/// Opens the console, or prints the link.
pub(crate) fn run(options: &Options) -> Result<(), ConsoleError> {
    let link = match ask(options) {
        // In dev mode, there is no key and nothing to prove.
        Err(ConsoleError::NoKey(_)) if is_open(options)? => options.url.join("/console"),
        asked => options.url.join(&asked?.path),
    };
    let link = link.map_err(|error| ConsoleError::Call(error.into()))?;
    if options.print || opener::open_browser(link.as_str()).is_err() {
        println!("{link}");
    }
    Ok(())
}

/// Makes the signed call.
fn ask(options: &Options) -> Result<SignInLink, ConsoleError> {
    let failed = |error: serde_json::Error| ConsoleError::Call(error.into());
    let body = serde_json::to_vec(&SignInLinkRequest {
        read_only: options.read_only,
        nonce: format!("{:032x}", rand::random::<u128>()),
    });
    let body = body.map_err(failed)?;
    let url = options.url.join(SIGN_IN_LINK_PATH);
    let url = url.map_err(|error| ConsoleError::Call(error.into()))?;
    let headers = signature(options, &url, &body)?;
    let (status, text) = send(options, |client| {
        let call = client.post(url).header("x-amz-target", SIGN_IN_LINK_TARGET).body(body);
        headers.into_iter().fold(call, |call, (name, value)| call.header(name, value))
    })?;
    let refused = |reason| ConsoleError::Refused { url: options.url.clone(), reason };
    if status == 200 {
        // A browser is about to open it, so it has to be the console's own page.
        let link = serde_json::from_str::<SignInLink>(&text).ok();
        return link
            .filter(|link| link.path.starts_with("/console/"))
            .ok_or_else(|| refused("the answer is not that of a device server".to_owned()));
    }
    let said: Value = serde_json::from_str(&text).unwrap_or_default();
    let said = said.get("message").and_then(Value::as_str);
    Err(refused(said.map_or_else(|| format!("status {status}"), str::to_owned)))
}

/// Whether the server lets anyone on this machine in.
fn is_open(options: &Options) -> Result<bool, ConsoleError> {
    let url = options.url.join("/console/sign-in");
    let url = url.map_err(|error| ConsoleError::Call(error.into()))?;
    Ok(send(options, |client| client.get(url))?.0 == 303)
}

/// Sends a request; returns status and body of the answer.
fn send(
    options: &Options,
    request: impl FnOnce(&Client) -> RequestBuilder,
) -> Result<(u16, String), ConsoleError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ConsoleError::Call(error.into()))?;
    let client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| ConsoleError::Call(error.into()))?;
    let no_answer = |error: reqwest::Error| ConsoleError::NoAnswer {
        url: options.url.clone(),
        reason: error.to_string(),
    };
    runtime.block_on(async {
        let response = request(&client).send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        Ok((status, response.text().await.map_err(no_answer)?))
    })
}

/// The headers that sign the call.
fn signature(
    options: &Options,
    url: &Url,
    body: &[u8],
) -> Result<Vec<(String, String)>, ConsoleError> {
    let identity = access_key(&options.data)?.into();
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| ConsoleError::Call(error);
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&options.region)
        .name("cognito-idp")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| failed(error.into()))?
        .into();
    let headers = [("x-amz-target", SIGN_IN_LINK_TARGET)];
    let signable =
        SignableRequest::new("POST", url.as_str(), headers.into_iter(), SignableBody::Bytes(body))
            .map_err(|error| failed(error.into()))?;
    let (instructions, _) =
        sign(signable, &parameters).map_err(|error| failed(error.into()))?.into_parts();
    let headers = instructions.headers();
    Ok(headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// The access key: from the environment, else the one that the server keeps with its data.
fn access_key(data: &Path) -> Result<Credentials, ConsoleError> {
    let named = |prefix: &str| {
        let id = std::env::var(format!("{prefix}_ACCESS_KEY_ID")).ok()?;
        let secret = std::env::var(format!("{prefix}_SECRET_ACCESS_KEY")).ok()?;
        Some(Credentials::from_keys(id, secret, None))
    };
    if let Some(key) = named("DEVICE").or_else(|| named("AWS")) {
        return Ok(key);
    }
    let kept = credentials::Credentials::read(data)
        .map_err(|error| ConsoleError::NoKey(error.to_string()))?;
    Ok(Credentials::from_keys(kept.access_key_id, kept.secret_access_key, None))
}
