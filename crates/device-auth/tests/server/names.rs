//! One user with several names.

use serde_json::json;

use super::world::{EMAIL, PHONE, done, password_of, sign_in_as_with_code};
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
async fn a_record_is_found_by_the_users_address() {
    let email = "ada@example.com";
    let mut world = World::new(Devices::Always, Mfa::Off);
    world.pool = world.server.create_pool(json!({
        "UsernameAttributes": ["email"], "UsernameConfiguration": { "CaseSensitive": false },
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

#[tokio::test]
async fn a_remembered_device_stands_in_under_every_name() {
    for names in [[USER, EMAIL, PHONE], [EMAIL, PHONE, USER], [PHONE, USER, EMAIL]] {
        let world = World::with_aliases(Devices::OptIn, Mfa::Totp);
        let app = world.app();
        let first = sign_in_as_with_code(&app, &world, names[0]).await;
        app.remember_device().await.unwrap();
        for name in [names[1], names[2], names[0], names[2]] {
            let again = done(world.app().sign_in(password_of(name)).await.unwrap());
            assert_eq!(again.device_key(), first.device_key(), "{names:?}, {name}");
        }
        assert_eq!(world.all_devices().len(), 1, "{names:?}");
    }
}

#[tokio::test]
async fn two_users_on_one_device_have_a_record_each() {
    let world = World::with_aliases(Devices::Always, Mfa::Off);
    world.server.create_user(&world.pool, "bob");
    world.name("bob", "bob@example.com", "+15550199");
    let key = async |name: &str| {
        let signed_in = done(world.app().sign_in(password_of(name)).await.unwrap());
        signed_in.device_key().unwrap().to_owned()
    };
    let (of_ada, of_bob) = (key(EMAIL).await, key("bob@example.com").await);
    assert_ne!(of_ada, of_bob);
    for (name, due) in [
        (USER, &of_ada),
        ("bob", &of_bob),
        (PHONE, &of_ada),
        ("+15550199", &of_bob),
        (EMAIL, &of_ada),
    ] {
        assert_eq!(key(name).await, *due, "{name}");
    }

    // The address now belongs to Bob, and finds Bob's device.
    world.name(USER, "lovelace@example.com", PHONE);
    world.name("bob", EMAIL, "+15550199");
    assert_eq!(key(EMAIL).await, of_bob);
    assert_eq!(key(USER).await, of_ada);
    assert_eq!(world.all_devices().len(), 1);
}

#[tokio::test]
async fn one_user_on_two_devices_keeps_both() {
    let world = World::with_aliases(Devices::Always, Mfa::Off);
    let key = async |installation: &str, name: &str| {
        let step = world.app_at(installation).sign_in(password_of(name)).await.unwrap();
        done(step).device_key().unwrap().to_owned()
    };
    let (first, second) = (key("device", USER).await, key("second device", EMAIL).await);
    assert_ne!(first, second);
    for name in [PHONE, EMAIL, USER] {
        assert_eq!(key("device", name).await, first, "{name}");
        assert_eq!(key("second device", name).await, second, "{name}");
    }
    assert_eq!(world.all_devices().len(), 2);
}

/// A sent password is answered with tokens at once, before the client learns whose name was typed.
#[tokio::test]
async fn a_sent_password_keeps_the_remembered_device() {
    let world = World::with_aliases(Devices::OptIn, Mfa::Off);
    let app = world.app();
    let first = done(app.sign_in(password_of(USER)).await.unwrap());
    app.remember_device().await.unwrap();
    let sent = |name: &str| Credentials::password(name, device_test::PASSWORD);
    let second = done(world.app().sign_in(sent(EMAIL)).await.unwrap());
    assert_ne!(first.device_key(), second.device_key());
    for credentials in [password_of(USER), sent(EMAIL), password_of(PHONE), sent(PHONE)] {
        let again = done(world.app().sign_in(credentials).await.unwrap());
        let key = first.device_key().unwrap().to_owned();
        assert_eq!(again.device, SessionDevice::Remembered { key });
    }
    assert_eq!(world.all_devices().len(), 2);
}
