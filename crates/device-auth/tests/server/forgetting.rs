//! Forgetting devices, and the sessions of forgotten devices.

use super::world::{sign_in, sign_in_with_code};
use super::*;

/// A request of users of other clients: to forget one particular device.
#[tokio::test]
async fn a_listed_device_is_forgotten_and_this_one_stays() {
    let world = World::new(Devices::Always, Mfa::Off);
    let (first, second) = (world.app_at("device"), world.app_at("second device"));
    let (key, lost) = (sign_in(&first).await, sign_in(&second).await);
    let devices = first.fetch_devices().await.unwrap();
    let listed = devices.iter().find(|device| !device.is_current).unwrap();
    assert_eq!(Some(&*listed.key), lost.device_key());

    first.forget_device(&listed.key).await.unwrap();
    first.forget_device(&listed.key).await.expect("what is forgotten is forgotten");
    assert_eq!(first.current_device_key().as_deref(), key.device_key());
    assert_eq!(first.fetch_devices().await.unwrap().len(), 1);

    // The forgotten device's next refresh fails, and its next sign-in makes a new device.
    assert!(matches!(second.refresh().await, Err(Error::SessionExpired)));
    assert!(
        world.has_record("second device").await,
        "the record stays until the service refuses the device in a sign-in"
    );
    let anew = sign_in(&second).await;
    assert_ne!(anew.device_key(), lost.device_key());
    assert_eq!(world.all_devices().len(), 2);
}

/// A request of users of other clients: to forget all devices.
#[tokio::test]
async fn all_devices_are_forgotten_at_once() {
    let world = World::new(Devices::Always, Mfa::Off);
    for installation in ["second device", "third device"] {
        sign_in(&world.app_at(installation)).await;
    }
    let app = world.app();
    sign_in(&app).await;
    assert_eq!(app.forget_all_devices().await.unwrap(), 3);
    assert_eq!(world.all_devices().len(), 0);
    assert!(!world.has_record("device").await);
    assert_eq!(app.current_device_key(), None);
}

#[tokio::test]
async fn this_device_is_forgotten_there_and_here() {
    let world = World::new(Devices::Always, Mfa::Totp);
    let app = world.app();
    sign_in_with_code(&app, &world).await;
    app.forget_this_device().await.unwrap();
    assert!(!world.has_record("device").await);
    assert!(matches!(app.forget_this_device().await, Err(Error::DeviceNotTracked)));
    sign_in_with_code(&app, &world).await;
}

#[tokio::test]
async fn a_refresh_after_forgetting_ends_the_session() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.app();
    let key = sign_in(&app).await.device_key().unwrap().to_owned();
    world.forget(&key);
    assert!(matches!(app.refresh().await, Err(Error::SessionExpired)));
    assert!(matches!(app.session().await, Err(Error::SignedOut)), "the tokens are deleted");
    assert!(world.has_record("device").await, "the record stays");
    world.calls();
    assert_ne!(
        sign_in(&app).await.device_key(),
        Some(&*key),
        "the next sign-in makes a new device"
    );
}
