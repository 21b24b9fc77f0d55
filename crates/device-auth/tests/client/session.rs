//! The session: refreshed, expired, ended.

use device_wire::ErrorCode;
use serde_json::json;

use super::files::owner;
use super::*;
use service::ALIAS;

fn expiring() -> Fault {
    let result = json!({"AccessToken": "old", "RefreshToken": "refresh.tokenhush", "ExpiresIn": 1});
    Fault::Answer(json!({"AuthenticationResult": result}))
}

#[tokio::test]
async fn an_expired_token_is_replaced_once_for_all_callers() {
    let service = Shared::new(Devices::Off, Mfa::Off);
    let auth = service.client();
    service.with(|service| service.fault("PASSWORD_VERIFIER", expiring()));
    sign_in(&auth).await;
    service.steps();
    let (first, second, third) = tokio::join!(auth.session(), auth.session(), auth.fetch_devices());
    assert_eq!(first.unwrap(), second.unwrap());
    third.unwrap();
    assert_eq!(service.steps(), ["GetTokensFromRefreshToken", "ListDevices"]);
    auth.session().await.unwrap();
    assert!(service.steps().is_empty(), "the new token is valid for an hour");
}

/// A request of users of other clients: a refresh that works with every flow, and with a device.
#[tokio::test]
async fn every_refresh_includes_the_device() {
    let flows = [
        Credentials::srp(USER, PASSWORD),
        Credentials::password(USER, PASSWORD),
        Credentials::custom(USER),
        Credentials::custom_after_srp(USER, PASSWORD),
        Credentials::choose(USER),
    ];
    for credentials in flows {
        let service = Shared::new(Devices::Always, Mfa::Suppressed);
        let auth = service.client();
        let flow = format!("{credentials:?}");
        let mut step = auth.sign_in(credentials).await.unwrap();
        let signed_in = loop {
            step = match step {
                SignInStep::Done(signed_in) => break signed_in,
                SignInStep::Challenge(Challenge::Code(asked)) => asked.answer(CODE).await.unwrap(),
                SignInStep::Challenge(Challenge::Custom(asked)) => asked.answer("4").await.unwrap(),
                SignInStep::Challenge(Challenge::SelectFactor(asked)) => {
                    asked.srp(PASSWORD).await.unwrap()
                }
                SignInStep::Challenge(other) => panic!("{flow}: {}", other.name()),
            };
        };
        let key = signed_in.device_key().expect(&flow);
        let session = auth.refresh().await.unwrap();
        assert_eq!(session.device_key.as_deref(), Some(key), "{flow}");
        let sent =
            service.with(|service| service.last("GetTokensFromRefreshToken")["DeviceKey"].clone());
        assert_eq!(sent, key, "{flow}");
    }
}

#[tokio::test]
async fn an_expired_session_ends_and_the_record_stays() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    let key = sign_in(&auth).await.device_key().unwrap().to_owned();
    let refused = Fault::Refuse(ErrorCode::NotAuthorized, "Invalid Refresh Token.");
    service.with(|service| service.fault("GetTokensFromRefreshToken", refused));
    assert!(matches!(auth.refresh().await, Err(Error::SessionExpired)));
    assert!(matches!(auth.session().await, Err(Error::SignedOut)));
    assert_eq!(sign_in(&auth).await.device_key(), Some(key.as_str()));
}

#[tokio::test]
async fn a_refresh_that_failed_for_now_leaves_the_session() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    service.with(|service| service.fault("GetTokensFromRefreshToken", Fault::Lose));
    assert!(matches!(auth.refresh().await, Err(Error::Transport(_))));
    auth.refresh().await.unwrap();
}

#[tokio::test]
async fn only_a_refused_refresh_token_ends_the_session() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    for message in ["Unable to verify secret for client client", "User is disabled."] {
        let refused = Fault::Refuse(ErrorCode::NotAuthorized, message);
        service.with(|service| service.fault("GetTokensFromRefreshToken", refused));
        let error = auth.refresh().await.unwrap_err();
        assert_eq!(
            error.as_service_error().map(|error| error.message()),
            Some(message),
            "{error:?}"
        );
        auth.refresh().await.unwrap();
    }
}

#[tokio::test]
async fn without_a_refresh_token_the_access_token_ends_it() {
    let service = Shared::new(Devices::Off, Mfa::Off);
    let auth = service.client();
    let begun = |valid| {
        let result = json!({"AccessToken": "only", "ExpiresIn": valid});
        service.with(|service| {
            service
                .fault("PASSWORD_VERIFIER", Fault::Answer(json!({"AuthenticationResult": result})))
        });
        sign_in(&auth)
    };
    begun(3600).await;
    assert!(matches!(auth.refresh().await, Err(Error::NoRefreshToken)));
    assert_eq!(auth.session().await.unwrap().access_token.as_str(), "only");
    let expired = Fault::Refuse(ErrorCode::NotAuthorized, "Access Token has expired");
    service.with(|service| service.fault("ListDevices", expired));
    assert!(
        matches!(auth.fetch_devices().await, Err(Error::SessionExpired)),
        "the service's clock decides"
    );
    assert!(matches!(auth.session().await, Err(Error::SignedOut)));

    begun(1).await;
    assert!(matches!(auth.refresh().await, Err(Error::SessionExpired)));
    assert!(matches!(auth.session().await, Err(Error::SignedOut)));
}

#[tokio::test]
async fn a_slow_clock_costs_only_a_refresh() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    service.steps();
    for step in ["UpdateDeviceStatus", "ListDevices"] {
        let expired = Fault::Refuse(ErrorCode::NotAuthorized, "Access Token has expired");
        service.with(|service| service.fault(step, expired));
        match step {
            "ListDevices" => drop(auth.fetch_devices().await.unwrap()),
            _ => auth.remember_device().await.unwrap(),
        }
        assert_eq!(service.steps(), [step, "GetTokensFromRefreshToken", step]);
    }
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_is_expired() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    let revoked = || Fault::Refuse(ErrorCode::NotAuthorized, "Access Token has been revoked");
    service.with(|service| service.fault("UpdateDeviceStatus", revoked()));
    assert!(matches!(auth.remember_device().await, Err(Error::SessionExpired)));
    assert!(matches!(auth.remember_device().await, Err(Error::SignedOut)));
    sign_in(&auth).await;
    service.with(|service| service.fault("ListDevices", revoked()));
    assert!(matches!(auth.fetch_devices().await, Err(Error::SessionExpired)));
}

#[tokio::test]
async fn signing_out_keeps_the_device() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    let key = sign_in(&auth).await.device_key().unwrap().to_owned();
    service.steps();
    auth.sign_out().await.unwrap();
    assert!(matches!(auth.session().await, Err(Error::SignedOut)));
    auth.sign_out().await.expect("signed out is signed out");
    assert_eq!(service.steps(), ["RevokeToken"]);

    assert_eq!(sign_in(&auth).await.device_key(), Some(key.as_str()));
    auth.global_sign_out().await.unwrap();
    assert!(matches!(auth.global_sign_out().await, Err(Error::SignedOut)));
    assert_eq!(sign_in(&auth).await.device_key(), Some(key.as_str()));
}

#[tokio::test]
async fn signing_out_works_locally_if_the_service_fails() {
    let service = Shared::new(Devices::Off, Mfa::Off);
    let auth = service.client();
    for (step, global) in [("RevokeToken", false), ("GlobalSignOut", true)] {
        sign_in(&auth).await;
        service.with(|service| service.fault(step, Fault::Lose));
        let result = if global { auth.global_sign_out().await } else { auth.sign_out().await };
        assert!(matches!(result, Err(Error::Transport(_))));
        assert!(matches!(auth.session().await, Err(Error::SignedOut)));
    }
}

/// The record is removed only if the service says that the user was deleted.
#[tokio::test]
async fn the_record_of_a_deleted_user_is_deleted() {
    let gone = || Fault::Refuse(ErrorCode::UserNotFound, "User does not exist.");
    for step in ["GetTokensFromRefreshToken", "ListDevices"] {
        let (service, store) = (Shared::new(Devices::Always, Mfa::Off), MemoryStore::new());
        let auth = service.client_with(store.clone());
        sign_in(&auth).await;
        service.with(|service| service.fault(step, gone()));
        let ended = match step {
            "ListDevices" => auth.fetch_devices().await.map(drop),
            _ => auth.refresh().await.map(drop),
        };
        assert!(matches!(ended, Err(Error::SessionExpired)), "{step}");
        assert!(matches!(auth.session().await, Err(Error::SignedOut)), "{step}");
        assert_eq!(found(&store, &owner(USER)).await, None, "{step}");
    }
    for (typed, stays) in [(USER, false), (ALIAS, true)] {
        let (service, store) = (Shared::new(Devices::Always, Mfa::Off), MemoryStore::new());
        let auth = service.client_with(store.clone());
        finish(auth.sign_in(Credentials::srp(ALIAS, PASSWORD)).await.unwrap()).await;
        service.with(|service| service.fault("USER_SRP_AUTH", gone()));
        assert!(auth.sign_in(Credentials::srp(typed, PASSWORD)).await.is_err());
        assert_eq!(found(&store, &owner(USER)).await.is_some(), stays, "{typed}");
    }
}

#[test]
fn futures_can_go_to_another_thread() {
    fn check<T: Send + Sync>(_: &T) {}
    fn check_future<T: Send>(_: T) {}
    let auth = Shared::new(Devices::Off, Mfa::Off).client();
    check(&auth);
    check_future(auth.sign_in(Credentials::srp(USER, PASSWORD)));
    check_future(auth.refresh());
    check_future(auth.fetch_devices());
    check_future(auth.forget_all_devices());
    check_future(auth.confirm_device());
    check_future(auth.delete_user());
}
