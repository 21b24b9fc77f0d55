//! Calls to a server or to the service: where it is, with which key, and the answer.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
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
use tokio::runtime::Runtime;

use crate::aws_profile::Profile;
use crate::serve::credentials;

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The media type of operations.
const AMZ_JSON: &str = "application/x-amz-json-1.1";

/// The URL of a server on this machine.
const LOCAL: &str = "http://127.0.0.1:9229";

/// The end of the names of the service's own hosts.
const AMAZON: &str = ".amazonaws.com";

static HTTP: LazyLock<Result<(Runtime, Client), String>> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let client = Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| error.to_string())?;
    Ok((runtime, client))
});

/// Where a server is, and which key signs the calls to it.
#[derive(Clone, clap::Args)]
pub(crate) struct Connection {
    /// Where the server is [default: AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER or
    /// AWS_ENDPOINT_URL; with a profile, its endpoint_url or Cognito in its region; otherwise the
    /// server on this machine]
    #[arg(long, alias = "endpoint-url", env = "DEVICE_URL")]
    url: Option<Url>,

    /// The region to sign for [default: with a server that AWS settings name, AWS_REGION,
    /// AWS_DEFAULT_REGION or the profile's; otherwise us-east-1]
    #[arg(long, env = "DEVICE_REGION")]
    region: Option<String>,

    /// A profile of ~/.aws/config and ~/.aws/credentials [default: AWS_PROFILE]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The server's data directory, whose access key is used if none is in DEVICE_ACCESS_KEY_ID and
    /// DEVICE_SECRET_ACCESS_KEY, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in a profile
    #[arg(long, env = "DEVICE_DATA", value_name = "DIR", default_value = "device-data")]
    data: PathBuf,
}

/// Where calls go, with everything resolved.
pub(crate) struct Place {
    pub(crate) url: Url,
    pub(crate) region: String,
    profile: Option<Profile>,
    /// Whether `--profile` names it: then its key goes before one of the environment.
    profile_is_given: bool,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(
        "no access key: set DEVICE_ACCESS_KEY_ID and DEVICE_SECRET_ACCESS_KEY, or name the \
         server's data directory with --data ({0})"
    )]
    NoKey(String),
    #[error("{0}")]
    Settings(String),
    #[error("the server wants a signed call")]
    Unsigned,
    #[error("the call cannot be made: {0}")]
    Call(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no server answers at {url}: {reason}. Start one with `device serve`, or give --url")]
    NoAnswer { url: Box<Url>, reason: String },
    #[error("the server at {url} refuses: {reason}{}", advice(code.as_deref(), reason))]
    Refused { url: Box<Url>, code: Option<String>, reason: String },
}

impl CallError {
    pub(crate) fn call(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Call(error.into())
    }
}

impl Connection {
    /// A connection for calls that an access token authorizes.
    pub(crate) fn to(url: &Url, region: &str) -> Self {
        let region = Some(region.to_owned());
        Self { url: Some(url.clone()), region, profile: None, data: PathBuf::new() }
    }

    /// Makes an administrator's operation.
    pub(crate) fn operation<R: Request>(&self, request: &R) -> Result<R::Output, CallError> {
        self.call("/", R::OPERATION.target(), request)
    }

    /// Makes an operation that an access token or nothing authorizes.
    pub(crate) fn public_operation<R: Request>(&self, request: &R) -> Result<R::Output, CallError> {
        self.place()?.exchange("/", R::OPERATION.target(), request, None)
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
        let place = self.place()?;
        if path != "/" && place.is_amazon() {
            return Err(CallError::Settings(format!(
                "Cognito at {} has no such call: name a device server with --url",
                place.url
            )));
        }
        match place.key(&self.data) {
            Ok(key) => place.exchange(path, target, members, Some(&key)),
            Err(no_key) => match place.exchange(path, target, members, None) {
                Err(CallError::Unsigned) => Err(no_key),
                answered => answered,
            },
        }
    }

    /// Where calls go: as AWS tools find it, except that without any setting it is a server on this
    /// machine.
    pub(crate) fn place(&self) -> Result<Place, CallError> {
        let named = self.profile.clone().or_else(|| variable("AWS_PROFILE"));
        let profile = Profile::read(named.as_deref().unwrap_or("default"));
        if let (Some(name), None) = (&named, &profile) {
            return Err(CallError::Settings(format!(
                "there is no profile {name} in ~/.aws/config or ~/.aws/credentials"
            )));
        }
        let url = match self.url.clone() {
            Some(url) => Some(url),
            None => variable("AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER")
                .or_else(|| variable("AWS_ENDPOINT_URL"))
                .or_else(|| Some(profile.as_ref()?.endpoint_url()?.to_owned()))
                .map(|url| url.parse().map_err(|_| not_a_url(&url)))
                .transpose()?,
        };
        // The region that someone set for AWS says nothing of a server that was found otherwise.
        let is_found_by_aws = named.is_some() || (self.url.is_none() && url.is_some());
        let of_aws = || {
            variable("AWS_REGION")
                .or_else(|| variable("AWS_DEFAULT_REGION"))
                .or_else(|| profile.as_ref().and_then(Profile::region).map(str::to_owned))
        };
        let region = self
            .region
            .clone()
            .or_else(|| url.as_ref().and_then(region_of))
            .or_else(|| if is_found_by_aws { of_aws() } else { None })
            .unwrap_or_else(|| "us-east-1".to_owned());
        let url = match (url, &named) {
            (Some(url), _) => url,
            (None, None) => LOCAL.parse().map_err(CallError::call)?,
            (None, Some(_)) => {
                let url = format!("https://cognito-idp.{region}{AMAZON}");
                url.parse().map_err(|_| not_a_url(&url))?
            }
        };
        Ok(Place { url, region, profile, profile_is_given: self.profile.is_some() })
    }

    /// The server answered something else than what was asked for.
    pub(crate) fn refused(&self, reason: impl Into<String>) -> CallError {
        match self.place() {
            Ok(place) => place.refused(None, reason),
            Err(error) => error,
        }
    }
}

/// What helps after a refusal, if it is about how the call was made.
fn advice(code: Option<&str>, reason: &str) -> &'static str {
    match code {
        Some("InvalidSignatureException") if reason.contains("region") => {
            " Give the server's region with --region."
        }
        Some("UnrecognizedClientException" | "InvalidClientTokenId") => {
            " The key is that of the environment or profile if there is one, else that of --data."
        }
        _ => "",
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn not_a_url(text: &str) -> CallError {
    CallError::Settings(format!("{text} is not a URL, such as http://127.0.0.1:9229"))
}

/// The region in the name of one of the service's own hosts.
fn region_of(url: &Url) -> Option<String> {
    let host = url.host_str()?.strip_suffix(AMAZON)?;
    host.strip_prefix("cognito-idp.").map(str::to_owned)
}

impl Place {
    /// Whether this is the service, and not a server of this project.
    pub(crate) fn is_amazon(&self) -> bool {
        self.url.host_str().is_some_and(|host| host.ends_with(AMAZON))
    }

    fn exchange<T: DeserializeOwned>(
        &self,
        path: &str,
        target: &str,
        members: &impl Serialize,
        key: Option<&Credentials>,
    ) -> Result<T, CallError> {
        let body = serde_json::to_vec(members).map_err(CallError::call)?;
        let answer = self.post(path, target, body, key)?;
        T::deserialize(&answer).map_err(|_| self.no_device_server())
    }

    /// Sends a body and reads the answer as JSON. It is apart from [`exchange`](Self::exchange),
    /// because the compiler copies that for each operation.
    fn post(
        &self,
        path: &str,
        target: &str,
        body: Vec<u8>,
        key: Option<&Credentials>,
    ) -> Result<Value, CallError> {
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
            return serde_json::from_str(text).map_err(|_| self.no_device_server());
        }
        let said: Value = serde_json::from_str(&text).unwrap_or_default();
        let code = said.get("__type").and_then(Value::as_str);
        // The service may put a namespace before it.
        let code = code.and_then(|code| code.rsplit('#').next());
        if key.is_none() && code == Some("MissingAuthenticationTokenException") {
            return Err(CallError::Unsigned);
        }
        let told = said.get("message").or_else(|| said.get("Message")).and_then(Value::as_str);
        let told = told.filter(|told| !told.is_empty());
        let reason = match (told, code) {
            (Some(told), _) => told.to_owned(),
            (None, Some(code)) => code.to_owned(),
            (None, None) => format!("status {status}"),
        };
        Err(self.refused(code.map(str::to_owned), reason))
    }

    fn no_device_server(&self) -> CallError {
        self.refused(None, "the answer is not that of a device server")
    }

    fn refused(&self, code: Option<String>, reason: impl Into<String>) -> CallError {
        CallError::Refused { url: Box::new(self.url.clone()), code, reason: reason.into() }
    }

    /// Sends a request; returns status and body of the answer.
    fn send(
        &self,
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Result<(u16, String), CallError> {
        // One client for all calls of the process: a command may make thousands.
        let (runtime, client) = HTTP.as_ref().map_err(|reason| CallError::call(reason.as_str()))?;
        let no_answer = |error: reqwest::Error| CallError::NoAnswer {
            url: Box::new(self.url.clone()),
            reason: innermost(&error),
        };
        runtime.block_on(async {
            let response = request(client).send().await.map_err(no_answer)?;
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

    /// The access key: of the environment, of a profile, or the one that the server keeps with its
    /// data. A given profile goes first, and without one the data before the default profile.
    fn key(&self, data: &Path) -> Result<Credentials, CallError> {
        let of_profile =
            || self.profile.as_ref().map(|profile| profile.key().map_err(CallError::Settings));
        if self.profile_is_given
            && let Some(key) = of_profile()
        {
            return key;
        }
        if let Some(key) = key_of_environment() {
            return Ok(key);
        }
        if variable("AWS_PROFILE").is_some()
            && let Some(key) = of_profile()
        {
            return key;
        }
        let kept = match credentials::Credentials::read(data) {
            Ok(kept) if !self.is_amazon() => kept,
            Ok(_) => return Err(no_key_for_amazon()),
            Err(error) => {
                return match of_profile() {
                    Some(Ok(key)) => Ok(key),
                    _ if self.is_amazon() => Err(no_key_for_amazon()),
                    _ => Err(CallError::NoKey(error.to_string())),
                };
            }
        };
        Ok(Credentials::from_keys(kept.access_key_id, kept.secret_access_key, None))
    }
}

/// The access key of a server: from the environment, else the one that it keeps with its data.
pub(crate) fn server_key(data: &Path) -> Option<Credentials> {
    key_of_environment().or_else(|| {
        let kept = credentials::Credentials::read(data).ok()?;
        Some(Credentials::from_keys(kept.access_key_id, kept.secret_access_key, None))
    })
}

fn key_of_environment() -> Option<Credentials> {
    let named = |prefix: &str, token: Option<String>| {
        let id = variable(&format!("{prefix}_ACCESS_KEY_ID"))?;
        let secret = variable(&format!("{prefix}_SECRET_ACCESS_KEY"))?;
        Some(Credentials::from_keys(id, secret, token))
    };
    named("DEVICE", None).or_else(|| named("AWS", variable("AWS_SESSION_TOKEN")))
}

fn no_key_for_amazon() -> CallError {
    CallError::Settings(
        "no access key: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give a --profile"
            .to_owned(),
    )
}

/// The innermost cause, such as "connection refused".
pub(crate) fn innermost(mut error: &dyn std::error::Error) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// All items of a list that comes in pages. `page` makes the call for the page with this token.
pub(crate) fn all_pages<T>(
    mut page: impl FnMut(Option<String>) -> Result<(Option<Vec<T>>, Option<String>), CallError>,
) -> Result<Vec<T>, CallError> {
    let (mut all, mut token) = (Vec::new(), None);
    loop {
        let (items, next) = page(token)?;
        all.extend(items.into_iter().flatten());
        if next.is_none() {
            return Ok(all);
        }
        token = next;
    }
}
