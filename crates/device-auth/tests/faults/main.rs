//! The life of a device over a network with one fault: every kind of fault in every exchange.
//!
//! A life goes from the first sign-in until the device is forgotten. It ends in a clear error or a
//! correct session, and never in a wrong device record.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod proxy;
mod world;

use std::time::Duration;

use device_auth::{Challenge, Credentials, DeviceAuth, Error, SessionDevice, SignInStep, SignedIn};
use device_http::RetryPolicy;
use device_test::PASSWORD;
use proxy::Fault;
use world::{USER, World, with_world};

/// The steps of a life without a fault.
const STEPS: [&str; 14] = [
    "USER_SRP_AUTH",
    "PASSWORD_VERIFIER",
    "SOFTWARE_TOKEN_MFA",
    "ConfirmDevice",
    "UpdateDeviceStatus",
    "RevokeToken",
    "USER_SRP_AUTH",
    "PASSWORD_VERIFIER",
    "DEVICE_SRP_AUTH",
    "DEVICE_PASSWORD_VERIFIER",
    "GetTokensFromRefreshToken",
    "ListDevices",
    "GetDevice",
    "ForgetDevice",
];

async fn life(app: &DeviceAuth, world: &World) -> Result<(), Error> {
    sign_in(app, world).await?;
    app.remember_device().await?;
    app.sign_out().await?;
    sign_in(app, world).await?;
    app.refresh().await?;
    app.fetch_devices().await?;
    app.fetch_current_device().await?;
    app.forget_this_device().await
}

/// Signs in. Answers with a code if one is asked for, and with another if that one is rejected.
async fn sign_in(app: &DeviceAuth, world: &World) -> Result<SignedIn, Error> {
    let mut step = app.sign_in(Credentials::srp(USER, PASSWORD)).await?;
    for _ in 0..3 {
        step = match step {
            SignInStep::Done(signed_in) => return Ok(signed_in),
            SignInStep::Challenge(Challenge::Code(code)) => code.answer(&world.code()).await?,
            other => panic!("{other:?}"),
        };
    }
    panic!("no code is ever right")
}

/// Runs a life for each exchange, with this fault in that exchange, with retries and without.
fn spoil_each(fault: Fault) {
    let immediately = RetryPolicy::default().with_delays(Duration::ZERO, Duration::ZERO);
    for policy in [RetryPolicy::never(), immediately] {
        // These two faults repeat an earlier answer, and before the first exchange there is none.
        let first = usize::from(matches!(fault, Fault::StaleAnswer | Fault::StaleInstead));
        for at in first..STEPS.len() {
            with_world(async |world| spoil(world, at, fault, policy).await);
        }
    }
}

async fn spoil(world: &World, at: usize, fault: Fault, policy: RetryPolicy) {
    world.proxy.spoil(at, fault);
    let app = world.app(&world.proxy.url(), policy);
    let ended = tokio::select! {
        ended = life(&app, world) => Some(ended),
        // The app gives up waiting.
        () = world.proxy.held() => None,
    };
    let seen = world.proxy.steps();
    let case = format!("{fault:?} at {at}, {}, {} attempts: {ended:?}", STEPS[at], policy.attempts);
    assert_eq!(seen[..=at], STEPS[..=at], "{case}");
    if let Some(Err(error)) = &ended {
        is_clear(error, &case);
    }
    is_right(&app, world, &case).await;
    // A device whose confirmation was lost stays at the server. The answer to ForgetDevice is
    // empty, so a stale answer in its place looks like success. Nothing else may leave a second
    // device.
    let most = match (STEPS[at], fault) {
        ("ConfirmDevice", _) | ("ForgetDevice", Fault::StaleInstead) => 2,
        _ => 1,
    };
    assert!(world.devices() <= most, "{case}: {} devices", world.devices());
}

fn is_clear(error: &Error, case: &str) {
    let text = error.to_string();
    assert!(text.len() > 20, "{case}");
    assert!(!text.contains(PASSWORD) && !format!("{error:?}").contains(PASSWORD), "{case}");
    assert!(!matches!(error, Error::Configuration(_) | Error::Store(_)), "{case}");
}

/// Asserts that the stored record is valid, or is replaced at the next sign-in.
async fn is_right(app: &DeviceAuth, world: &World, case: &str) {
    let kept = world.record().await.map(|record| record.device_key);
    if let Some(session_key) = app.current_device_key() {
        assert_eq!(
            Some(&session_key),
            kept.as_ref(),
            "{case}: the session is of the device that is kept"
        );
    }
    let known = kept.filter(|key| world.tracks(key));

    let app = world.app(&world.pool.url(), RetryPolicy::never());
    let next = sign_in(&app, world).await.expect(case);
    assert!(next.warnings.is_empty(), "{case}: {next:?}");
    let key = next.device_key().expect(case).to_owned();
    if let Some(known) = known {
        assert_eq!(key, known, "{case}: the service knows the device that is kept");
    }
    // The device stands in for the code, so the service has the verifier of its secret.
    app.remember_device().await.expect(case);
    let SignInStep::Done(last) = app.sign_in(Credentials::srp(USER, PASSWORD)).await.expect(case)
    else {
        panic!("{case}: a code was asked for")
    };
    assert_eq!(last.device, SessionDevice::Remembered { key: key.clone() }, "{case}");
    assert_eq!(world.record().await.map(|record| record.device_key), Some(key), "{case}");
}

#[test]
fn an_undisturbed_run_takes_every_step() {
    with_world(async |world| {
        let app = world.app(&world.proxy.url(), RetryPolicy::never());
        life(&app, world).await.unwrap();
        assert_eq!(world.proxy.steps(), STEPS);
        assert!(world.record().await.is_none());
        is_right(&app, world, "unspoiled").await;
    });
}

#[test]
fn a_request_that_is_dropped() {
    spoil_each(Fault::DropRequest);
}

#[test]
fn an_answer_that_is_dropped() {
    spoil_each(Fault::DropAnswer);
}

#[test]
fn an_answer_that_is_truncated() {
    spoil_each(Fault::TruncateAnswer);
}

#[test]
fn a_request_that_is_late() {
    spoil_each(Fault::LateRequest);
}

#[test]
fn an_answer_that_is_late() {
    spoil_each(Fault::LateAnswer);
}

#[test]
fn a_request_that_arrives_twice_and_is_answered_first() {
    spoil_each(Fault::DuplicateAnsweredFirst);
}

#[test]
fn a_request_that_arrives_twice_and_is_answered_last() {
    spoil_each(Fault::DuplicateAnsweredLast);
}

#[test]
fn an_answer_that_comes_in_place_of_the_next() {
    spoil_each(Fault::StaleAnswer);
}

#[test]
fn an_answer_that_comes_again_in_place_of_a_request() {
    spoil_each(Fault::StaleInstead);
}

#[test]
fn an_error_page_in_place_of_an_answer() {
    spoil_each(Fault::ErrorPage);
}

#[test]
fn giving_up_before_a_request_arrives() {
    spoil_each(Fault::HoldRequest);
}

#[test]
fn giving_up_before_an_answer_arrives() {
    spoil_each(Fault::HoldAnswer);
}
