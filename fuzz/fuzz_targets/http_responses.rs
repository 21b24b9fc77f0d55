//! Arbitrary HTTP responses to the client: its calls succeed or fail, and never panic.
#![no_main]

use std::collections::VecDeque;
use std::sync::Mutex;

use device_auth::{BoxFuture, Challenge, Credentials, DeviceAuth, Error, SignInStep};
use device_fuzz_inputs::{Input, Response, Responses};
use device_http::{Client, HttpClient, HttpRequest, HttpResponse, RetryPolicy, SendError};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
}

/// Answers with one response after another.
struct Canned(Mutex<VecDeque<Response>>);

impl HttpClient for Canned {
    fn send<'a>(&'a self, _: HttpRequest<'a>) -> BoxFuture<'a, Result<HttpResponse, SendError>> {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(std::future::ready(match next {
            None => Err(SendError::interrupted("there are no more responses")),
            Some(Response { status, error_type, body }) if error_type.is_empty() => {
                Ok(HttpResponse::new(status, body))
            }
            Some(Response { status, error_type, body }) => {
                Ok(HttpResponse::new(status, body).with_header("x-amzn-errortype", error_type))
            }
        }))
    }
}

/// Answers a challenge in one of its ways.
async fn answer(challenge: Challenge) -> Result<SignInStep, Error> {
    match challenge {
        Challenge::Code(asked) => asked.answer("123456").await,
        Challenge::NewPassword(asked) => asked.answer("x").await,
        Challenge::MfaSetup(asked) => asked.authenticator().await,
        Challenge::AuthenticatorSetup(asked) => {
            let _ = asked.otpauth_uri("issuer");
            asked.verify("123456", Some("phone")).await
        }
        Challenge::Custom(asked) => asked.answer("x").await,
        Challenge::SelectMfa(asked) => {
            let first = asked.prompt().options.first().cloned();
            asked.choose(&first.unwrap_or("SMS_MFA".into())).await
        }
        Challenge::SelectFactor(asked) => asked.srp("password").await,
        _ => unreachable!("a challenge that this target does not know"),
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(responses) = Responses::decode(data) else { return };
    let http = Client::builder()
        .region("us-east-1")
        .retry(RetryPolicy::never())
        .http_client(Canned(Mutex::new(responses.0.into())))
        .build()
        .unwrap();
    let auth = DeviceAuth::builder("us-east-1_Ab12Cd34E", "4example5client6id7")
        .http(http)
        .build()
        .unwrap();
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let mut step = auth.sign_in(Credentials::password("ada", "password")).await;
            for _ in 0..6 {
                step = match step {
                    Ok(SignInStep::Challenge(challenge)) => answer(challenge).await,
                    _ => break,
                };
            }
            let _ = auth.remember_device().await;
            let _ = auth.fetch_devices().await;
            let _ = auth.fetch_current_device().await;
            let _ = auth.session().await.map(|session| format!("{session:?}"));
            let _ = auth.refresh().await;
            let _ = auth.forget_all_devices().await;
            let _ = auth.sign_out().await;
        });
    });
});
