//! One user with several names, on one installation of the app.

use device_auth::{DeviceStatus, SessionDevice};
use device_wire::ErrorCode;

use super::files::owner;
use super::*;
use service::{ALIAS, PHONE};

/// Signs in; panics if a code is asked for.
async fn without_code(auth: &DeviceAuth, credentials: Credentials) -> SignedIn {
    match auth.sign_in(credentials).await.unwrap() {
        SignInStep::Done(signed_in) => signed_in,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_name_finds_the_device_before_it_is_due() {
    let names = [USER, ALIAS, PHONE];
    for first in names {
        let service = Shared::new(Devices::Always, Mfa::Suppressed);
        let auth = service.client();
        let typed = |name: &str| Credentials::srp(name, PASSWORD);
        let new = finish(auth.sign_in(typed(first)).await.unwrap()).await;
        for name in names {
            let again = without_code(&auth, typed(name)).await;
            assert_eq!(again.device_key(), new.device_key(), "{first}, then {name}");
        }
        assert_eq!(service.with(|service| service.tracked().len()), 1, "{first}");
    }
}

#[tokio::test]
async fn a_learnt_name_finds_the_device_from_then_on() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    let key = sign_in(&auth).await.device_key().unwrap().to_owned();
    for presented_at_once in [false, true] {
        service.steps();
        without_code(&auth, Credentials::srp(ALIAS, PASSWORD)).await;
        let sent = service
            .with(|service| service.last("USER_SRP_AUTH")["AuthParameters"]["DEVICE_KEY"].clone());
        assert_eq!(sent == key.as_str(), presented_at_once, "{sent}");
    }
}

/// A sent password is answered with tokens at once, before the client learns whose name was typed.
#[tokio::test]
async fn a_password_sent_under_another_name_keeps_both_devices() {
    let (service, store) = (Shared::new(Devices::OptIn, Mfa::Off), MemoryStore::new());
    let auth = service.client_with(store.clone());
    let first = sign_in(&auth).await.device_key().unwrap().to_owned();
    auth.remember_device().await.unwrap();

    let sent = |name: &str| Credentials::password(name, PASSWORD);
    let second = without_code(&auth, sent(ALIAS)).await.device_key().unwrap().to_owned();
    assert_ne!(first, second);
    let records = store.find(&owner(USER)).await.unwrap();
    let kept: Vec<_> =
        records.iter().map(|record| (record.device_key.as_str(), record.status)).collect();
    assert_eq!(
        kept,
        [(&*first, DeviceStatus::Remembered), (&*second, DeviceStatus::NotRemembered)]
    );

    // From now on the client knows that name, and the remembered device stands in for a code.
    for credentials in [sent(ALIAS), sent(USER), Credentials::srp(ALIAS, PASSWORD)] {
        let again = without_code(&auth, credentials).await;
        assert_eq!(again.device, SessionDevice::Remembered { key: first.clone() });
    }
    assert_eq!(service.with(|service| service.tracked().len()), 2);
}

#[tokio::test]
async fn calls_about_this_device_mean_that_of_the_session() {
    let (service, store) = (Shared::new(Devices::OptIn, Mfa::Off), MemoryStore::new());
    let auth = service.client_with(store.clone());
    let first = sign_in(&auth).await.device_key().unwrap().to_owned();
    without_code(&auth, Credentials::password(ALIAS, PASSWORD)).await;
    auth.remember_device().await.unwrap();
    let status = async || {
        let records = store.find(&owner(USER)).await.unwrap();
        records.iter().map(|record| record.status).collect::<Vec<_>>()
    };
    assert_eq!(status().await, [DeviceStatus::NotRemembered, DeviceStatus::Remembered]);
    auth.forget_this_device().await.unwrap();
    assert_eq!(found(&store, &owner(USER)).await.unwrap().device_key, first);
}

#[tokio::test]
async fn dropping_a_deleted_device_keeps_the_other() {
    let (service, store) = (Shared::new(Devices::OptIn, Mfa::Off), MemoryStore::new());
    let auth = service.client_with(store.clone());
    sign_in(&auth).await;
    auth.remember_device().await.unwrap();
    let second = without_code(&auth, Credentials::password(ALIAS, PASSWORD)).await;
    let unknown = Fault::Refuse(ErrorCode::ResourceNotFound, "Device does not exist.");
    service.with(|service| service.fault("USER_PASSWORD_AUTH", unknown));
    let third = without_code(&auth, Credentials::password(ALIAS, PASSWORD)).await;
    let records = store.find(&owner(USER)).await.unwrap();
    let kept: Vec<_> = records.iter().map(|record| Some(record.device_key.as_str())).collect();
    assert_eq!(kept, [second.device_key(), third.device_key()]);
}

#[tokio::test]
async fn a_deleted_user_leaves_no_record() {
    let gone = || Fault::Refuse(ErrorCode::UserNotFound, "User does not exist.");
    for step in ["PASSWORD_VERIFIER", "GetTokensFromRefreshToken"] {
        let (service, store) = (Shared::new(Devices::Always, Mfa::Off), MemoryStore::new());
        let auth = service.client_with(store.clone());
        sign_in(&auth).await;
        without_code(&auth, Credentials::password(ALIAS, PASSWORD)).await;
        assert_eq!(store.find(&owner(USER)).await.unwrap().len(), 2);
        service.with(|service| service.fault(step, gone()));
        match step {
            "PASSWORD_VERIFIER" => {
                auth.sign_in(Credentials::srp(PHONE, PASSWORD)).await.map(drop).unwrap_err()
            }
            _ => auth.refresh().await.map(drop).unwrap_err(),
        };
        assert_eq!(store.find(&owner(USER)).await.unwrap(), [], "{step}");
    }
}
