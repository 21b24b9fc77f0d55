//! The devices of any user, with an administrator's signature.

use aws_credential_types::Credentials as Keys;
use device_auth::{DeviceAdmin, DeviceStatus, device_http};

use super::world::sign_in;
use super::*;

/// The secret of [`device_test::access_key`].
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn admin(world: &World, secret: &str) -> DeviceAdmin {
    let http = device_http::Client::builder()
        .region("us-east-1")
        .endpoint_url(world.server.url())
        .credentials(Keys::new("AKIDEXAMPLE", secret, None, None, "test"))
        .build()
        .unwrap();
    DeviceAdmin::new(http, &world.pool)
}

/// A request of users of other clients: administrators' calls, for any user.
#[tokio::test]
async fn an_administrator_manages_the_devices_of_any_user() {
    let world = World::new(Devices::OptIn, Mfa::Off);
    let app = world.app();
    let key = sign_in(&app).await.device_key().unwrap().to_owned();
    let admin = admin(&world, SECRET);

    let [device] = &admin.list(USER).await.unwrap()[..] else { panic!("not one device") };
    assert_eq!((&device.key, device.status), (&key, Some(DeviceStatus::NotRemembered)));
    admin.update_status(USER, &key, DeviceStatus::Remembered).await.unwrap();
    let device = admin.device(USER, &key).await.unwrap();
    assert_eq!(device.status, Some(DeviceStatus::Remembered));
    assert_eq!((device.name.as_deref(), device.is_current), (Some("device"), false));
    assert_eq!(app.fetch_devices().await.unwrap().len(), 1, "the user's own list has it too");

    admin.forget(USER, &key).await.unwrap();
    admin.forget(USER, &key).await.expect("forgetting twice is no error");
    assert!(matches!(admin.device(USER, &key).await, Err(Error::DeviceUnknown)));
    let update = admin.update_status(USER, &key, DeviceStatus::Remembered).await;
    assert!(matches!(update, Err(Error::DeviceUnknown)));
    assert_eq!(admin.list(USER).await.unwrap(), []);
}

/// A page has at most 60 devices.
#[tokio::test]
async fn lists_go_on_past_the_first_page() {
    let world = World::new(Devices::Always, Mfa::Off);
    let mut keys: Vec<_> = (0..60).map(|_| world.confirm_a_device()).collect();
    let app = world.app();
    keys.push(sign_in(&app).await.device_key().unwrap().to_owned());
    keys.sort();
    assert_eq!(world.all_devices().len(), 60, "a page has 60 of the 61 devices");
    world.calls();

    for devices in [admin(&world, SECRET).list(USER).await, app.fetch_devices().await] {
        let mut listed: Vec<_> = devices.unwrap().into_iter().map(|device| device.key).collect();
        listed.sort();
        assert_eq!(listed, keys);
    }
    assert_eq!(world.calls(), ["ListDevices", "ListDevices"]);
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let world = World::new(Devices::OptIn, Mfa::Off);
    let error = admin(&world, "wrong").list(USER).await.unwrap_err();
    assert!(error.as_service_error().is_some(), "{error}");
    assert!(!error.to_string().contains("wrong"));
}
