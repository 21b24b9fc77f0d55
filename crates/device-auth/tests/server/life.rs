//! A device, from its first sign-in to its last.

use super::world::{done, password_of, sign_in, sign_in_with_code};
use super::*;

#[tokio::test]
async fn the_whole_life_of_a_device() {
    let world = World::new(Devices::OptIn, Mfa::Totp);
    let app = world.app();

    let first = sign_in_with_code(&app, &world).await;
    let key = first.device_key().unwrap().to_owned();
    assert!(first.should_ask_to_remember() && first.warnings.is_empty(), "{first:?}");
    assert_eq!(app.current_device_key().as_deref(), Some(&*key));
    assert_eq!(app.fetch_devices().await.unwrap(), []);
    assert_eq!(world.all_devices().len(), 1);

    app.remember_device().await.unwrap();
    world.calls();
    let app = world.app();
    let again = sign_in(&app).await;
    assert_eq!(again.device, SessionDevice::Remembered { key: key.clone() });
    assert_eq!(
        world.calls(),
        ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"]
    );

    let refreshed = app.refresh().await.unwrap();
    assert_ne!(refreshed.access_token, again.session.access_token);
    assert_eq!(refreshed.device_key.as_deref(), Some(&*key));
    assert_eq!(app.fetch_devices().await.unwrap().len(), 1, "the new token works");

    app.forget_this_device().await.unwrap();
    assert_eq!(world.all_devices().len(), 0);
    assert!(!world.has_record("device").await);
    let anew = sign_in_with_code(&world.app(), &world).await;
    assert_ne!(anew.device_key(), Some(&*key));
}

/// Requests of users of other clients: to know which listed device is this one; dates and addresses
/// of devices; a name by which users recognize a device.
#[tokio::test]
async fn the_list_has_names_dates_addresses_and_this_device() {
    let world = World::new(Devices::Always, Mfa::Off);
    let (first, second) = (world.app_at("device"), world.app_at("second device"));
    let (key, other) = (sign_in(&first).await, sign_in(&second).await);
    let devices = first.fetch_devices().await.unwrap();
    assert_eq!(devices.len(), 2);
    for device in &devices {
        let current = device.key == key.device_key().unwrap();
        assert_eq!(device.is_current, current);
        assert_eq!(device.name.as_deref(), Some(if current { "device" } else { "second device" }));
        assert_eq!(device.last_ip.as_deref(), Some("127.0.0.1"));
        let dates = [device.created, device.last_modified, device.last_authenticated];
        assert!(dates.iter().all(Option::is_some), "{device:?}");
    }
    let seen_from_there = second.fetch_devices().await.unwrap();
    let current = seen_from_there.iter().find(|device| device.is_current).unwrap();
    assert_eq!(Some(&*current.key), other.device_key());
}

/// A request of users of other clients: a call for the current device that also works if the device
/// is tracked but not remembered.
#[tokio::test]
async fn the_current_device_is_shown_tracked_and_remembered() {
    let world = World::new(Devices::OptIn, Mfa::Off);
    let app = world.app();
    let key = sign_in(&app).await.device_key().unwrap().to_owned();
    assert_eq!(
        app.fetch_current_device().await.unwrap(),
        CurrentDevice::Tracked { key: key.clone() }
    );
    app.remember_device().await.unwrap();
    let CurrentDevice::Remembered(device) = app.fetch_current_device().await.unwrap() else {
        panic!("it is remembered")
    };
    assert!(device.key == key && device.is_current);
    world.forget(&key);
    assert!(matches!(app.fetch_current_device().await, Err(Error::DeviceUnknown)));
}

/// A request of users of other clients: to undo remembering a device.
#[tokio::test]
async fn a_device_no_longer_remembered_stays_tracked() {
    let world = World::new(Devices::OptIn, Mfa::Totp);
    let app = world.app();
    let key = sign_in_with_code(&app, &world).await.device_key().unwrap().to_owned();
    app.remember_device().await.unwrap();
    sign_in(&app).await;
    app.do_not_remember_device().await.unwrap();
    assert_eq!(app.fetch_devices().await.unwrap(), []);
    let again = sign_in_with_code(&app, &world).await;
    assert_eq!(
        again.device,
        SessionDevice::Tracked { key, ask: false },
        "the user is not asked a second time"
    );
}

/// A request of users of other clients: to pass the user's choice about remembering to the sign-in.
#[tokio::test]
async fn the_choice_to_remember_comes_with_the_sign_in() {
    let world = World::new(Devices::OptIn, Mfa::Off);
    for (installation, choice, remembered) in [
        ("mine", RememberChoice::Remember, true),
        ("borrowed", RememberChoice::DoNotRemember, false),
    ] {
        let app = world.app_at(installation);
        let signed_in = done(app.sign_in_with(password_of(USER), choice).await.unwrap());
        assert_eq!(matches!(signed_in.device, SessionDevice::Remembered { .. }), remembered);
        assert!(!signed_in.should_ask_to_remember());
    }
}

/// A request of users of other clients: no second device for the same installation.
#[tokio::test]
async fn no_duplicates_after_many_sign_ins() {
    for (devices, mfa) in [(Devices::Always, Mfa::Off), (Devices::OptIn, Mfa::Totp)] {
        let world = World::new(devices, mfa);
        let mut keys = Vec::new();
        for _ in 0..3 {
            let app = world.app();
            let signed_in = match mfa {
                Mfa::Off => sign_in(&app).await,
                Mfa::Totp => sign_in_with_code(&app, &world).await,
            };
            keys.push(signed_in.device_key().unwrap().to_owned());
        }
        keys.dedup();
        assert_eq!((keys.len(), world.all_devices().len()), (1, 1));
    }
}

/// After a wrong code the sign-in asks again, and continues without starting over.
#[tokio::test]
async fn a_wrong_code_is_asked_for_again() {
    let world = World::new(Devices::OptIn, Mfa::Totp);
    let app = world.app();
    let step = app.sign_in(password_of(USER)).await.unwrap();
    let SignInStep::Challenge(Challenge::Code(code)) = step else { panic!("{step:?}") };
    assert!(code.rejection().is_none());
    let step = code.answer("000000").await.unwrap();
    let SignInStep::Challenge(Challenge::Code(code)) = step else { panic!("{step:?}") };
    assert!(code.rejection().is_some());
    assert!(done(code.answer(&world.code()).await.unwrap()).device_key().is_some());
}

#[tokio::test]
async fn a_wrong_secret_is_replaced_by_a_new_device() {
    let world = World::new(Devices::Always, Mfa::Totp);
    let app = world.app();
    let key = sign_in_with_code(&app, &world).await.device_key().unwrap().to_owned();
    world.tamper("device", |record| record.password = "wrong".into()).await;
    let signed_in = sign_in_with_code(&app, &world).await;
    assert_ne!(signed_in.device_key(), Some(&*key));
    assert!(signed_in.warnings.is_empty());
    assert_eq!(sign_in(&app).await.device_key(), signed_in.device_key(), "the new record is used");
    let devices = app.fetch_devices().await.unwrap();
    assert!(devices.iter().any(|device| Some(&*device.key) == signed_in.device_key()));
}

#[tokio::test]
async fn a_wrong_password_leaves_the_device_record() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.app();
    sign_in(&app).await;
    let error = app.sign_in(Credentials::srp(USER, "wrong")).await.unwrap_err();
    assert!(error.as_service_error().is_some(), "{error}");
    assert!(world.has_record("device").await);
}

#[tokio::test]
async fn a_second_factor_can_be_demanded() {
    let world = World::new(Devices::Always, Mfa::Totp);
    let app = world.app();
    let remembered = sign_in_with_code(&app, &world).await;
    let devices = world.all_devices().len();
    let step = app.sign_in_with(password_of(USER), SecondFactor::Always).await.unwrap();
    let SignInStep::Challenge(Challenge::Code(code)) = step else { panic!("no code: {step:?}") };
    let demanded = done(code.answer(&world.code()).await.unwrap());
    assert_eq!(demanded.device, SessionDevice::Untracked);
    assert_eq!(world.all_devices().len(), devices, "no device was registered");
    // The device is still remembered.
    let again = sign_in(&world.app()).await;
    assert_eq!(again.device_key(), remembered.device_key());
}
