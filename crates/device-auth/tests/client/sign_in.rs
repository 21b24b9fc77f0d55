//! Signing in, and what the client stores.

use device_auth::{RememberChoice, SessionDevice, Warning};
use device_wire::ErrorCode;
use serde_json::json;

use super::*;
use service::ALIAS;

#[tokio::test]
async fn a_remembered_device_needs_no_code() {
    let service = Shared::new(Devices::OptIn, Mfa::Suppressed);
    let auth = service.client();
    let first = sign_in(&auth).await;
    assert!(first.should_ask_to_remember());
    auth.remember_device().await.unwrap();
    service.steps();

    let SignInStep::Done(second) = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap()
    else {
        panic!("asked for a code")
    };
    assert_eq!(second.device_key(), first.device_key());
    assert!(matches!(second.device, SessionDevice::Remembered { .. }));
    assert_eq!(
        service.steps(),
        ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"]
    );
}

#[tokio::test]
async fn one_user_is_one_record_whatever_name_is_typed() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    let typed = |name: &str| Credentials::srp(name, PASSWORD);
    let first = finish(auth.sign_in(typed(ALIAS)).await.unwrap()).await;
    assert_eq!(first.session.username, USER);
    for name in [ALIAS, USER, ALIAS] {
        let again = finish(auth.sign_in(typed(name)).await.unwrap()).await;
        assert_eq!(again.device_key(), first.device_key(), "{name}");
    }
}

#[tokio::test]
async fn a_device_that_the_service_does_not_accept_is_replaced() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    let first = sign_in(&auth).await;
    service.with(Service::forget_devices);
    let second = sign_in(&auth).await;
    assert!(second.device_key().is_some());
    assert_ne!(first.device_key(), second.device_key());
    service.steps();
    assert_eq!(
        sign_in(&auth).await.device_key(),
        second.device_key(),
        "the new record replaced the old one"
    );
}

#[tokio::test]
async fn a_refused_device_is_deleted_even_if_the_sign_in_fails() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    service.with(|service| {
        service.forget_devices();
        service.fault(
            "PASSWORD_VERIFIER",
            Fault::Refuse(ErrorCode::ResourceNotFound, "Device does not exist."),
        );
        service.fault("PASSWORD_VERIFIER", Fault::Lose);
    });
    assert!(auth.sign_in(Credentials::srp(USER, PASSWORD)).await.is_err());
    service.steps();
    sign_in(&auth).await;
    assert!(service.with(|service| {
        service.last("USER_SRP_AUTH")["AuthParameters"].get("DEVICE_KEY").is_none()
    }));
}

#[tokio::test]
async fn a_device_that_was_not_confirmed_can_be_confirmed_later() {
    let service = Shared::new(Devices::OptIn, Mfa::Off);
    let auth = service.client();
    for fault in [Fault::Refuse(ErrorCode::InternalError, "later"), Fault::Lose] {
        service.with(|service| service.fault("ConfirmDevice", fault));
        let signed_in = sign_in(&auth).await;
        assert!(
            matches!(signed_in.warnings[..], [Warning::DeviceNotConfirmed(_)]),
            "{signed_in:?}"
        );
        assert_eq!(signed_in.device, SessionDevice::Untracked);
        assert!(matches!(auth.remember_device().await, Err(Error::DeviceNotTracked)));
        let device = auth.confirm_device().await.unwrap();
        assert_eq!(device.key(), auth.current_device_key().as_deref());
        auth.remember_device().await.unwrap();
        assert!(
            matches!(auth.confirm_device().await, Err(Error::DeviceNotTracked)),
            "a device is confirmed once"
        );
        auth.forget_this_device().await.unwrap();
    }
}

#[tokio::test]
async fn the_choice_can_come_with_the_sign_in() {
    let service = Shared::new(Devices::OptIn, Mfa::Off);
    let auth = service.client();
    let remember = RememberChoice::Remember;
    service.with(|service| {
        service.fault("UpdateDeviceStatus", Fault::Refuse(ErrorCode::InternalError, "later"))
    });
    let signed_in =
        finish(auth.sign_in_with(Credentials::srp(USER, PASSWORD), remember).await.unwrap()).await;
    assert!(matches!(signed_in.warnings[..], [Warning::DeviceNotRemembered(_)]), "{signed_in:?}");
    assert!(!signed_in.should_ask_to_remember());

    let auth = service.client();
    let signed_in =
        finish(auth.sign_in_with(Credentials::srp(USER, PASSWORD), remember).await.unwrap()).await;
    assert!(matches!(signed_in.device, SessionDevice::Remembered { .. }));
}

#[tokio::test]
async fn a_failed_sign_in_says_why_and_keeps_an_older_session() {
    let service = Shared::new(Devices::Off, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    let error = auth.sign_in(Credentials::password(USER, "wrong")).await.unwrap_err();
    assert_eq!(error.as_service_error().unwrap().code(), &ErrorCode::NotAuthorized);
    assert!(!error.is_retryable());
    service.with(|service| service.fault("PASSWORD_VERIFIER", Fault::Lose));
    let error = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap_err();
    assert!(matches!(&error, Error::Transport(_)) && error.is_retryable(), "{error}");
    assert!(auth.session().await.is_ok());
}

#[tokio::test]
async fn no_secret_shows() {
    let service = Shared::new(Devices::OptIn, Mfa::Asked);
    let auth = service.client();
    let step = auth.sign_in(Credentials::srp(USER, PASSWORD)).await.unwrap();
    let mut shown = format!(
        "{auth:?} {:?} {step:?}",
        DeviceAuth::builder(POOL, CLIENT)
            .client_secret("hush")
            .endpoint_url("http://ada:hush@pool.test/")
    );
    let signed_in = finish(step).await;
    shown += &format!("{signed_in:?} {:?}", auth.session().await.unwrap());
    for secret in [PASSWORD, CODE, "hush"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[tokio::test]
async fn client_metadata_is_set_at_each_of_three_places() {
    let service = Shared::new(Devices::Off, Mfa::Asked);
    let http = Client::builder()
        .endpoint_url("http://pool.test")
        .http_client(service.clone())
        .build()
        .unwrap();
    let auth = DeviceAuth::builder(POOL, CLIENT)
        .http(http)
        .client_metadata([("app", "mail")])
        .analytics_endpoint_id("e1")
        .build()
        .unwrap();
    let credentials =
        Credentials::srp(USER, PASSWORD).with_client_metadata([("captcha", "solved")]);
    let SignInStep::Challenge(Challenge::Code(code)) = auth.sign_in(credentials).await.unwrap()
    else {
        panic!("no code")
    };
    finish(code.with_client_metadata([("try", "1")]).answer(CODE).await.unwrap()).await;
    auth.refresh().await.unwrap();
    let told = |step: &str| service.with(|service| service.last(step)["ClientMetadata"].clone());
    assert_eq!(told("USER_SRP_AUTH"), json!({"app": "mail", "captcha": "solved"}));
    assert_eq!(told("SOFTWARE_TOKEN_MFA"), json!({"app": "mail", "captcha": "solved", "try": "1"}));
    assert_eq!(told("GetTokensFromRefreshToken"), json!({"app": "mail"}));
    let analytics =
        service.with(|service| service.last("USER_SRP_AUTH")["AnalyticsMetadata"].clone());
    assert_eq!(analytics, json!({"AnalyticsEndpointId": "e1"}));
}
