//! The pools' functions, called as Lambda's `Invoke`.

use std::time::{Duration, SystemTime};

use axum::http;
use device_pool::{HookError, Hooks};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use reqwest::{Client, StatusCode, Url};
use serde_json::Value;
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use crate::http_hooks;
use crate::setup_error::SetupError;
use crate::{sigv4, web_address};

/// How long a function may take: the service's limit for a trigger.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often a function is called that does not answer, as the service does it.
const ATTEMPTS: usize = 3;

/// The header of an answer that a function threw.
const FUNCTION_ERROR: &str = "x-amz-function-error";

/// The header that names an error of the endpoint itself.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// The functions that pools name in `LambdaConfig`, called at one endpoint.
///
/// Each event is posted as the payload of `Invoke`, signed for the region in the function's ARN.
/// What a function throws is a refusal, and its reason is the `errorMessage`. An endpoint that does
/// not answer within five seconds is asked three times in all, for a custom sender once.
pub struct LambdaHooks {
    client: Client,
    endpoint: Url,
    /// The endpoint's host, and its port if that is not the scheme's own.
    host: String,
    key: Key,
}

/// Why a function gave no event.
#[derive(Debug, PartialEq, Eq)]
enum Trouble {
    /// It threw an error of this type, with this reason.
    Thrown {
        kind: String,
        reason: String,
    },
    Hook(HookError),
}

impl From<HookError> for Trouble {
    fn from(error: HookError) -> Self {
        Self::Hook(error)
    }
}

impl Trouble {
    /// As the caller of an operation learns it.
    fn for_callers(self) -> HookError {
        match self {
            Self::Thrown { reason, .. } => HookError::Refused(reason),
            Self::Hook(error) => error,
        }
    }

    /// As the log shows it: the reason may quote the event, which has the code.
    fn for_the_log(self) -> HookError {
        let (kind, reason) = match self {
            Self::Thrown { kind, reason } => (kind, reason),
            Self::Hook(error) => return error,
        };
        // The function did not decide this, so another attempt may succeed.
        let is_passing = kind.starts_with("Runtime.")
            || kind.starts_with("Sandbox.")
            || reason.contains("Task timed out after");
        let told = format!("the function threw {kind}");
        if is_passing { HookError::Failed(told) } else { HookError::Refused(told) }
    }
}

/// The key that signs calls.
struct Key {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
}

impl LambdaHooks {
    /// Functions at `endpoint`, such as `https://lambda.us-east-1.amazonaws.com` or
    /// `http://localhost:3001`. A local runtime accepts any key.
    ///
    /// # Errors
    /// If `endpoint` is not an HTTP URL or has a query, the key cannot be sent, or TLS cannot be
    /// set up. An empty session token is none.
    pub fn new(
        endpoint: &str,
        access_key_id: String,
        secret_access_key: String,
        session_token: Option<String>,
    ) -> Result<Self, SetupError> {
        let secret = Zeroizing::new(secret_access_key);
        let token = session_token.filter(|token| !token.is_empty()).map(Zeroizing::new);
        let key = Key { id: access_key_id, secret, token };
        key.check()?;
        Self::within(TIMEOUT, endpoint, key)
    }

    fn within(timeout: Duration, endpoint: &str, key: Key) -> Result<Self, SetupError> {
        let (client, endpoint) = web_address::client("lambda-endpoint", endpoint, timeout)?;
        if endpoint.query().is_some() || endpoint.fragment().is_some() {
            return Err(SetupError::setting(
                "lambda-endpoint cannot be used: it must end before any ? or #",
            ));
        }
        let host = endpoint.host_str().unwrap_or_default();
        let host = match endpoint.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self { client, endpoint, host, key })
    }

    /// Whether events are sent unencrypted to another machine. An attacker on the network could
    /// answer instead of a function.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        web_address::is_exposed(&self.endpoint)
    }

    /// Calls a function, and waits on a blocking thread of a tokio runtime.
    fn wait_for(&self, function: &str, event: &Value, attempts: usize) -> Result<Value, Trouble> {
        let runtime = Handle::try_current()
            .map_err(|_| HookError::Failed("there is no runtime".to_owned()))?;
        runtime.block_on(self.invoke(function, &event.to_string(), attempts))
    }

    async fn invoke(&self, function: &str, event: &str, attempts: usize) -> Result<Value, Trouble> {
        let mut attempts = 1..=attempts;
        loop {
            attempts.next();
            let request = self.request(function, event, SystemTime::now())?;
            let request =
                reqwest::Request::try_from(request).map_err(|e| http_hooks::unanswered(&e))?;
            let response = match self.client.execute(request).await {
                Ok(response) => response,
                Err(error)
                    if !attempts.is_empty() && (error.is_timeout() || error.is_connect()) =>
                {
                    continue;
                }
                Err(error) => return Err(http_hooks::unanswered(&error).into()),
            };
            let (status, headers) = (response.status(), response.headers().clone());
            let body = http_hooks::read(response).await?;
            return answer(status, &headers, &body);
        }
    }

    /// The request, signed with the time `now`.
    fn request(
        &self,
        function: &str,
        event: &str,
        now: SystemTime,
    ) -> Result<http::Request<String>, HookError> {
        let Key { id, secret, token } = &self.key;
        let base = self.endpoint.as_str().trim_end_matches('/');
        let mut request = http::Request::post(format!(
            "{base}/2015-03-31/functions/{}/invocations",
            encode(function)
        ))
        .header(HOST, &self.host)
        .header(CONTENT_TYPE, "application/json")
        .header("x-amz-date", sigv4::date_of(now))
        .header("x-amz-invocation-type", "RequestResponse");
        if let Some(token) = token {
            request = request.header("x-amz-security-token", token.as_str());
        }
        let request = request
            .body(event.to_owned())
            .map_err(|_| HookError::Failed("its request could not be made".to_owned()))?;
        // `arn:aws:lambda:<region>:<account>:function:<name>`
        let region = function.split(':').nth(3).unwrap_or_default();
        let (mut head, body) = request.into_parts();
        let signature = sigv4::sign(&head, body.as_bytes(), id, secret, region, "lambda");
        let signature = signature
            .parse()
            .map_err(|_| HookError::Failed("its request could not be signed".to_owned()))?;
        head.headers.insert(AUTHORIZATION, signature);
        Ok(http::Request::from_parts(head, body))
    }
}

impl Key {
    fn check(&self) -> Result<(), SetupError> {
        let token = self.token.as_ref().map_or("none", |token| token.as_str());
        for (name, value) in [
            ("AWS_ACCESS_KEY_ID", self.id.as_str()),
            ("AWS_SECRET_ACCESS_KEY", self.secret.as_str()),
            ("AWS_SESSION_TOKEN", token),
        ] {
            if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(SetupError::setting(format!(
                    "{name} cannot sign calls of lambda-endpoint: it is empty, or has spaces, line \
                     breaks or letters beyond ASCII"
                )));
            }
        }
        Ok(())
    }
}

/// An error's name as logs and callers may read it.
fn plain(name: &str) -> String {
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    name.chars().take_while(fits).take(64).collect()
}

/// Reads the answer to `Invoke`.
fn answer(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Value, Trouble> {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let member = |name: &str| parsed.as_ref().and_then(|body| body.get(name)?.as_str());
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(HookError::Busy.into());
    }
    if status != StatusCode::OK {
        // The service tells the error's name.
        let named = headers.get(ERROR_TYPE).and_then(|name| name.to_str().ok());
        let named = named.or_else(|| member("__type")).map(plain).filter(|name| !name.is_empty());
        let status = || format!("the endpoint's status was {}", status.as_u16());
        return Err(HookError::Failed(named.unwrap_or_else(status)).into());
    }
    if headers.contains_key(FUNCTION_ERROR) {
        let kind = member("errorType").map(plain).filter(|kind| !kind.is_empty());
        return Err(Trouble::Thrown {
            kind: kind.unwrap_or_else(|| "an error without a type".to_owned()),
            reason: member("errorMessage").unwrap_or("no reason given").to_owned(),
        });
    }
    // What is no JSON is no event either, and the engine says so.
    Ok(parsed.unwrap_or_default())
}

/// Percent-encodes a part of a path as AWS's SDKs do, colons included.
fn encode(part: &str) -> String {
    let kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    part.bytes().fold(String::new(), |all, byte| {
        if kept(&byte) {
            all + char::from(byte).encode_utf8(&mut [0; 4])
        } else {
            all + &format!("%{byte:02X}")
        }
    })
}

impl Hooks for LambdaHooks {
    /// Blocks. Call it on a blocking thread of a tokio runtime, as the service does.
    fn call(&self, function: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let function = function.ok_or(HookError::Missing)?;
        self.wait_for(function, event, ATTEMPTS).map_err(Trouble::for_callers)
    }

    fn runs(&self, function: Option<&str>) -> bool {
        function.is_some()
    }

    fn deliver(&self, function: &str, event: &Value) -> Result<(), HookError> {
        self.wait_for(function, event, 1).map(drop).map_err(Trouble::for_the_log)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::TcpListener;

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4::SigningParams;
    use reqwest::header::HeaderValue;
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-test-1:123456789012:function:f";

    fn key() -> Key {
        let token = Some(Zeroizing::new("token".to_owned()));
        Key { id: "id".to_owned(), secret: Zeroizing::new("secret".to_owned()), token }
    }

    #[test]
    fn the_signature_is_that_of_the_vendors_library() {
        let hooks = LambdaHooks::within(TIMEOUT, "http://localhost:3001/", key()).unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let ours = hooks.request(ARN, r#"{"version":"1"}"#, now).unwrap();
        let identity = Credentials::from_keys("id", "secret", Some("token".to_owned())).into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region("eu-test-1")
            .name("lambda")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let (uri, body) = (ours.uri().to_string(), SignableBody::Bytes(ours.body().as_bytes()));
        let signed = ["content-type", "x-amz-invocation-type"];
        let headers = signed.map(|name| (name, ours.headers()[name].to_str().unwrap()));
        let request = SignableRequest::new("POST", &uri, headers.into_iter(), body).unwrap();
        let (theirs, _) = sign(request, &parameters).unwrap().into_parts();
        let theirs: BTreeMap<&str, &str> = theirs.headers().collect();
        assert_eq!(theirs.len(), 3);
        for (name, value) in theirs {
            assert_eq!(ours.headers()[name], value, "{name}");
        }
    }

    #[tokio::test]
    async fn an_endpoint_that_does_not_answer_is_asked_thrice() {
        // The system completes connections that nobody accepts.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let hooks = LambdaHooks::within(Duration::from_millis(50), &endpoint, key()).unwrap();
        let late = || Err(HookError::Failed("it took too long".to_owned()).into());
        let asked = || std::iter::from_fn(|| listener.accept().ok()).count();
        assert_eq!(hooks.invoke(ARN, "{}", ATTEMPTS).await, late());
        assert_eq!(asked(), ATTEMPTS);
        assert_eq!(hooks.invoke(ARN, "{}", 1).await, late());
        assert_eq!(asked(), 1, "custom senders are retried by the queue");
    }

    #[test]
    fn an_error_that_no_function_decided_is_passing() {
        for (kind, reason, is_passing) in [
            ("Error", "s3cret is not an address", false),
            ("Runtime.ExitError", "RequestId: 1 Error: Runtime exited", true),
            ("Sandbox.Timedout", "RequestId: 1 Error", true),
            ("an error without a type", "2026-11-30 1 Task timed out after 3.00 seconds", true),
        ] {
            let thrown = || Trouble::Thrown { kind: kind.to_owned(), reason: reason.to_owned() };
            assert_eq!(thrown().for_callers(), HookError::Refused(reason.to_owned()));
            let told = format!("the function threw {kind}");
            let logged =
                if is_passing { HookError::Failed(told) } else { HookError::Refused(told) };
            assert_eq!(thrown().for_the_log(), logged);
        }
    }

    #[test]
    fn a_key_or_endpoint_that_cannot_work_is_refused() {
        let made = |endpoint: &str, id: &str, secret: &str, token: &str| {
            let [id, secret, token] = [id, secret, token].map(str::to_owned);
            LambdaHooks::new(endpoint, id, secret, Some(token))
        };
        let local = "http://localhost:3001";
        assert!(made(local, "id", "any", "").unwrap().key.token.is_none(), "empty is none");
        for (endpoint, id, secret, token, named) in [
            (local, "", "any", "", "AWS_ACCESS_KEY_ID"),
            (local, "id", "", "", "AWS_SECRET_ACCESS_KEY"),
            (local, "id", "s3cret\n", "", "AWS_SECRET_ACCESS_KEY"),
            (local, "id", "any", "s3cret\r\n", "AWS_SESSION_TOKEN"),
            ("http://localhost:3001/?a=b", "id", "any", "", "lambda-endpoint"),
        ] {
            let refused = made(endpoint, id, secret, token).err().unwrap().to_string();
            assert!(refused.starts_with(named) && !refused.contains("s3cret"), "{refused}");
        }
    }

    #[test]
    fn an_arn_is_one_part_of_the_path() {
        let arn = "arn:aws:lambda:eu-test-1:123456789012:function:a/b";
        let encoded = "arn%3Aaws%3Alambda%3Aeu-test-1%3A123456789012%3Afunction%3Aa%2Fb";
        assert_eq!(encode(arn), encoded);
    }

    #[test]
    fn each_outcome_of_invoke_has_its_meaning() {
        let failed = |reason: &str| Err(HookError::Failed(reason.to_owned()).into());
        let threw_an = |kind: &str, reason: &str| {
            Err(Trouble::Thrown { kind: kind.to_owned(), reason: reason.to_owned() })
        };
        let none = HeaderMap::new();
        let threw = |name: &'static str, value| {
            HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
        };
        let error = br#"{"errorType":"Error","errorMessage":"not today","trace":[]}"#;
        let denied = threw(ERROR_TYPE, "AccessDeniedException:http://internal.amazon.com/");
        for (status, headers, body, expected) in [
            (200, &none, br#"{"response":{}}"#.as_slice(), Ok(json!({"response": {}}))),
            (200, &none, b"", Ok(json!(null))),
            (200, &none, b"hello", Ok(json!(null))),
            (200, &threw(FUNCTION_ERROR, "Unhandled"), error, threw_an("Error", "not today")),
            (
                200,
                &threw(FUNCTION_ERROR, "Handled"),
                b"",
                threw_an("an error without a type", "no reason given"),
            ),
            (429, &none, b"", Err(HookError::Busy.into())),
            (403, &denied, b"{}", failed("AccessDeniedException")),
            (404, &none, br#"{"__type":"NotFound"}"#, failed("NotFound")),
            (502, &none, b"", failed("the endpoint's status was 502")),
            (202, &none, b"", failed("the endpoint's status was 202")),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(answer(status, headers, body), expected, "{status}");
        }
    }
}
