//! Sessions: refreshing and ending them.

use super::world::{password_of, sign_in};
use super::*;

/// A request of users of other clients: a refresh that works with every flow, and with a device.
#[tokio::test]
async fn a_session_of_any_flow_refreshes() {
    let world = World::new(Devices::Always, Mfa::Off);
    let password = device_test::PASSWORD;
    for credentials in [password_of(USER), Credentials::password(USER, password)] {
        let app = world.app();
        let first = super::world::done(app.sign_in(credentials).await.unwrap());
        let second = app.refresh().await.unwrap();
        assert_ne!(first.session.access_token, second.access_token);
        assert_eq!(first.session.sub, second.sub);
        assert_eq!(app.fetch_devices().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn signing_out_keeps_the_record_and_ends_the_session() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.app();
    let key = sign_in(&app).await.device_key().unwrap().to_owned();
    app.sign_out().await.unwrap();
    assert!(matches!(app.fetch_devices().await, Err(Error::SignedOut)));
    assert!(world.has_record("device").await);
    assert_eq!(sign_in(&app).await.device_key(), Some(&*key));

    let other = world.app_at("second device");
    sign_in(&other).await;
    other.global_sign_out().await.unwrap();
    assert!(world.has_record("second device").await);
    assert!(
        matches!(app.fetch_current_device().await, Err(Error::SessionExpired)),
        "the other device ended this session"
    );
    assert_eq!(sign_in(&app).await.device_key(), Some(&*key));
}
