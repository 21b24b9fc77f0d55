//! The public operations on devices.

use device_auth::{CurrentDevice, SessionDevice};
use device_wire::ErrorCode;

use super::*;

#[tokio::test]
async fn a_device_is_tracked_remembered_and_forgotten() {
    let service = Shared::new(Devices::OptIn, Mfa::Off);
    let auth = service.client();
    let key = sign_in(&auth).await.device_key().unwrap().to_owned();
    assert_eq!(auth.current_device_key().as_ref(), Some(&key));
    assert_eq!(
        auth.fetch_current_device().await.unwrap(),
        CurrentDevice::Tracked { key: key.clone() }
    );
    assert_eq!(auth.fetch_devices().await.unwrap(), []);

    auth.remember_device().await.unwrap();
    let CurrentDevice::Remembered(device) = auth.fetch_current_device().await.unwrap() else {
        panic!("tracked")
    };
    assert_eq!((device.key.as_str(), device.is_current), (key.as_str(), true));
    assert!(device.name.is_some() && device.created.is_some());
    assert_eq!(auth.fetch_devices().await.unwrap(), [device]);

    auth.do_not_remember_device().await.unwrap();
    assert_eq!(auth.fetch_current_device().await.unwrap(), CurrentDevice::Tracked { key });

    auth.forget_this_device().await.unwrap();
    assert_eq!(auth.current_device_key(), None);
    assert!(matches!(auth.fetch_current_device().await, Err(Error::DeviceNotTracked)));
    assert!(matches!(auth.forget_this_device().await, Err(Error::DeviceNotTracked)));
    service.steps();
    sign_in(&auth).await;
    assert_eq!(
        service.steps().last().unwrap(),
        "ConfirmDevice",
        "the record was deleted with the device"
    );
}

#[tokio::test]
async fn a_remembered_status_survives_into_the_record() {
    let service = Shared::new(Devices::OptIn, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    auth.remember_device().await.unwrap();
    assert!(matches!(sign_in(&auth).await.device, SessionDevice::Remembered { .. }));
    auth.do_not_remember_device().await.unwrap();
    assert!(matches!(sign_in(&auth).await.device, SessionDevice::Tracked { ask: false, .. }));
}

#[tokio::test]
async fn the_list_has_every_page_and_marks_this_one() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let others = [service.client(), service.client()];
    for other in &others {
        sign_in(other).await;
    }
    let auth = service.client();
    let key = sign_in(&auth).await.device_key().unwrap().to_owned();
    let devices = auth.fetch_devices().await.unwrap();
    assert_eq!(devices.len(), 3);
    assert_eq!(
        devices
            .iter()
            .filter(|device| device.is_current)
            .map(|device| &device.key)
            .collect::<Vec<_>>(),
        [&key]
    );

    // Forgetting another device does not affect this one.
    let other = devices.iter().find(|device| !device.is_current).unwrap();
    auth.forget_device(&other.key).await.unwrap();
    assert_eq!(auth.current_device_key(), Some(key));
    assert_eq!(auth.fetch_devices().await.unwrap().len(), 2);
    auth.forget_device(&other.key).await.expect("forgotten before is forgotten");

    assert_eq!(auth.forget_all_devices().await.unwrap(), 2);
    assert_eq!(auth.current_device_key(), None);
    assert_eq!(auth.fetch_devices().await.unwrap(), []);
}

#[tokio::test]
async fn a_forgotten_device_differs_from_a_tracked_one() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    service.with(Service::forget_devices);
    assert!(matches!(auth.fetch_current_device().await, Err(Error::DeviceUnknown)));
    assert!(matches!(auth.remember_device().await, Err(Error::DeviceNotTracked)));
    assert_eq!(auth.current_device_key(), None);
}

#[tokio::test]
async fn without_a_session_or_a_device_the_error_says_so() {
    let service = Shared::new(Devices::Off, Mfa::Off);
    let auth = service.client();
    assert!(matches!(auth.fetch_devices().await, Err(Error::SignedOut)));
    assert!(matches!(auth.remember_device().await, Err(Error::SignedOut)));
    sign_in(&auth).await;
    assert!(matches!(auth.remember_device().await, Err(Error::DeviceNotTracked)));
    assert!(matches!(auth.fetch_current_device().await, Err(Error::DeviceNotTracked)));
    assert_eq!(
        service.steps(),
        ["USER_SRP_AUTH", "PASSWORD_VERIFIER"],
        "no call that must fail was sent"
    );
}

#[tokio::test]
async fn a_refusal_for_another_reason_changes_nothing() {
    let service = Shared::new(Devices::Always, Mfa::Off);
    let auth = service.client();
    sign_in(&auth).await;
    let key = auth.current_device_key();
    service.with(|service| {
        service.fault("ForgetDevice", Fault::Refuse(ErrorCode::TooManyRequests, "Rate exceeded"))
    });
    let error = auth.forget_this_device().await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(auth.current_device_key(), key);
}
