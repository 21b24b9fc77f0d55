//! One user, whatever is typed.

use serde_json::json;

use super::world::{done, password_of};
use super::*;

#[tokio::test]
async fn a_record_is_found_in_any_case() {
    let world = World::new(Devices::Always, Mfa::Off);
    let first = done(world.app().sign_in(password_of("Ada")).await.unwrap());
    assert_eq!(first.session.username, USER);
    for name in ["Ada", USER, "ADA", "Ada"] {
        let again = done(world.app().sign_in(password_of(name)).await.unwrap());
        assert_eq!(again.device_key(), first.device_key(), "{name}");
    }
    assert_eq!(world.all_devices().len(), 1);
}

#[tokio::test]
async fn a_record_is_found_by_the_address_of_a_user_whose_name_is_another() {
    let email = "ada@example.com";
    let mut world = World::new(Devices::Always, Mfa::Off);
    world.pool = world.server.create_pool(json!({
        "UsernameAttributes": ["email"],
        "DeviceConfiguration": { "DeviceOnlyRememberedOnUserPrompt": false },
    }));
    world.client = world.server.create_client(&world.pool, json!({}));
    world.server.create_user(&world.pool, email);
    let first = done(world.app().sign_in(password_of(email)).await.unwrap());
    let name = first.session.username.as_str();
    assert_eq!(Some(name), first.session.sub.as_deref(), "such pools name users by their id");
    for typed in [email, name, "Ada@Example.com", email] {
        let again = done(world.app().sign_in(password_of(typed)).await.unwrap());
        assert_eq!(again.device_key(), first.device_key(), "{typed}");
    }
}
