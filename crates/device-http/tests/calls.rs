//! Calls over a scripted HTTP stack: what is sent, what is retried, and how failures differ.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use device_http::{
    BoxFuture, Builder, CallOutcome, Client, Error, ErrorKind, HttpClient, HttpRequest,
    HttpResponse, RetryPolicy, SendError,
};
use device_proto::Request;
use device_wire::enums::AuthFlowType;
use device_wire::requests::{
    GetDeviceRequest, InitiateAuthRequest, ListUserPoolsRequest, RespondToAuthChallengeRequest,
};
use device_wire::{ErrorCode, Sensitive, param};

/// The outcome of one attempt.
#[derive(Clone)]
enum Outcome {
    Response(u16, &'static str),
    Unsent,
    TimedOut,
    Interrupted,
}
use Outcome::{Interrupted, Response, TimedOut, Unsent};

const OK: Outcome = Response(200, r#"{"ChallengeName":"SMS_MFA","Session":"hush"}"#);
const THROTTLED: Outcome =
    Response(400, r#"{"__type":"TooManyRequestsException","message":"Rate exceeded"}"#);
const BROKEN: Outcome =
    Response(500, r#"{"__type":"InternalErrorException","message":"internal error"}"#);
const REFUSED: Outcome = Response(400, r#"{"__type":"NotAuthorizedException","message":"no"}"#);
const PROXY: Outcome = Response(503, "<html>");

/// An HTTP stack that answers each attempt with the next outcome of a script, and records the
/// requests.
#[derive(Clone)]
struct Script {
    lines: Arc<Mutex<VecDeque<Outcome>>>,
    seen: Arc<Mutex<Vec<http::Request<Vec<u8>>>>>,
}

impl Script {
    fn new(script: &[Outcome]) -> Self {
        Self { lines: Arc::new(Mutex::new(script.iter().cloned().collect())), seen: Arc::default() }
    }

    fn seen(&self) -> Vec<http::Request<Vec<u8>>> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    fn client(&self) -> Builder {
        let delays = RetryPolicy::default().with_delays(Duration::ZERO, Duration::ZERO);
        Client::builder()
            .region("eu-west-1")
            .endpoint_url("http://pool.test/")
            .retry(delays)
            .http_client(self.clone())
    }
}

impl HttpClient for Script {
    fn send<'a>(
        &'a self,
        request: HttpRequest<'a>,
    ) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
        let mut seen = http::Request::post(request.url());
        for (name, value) in request.headers() {
            seen = seen.header(name, value);
        }
        self.seen.lock().unwrap().push(seen.body(request.body().to_vec()).unwrap());
        let result =
            match self.lines.lock().unwrap().pop_front().expect("more attempts than scripted") {
                Response(status, body) => Ok(HttpResponse::new(status, body.as_bytes().to_vec())
                    .with_header("X-Amzn-RequestId", "request-1")),
                Unsent => Err(SendError::unsent("refused")),
                TimedOut => Err(SendError::timed_out("too long")),
                Interrupted => Err(SendError::interrupted("reset")),
            };
        Box::pin(std::future::ready(result))
    }
}

/// An idempotent request.
fn read() -> Request {
    Request::new(&GetDeviceRequest::new("eu_1"))
}

/// A request with a password, which is not idempotent.
fn password() -> Request {
    Request::new(&InitiateAuthRequest {
        auth_parameters: Some(Sensitive::from([(param::PASSWORD, "hush")])),
        ..InitiateAuthRequest::new(AuthFlowType::UserPasswordAuth, "client")
    })
}

async fn attempts(request: Request, script: &[Outcome]) -> (usize, Result<(), Error>) {
    let stack = Script::new(script);
    let result = stack.client().build().unwrap().send(&request).await;
    (stack.seen().len(), result.map(drop))
}

#[tokio::test]
async fn a_call_is_a_post_of_json_to_its_target() {
    let stack = Script::new(&[OK]);
    stack.client().build().unwrap().send(&password()).await.unwrap();
    let seen = stack.seen();
    let [request] = &seen[..] else { panic!("{} requests", seen.len()) };
    assert_eq!(
        (request.method().as_str(), request.uri().to_string().as_str()),
        ("POST", "http://pool.test/")
    );
    assert_eq!(request.headers()["content-type"], "application/x-amz-json-1.1");
    assert_eq!(request.headers()["x-amz-target"], "AWSCognitoIdentityProviderService.InitiateAuth");
    assert!(request.headers().get("authorization").is_none());
    assert_eq!(request.body(), password().body());
}

#[tokio::test]
async fn idempotent_requests_are_retried() {
    for failure in [THROTTLED, BROKEN, PROXY, TimedOut, Interrupted, Unsent, Response(429, "")] {
        let (sent, result) = attempts(read(), &[failure.clone(), failure.clone(), OK]).await;
        assert_eq!((sent, result.is_ok()), (3, true));
        let (sent, result) = attempts(read(), &[failure.clone(), failure.clone(), failure]).await;
        assert_eq!((sent, result.is_ok()), (3, false), "there are three attempts, no more");
    }
}

#[tokio::test]
async fn a_proof_is_retried_only_if_it_never_left() {
    for failure in [THROTTLED, BROKEN, PROXY, TimedOut, Interrupted] {
        let (sent, result) = attempts(password(), &[failure]).await;
        assert_eq!((sent, result.is_ok()), (1, false));
    }
    let (sent, result) = attempts(password(), &[Unsent, Unsent, OK]).await;
    assert_eq!((sent, result.is_ok()), (3, true));
    let (sent, _) = attempts(password(), &[Unsent, Interrupted]).await;
    assert_eq!(sent, 2, "the second attempt may have arrived");
}

#[tokio::test]
async fn no_challenge_is_answered_twice() {
    for challenge in
        ["PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"]
    {
        for failure in [THROTTLED, BROKEN, PROXY, TimedOut, Interrupted, Response(429, "")] {
            let answer = RespondToAuthChallengeRequest::new("client", challenge.into());
            let (sent, result) = attempts(Request::new(&answer), &[failure]).await;
            assert_eq!((sent, result.is_ok()), (1, false), "{challenge}");
        }
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    for failure in [REFUSED, Response(302, ""), Response(403, "<html>"), Response(400, "{}")] {
        let (sent, result) = attempts(read(), &[failure]).await;
        assert_eq!((sent, result.is_ok()), (1, false));
    }
}

#[tokio::test]
async fn all_calls_of_a_client_share_a_budget() {
    let stack = Script::new(&[BROKEN, BROKEN, BROKEN, BROKEN, BROKEN]);
    let mut policy = RetryPolicy::default().with_delays(Duration::ZERO, Duration::ZERO);
    policy.budget = 3;
    let client = stack.client().retry(policy).build().unwrap();
    assert!(client.send(&read()).await.is_err());
    assert!(client.clone().send(&read()).await.is_err());
    assert_eq!(stack.seen().len(), 5, "three attempts, and two before the budget is spent");
}

#[tokio::test]
async fn failures_have_different_kinds() {
    for (meets, kind, retryable, throttled) in [
        (REFUSED, ErrorKind::Service, false, false),
        (THROTTLED, ErrorKind::Service, true, true),
        (BROKEN, ErrorKind::Service, true, false),
        (PROXY, ErrorKind::InvalidResponse, true, false),
        (Response(302, ""), ErrorKind::InvalidResponse, false, false),
        (Response(429, "slow down"), ErrorKind::InvalidResponse, true, true),
        (Unsent, ErrorKind::Connect, true, false),
        (TimedOut, ErrorKind::Timeout, true, false),
        (Interrupted, ErrorKind::Interrupted, true, false),
    ] {
        let stack = Script::new(&[meets]);
        let client = stack.client().retry(RetryPolicy::never()).build().unwrap();
        let error = client.send(&read()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.is_retryable(), error.is_throttled()),
            (kind, retryable, throttled),
            "{error}"
        );
        let answered =
            !matches!(kind, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Interrupted);
        assert_eq!(error.request_id(), answered.then_some("request-1"), "{error}");
        assert_eq!(error.status().is_some(), answered, "{error}");
        assert_eq!(error.code().is_some(), kind == ErrorKind::Service, "{error}");
    }
}

#[tokio::test]
async fn a_response_of_another_shape_is_invalid() {
    let stack = Script::new(&[Response(200, r#"{"Device":"hush"}"#)]);
    let client = stack.client().build().unwrap();
    let error = client.call(&GetDeviceRequest::new("eu_1")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert!(!format!("{error} {error:?}").contains("hush"));
}

#[tokio::test]
async fn the_observer_sees_each_attempt_but_no_secret() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (stack, list) = (Script::new(&[Unsent, OK, REFUSED]), told.clone());
    let observe = move |call: &device_http::CallEvent<'_>| {
        assert!(!format!("{call:?}").contains("hush"));
        let outcome = match call.outcome {
            CallOutcome::Answered { next_step } => format!("answered {next_step:?}"),
            CallOutcome::Refused(error) => format!("refused {}", error.code()),
            CallOutcome::Failed(kind) => format!("failed {kind:?}"),
            _ => "another".to_owned(),
        };
        list.lock().unwrap().push(format!("{} {} {outcome}", call.operation, call.attempt));
    };
    let client = stack.client().observer(observe).build().unwrap();
    client.send(&password()).await.unwrap();
    assert_eq!(client.send(&password()).await.unwrap_err().code(), Some(&ErrorCode::NotAuthorized));
    assert_eq!(
        *told.lock().unwrap(),
        [
            "InitiateAuth 1 failed Connect",
            "InitiateAuth 2 answered Some(\"SMS_MFA\")",
            "InitiateAuth 1 refused NotAuthorizedException"
        ]
    );
}

#[test]
fn a_timeout_beside_a_stack_is_refused() {
    let (one, other) = (Script::new(&[]).client(), Script::new(&[]).client());
    for builder in [one.timeout(Duration::from_secs(1)), other.connect_timeout(Duration::ZERO)] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("http_client"), "{error}");
    }
}

#[tokio::test]
async fn an_admin_call_without_credentials_is_not_sent() {
    let stack = Script::new(&[]);
    let error =
        stack.client().build().unwrap().call(&ListUserPoolsRequest::new(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Credentials, false));
    assert!(stack.seen().is_empty());
}

#[cfg(feature = "admin")]
mod admin {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::{ProvideCredentials, future};

    use super::*;

    const POOLS: Outcome = Response(200, r#"{"UserPools":[]}"#);

    #[tokio::test]
    async fn an_admin_call_is_signed_and_a_public_one_is_not() {
        let stack = Script::new(&[POOLS, OK]);
        let credentials =
            Credentials::new("AKIDEXAMPLE", "hush", Some("token".into()), None, "test");
        let client = stack.client().credentials(credentials).build().unwrap();
        client.call(&ListUserPoolsRequest::new(1)).await.unwrap();
        client.send(&password()).await.unwrap();
        assert!(!format!("{client:?}").contains("hush"));

        let seen = stack.seen();
        let authorization = seen[0].headers()["authorization"].to_str().unwrap();
        let date = &seen[0].headers()["x-amz-date"].to_str().unwrap()[..8];
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{date}/eu-west-1/cognito-idp/aws4_request, "
        );
        let signed =
            "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, ";
        assert!(
            authorization.starts_with(&format!("{scope}{signed}Signature=")),
            "{authorization}"
        );
        assert_eq!(seen[0].headers()["x-amz-security-token"], "token");
        assert!(seen[1].headers().get("authorization").is_none());
    }

    #[derive(Debug)]
    struct Nobody;

    impl ProvideCredentials for Nobody {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none here")))
        }
    }

    #[tokio::test]
    async fn a_failing_provider_is_a_credentials_error() {
        let stack = Script::new(&[]);
        let client = stack.client().credentials(Nobody).build().unwrap();
        let error = client.call(&ListUserPoolsRequest::new(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credentials);
    }

    #[test]
    fn credentials_need_a_region() {
        let credentials = Credentials::new("AKIDEXAMPLE", "hush", None, None, "test");
        let builder = Client::builder().endpoint_url("http://pool.test/").credentials(credentials);
        assert_eq!(builder.build().unwrap_err().kind(), ErrorKind::Configuration);
    }
}
