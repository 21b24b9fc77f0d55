//! Users who are deleted.

use device_auth::Event;
use device_wire::Operation;
use serde_json::json;

use super::world::{password_of, sign_in};
use super::*;

#[tokio::test]
async fn a_deleted_account_leaves_no_local_data() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.builder("device").session_store(world.store("device")).build().unwrap();
    sign_in(&app).await;
    let mut events = app.events();
    app.delete_user().await.unwrap();
    assert_eq!(events.try_next(), Some(Event::UserDeleted { username: USER.to_owned() }));
    assert!(!world.has_record("device").await);
    assert!(matches!(app.session().await, Err(Error::SignedOut)));
    assert!(matches!(app.delete_user().await, Err(Error::SignedOut)));
    let builder = world.builder("device").session_store(world.store("device"));
    let restarted = builder.build_restored().await.unwrap();
    assert!(matches!(restarted.session().await, Err(Error::SignedOut)), "no session is stored");
    assert!(app.sign_in(password_of(USER)).await.unwrap_err().as_service_error().is_some());
}

#[tokio::test]
async fn a_user_deleted_by_an_administrator_is_signed_out() {
    let world = World::new(Devices::Always, Mfa::Off);
    let app = world.app();
    sign_in(&app).await;
    world.run(Operation::AdminDeleteUser, json!({ "UserPoolId": world.pool, "Username": USER }));
    assert!(matches!(app.fetch_devices().await, Err(Error::SessionExpired)));
    assert!(matches!(app.session().await, Err(Error::SignedOut)));
    assert!(app.sign_in(password_of(USER)).await.unwrap_err().as_service_error().is_some());
}
