//! `ConfirmDevice`: which keys it accepts, and the devices that result.

use std::time::Duration;

use device_wire::Operation;
use serde_json::json;

use crate::world::World;

const INVALID_KEY: &str = "InvalidParameterException: Invalid device key given.";

#[test]
fn only_an_opt_in_pool_asks_the_user() {
    for (prompt, status) in [(true, "not_remembered"), (false, "remembered")] {
        let mut world = World::with(json!({"DeviceOnlyRememberedOnUserPrompt": prompt}), "OFF");
        world.user("ada");
        let signed_in = world.sign_in("ada", None, None);
        let device = world.issued_device(&signed_in);
        let request = world.confirmation(&signed_in.access_token(), &device);
        assert_eq!(
            world.ok(Operation::ConfirmDevice, request),
            json!({"UserConfirmationNecessary": prompt})
        );
        let shown = world.ok(
            Operation::AdminGetDevice,
            json!({"UserPoolId": world.pool, "Username": "ada", "DeviceKey": device.key}),
        );
        let attributes = shown["Device"]["DeviceAttributes"].as_array().unwrap();
        let remembered =
            attributes.iter().find(|a| a["Name"] == "dev:device_remembered_status").unwrap();
        assert_eq!(remembered["Value"], status);
    }
}

#[test]
fn any_device_configuration_tracks_and_none_does_not() {
    for (devices, tracked) in [(json!({}), true), (json!(null), false)] {
        let mut world = World::with(devices, "OFF");
        world.user("ada");
        assert_eq!(world.sign_in("ada", None, None).new_device_key().is_some(), tracked);
    }
}

#[test]
fn a_key_is_confirmed_once() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    let again = world.confirmation(&signed_in.access_token(), &device);
    assert_eq!(
        world.refused(Operation::ConfirmDevice, again),
        "DeviceKeyExistsException: Device already exists with this key."
    );
}

#[test]
fn a_key_of_an_earlier_sign_in_of_the_same_user_is_taken() {
    let mut world = World::opt_in();
    world.user("ada");
    let earlier = world.sign_in("ada", None, None);
    let device = world.issued_device(&earlier);
    let later = world.sign_in("ada", None, None);
    let request = world.confirmation(&later.access_token(), &device);
    world.ok(Operation::ConfirmDevice, request);
}

#[test]
fn keys_that_were_not_issued_to_this_user_are_refused() {
    let mut world = World::opt_in();
    world.user("ada");
    world.user("bob");
    let token = world.sign_in("ada", None, None).access_token();
    let bobs = world.sign_in("bob", None, None);
    let bobs = world.issued_device(&bobs);
    let mut other_pool = World::seeded(8);
    other_pool.set_devices(json!({}));
    other_pool.user("ada");
    let elsewhere = other_pool.sign_in("ada", None, None);
    let elsewhere = other_pool.issued_device(&elsewhere);
    let mut flipped = bobs.clone();
    flipped.key.pop();
    flipped.key.push('0');
    for mut device in [bobs.clone(), elsewhere, flipped] {
        let request = world.confirmation(&token, &device);
        assert_eq!(world.refused(Operation::ConfirmDevice, request), INVALID_KEY, "{}", device.key);
        device.key = device.key.to_uppercase();
        let request = world.confirmation(&token, &device);
        assert_eq!(world.refused(Operation::ConfirmDevice, request), INVALID_KEY, "{}", device.key);
    }
    for key in
        ["", "eu-test-1_", "eu-test-1", "us-east-1_0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", "é_é"]
    {
        let device = crate::world::Device { key: key.into(), ..bobs.clone() };
        let request = world.confirmation(&token, &device);
        assert_eq!(world.refused(Operation::ConfirmDevice, request), INVALID_KEY, "{key}");
    }
}

#[test]
fn a_forgotten_key_is_never_valid_again() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    world.forget("ada", &device);
    let request = world.confirmation(&signed_in.access_token(), &device);
    assert_eq!(world.refused(Operation::ConfirmDevice, request), INVALID_KEY);
    world.seconds(24 * 60 * 60 + 21 * 60);
    world.engine.purge(world.moment()).unwrap();
    let later = world.sign_in("ada", None, None);
    let request = world.confirmation(&later.access_token(), &device);
    assert_eq!(
        world.refused(Operation::ConfirmDevice, request),
        INVALID_KEY,
        "the record of the forgotten key was purged, but the key has expired too"
    );
}

/// Servers differ by some time, and a clock may be set back between the sign-in and this call.
#[test]
fn a_key_that_is_a_little_ahead_is_confirmed() {
    for (seconds, is_confirmed) in [(-600, true), (-660, false)] {
        let mut world = World::opt_in();
        world.user("ada");
        let signed_in = world.sign_in("ada", None, None);
        let device = world.issued_device(&signed_in);
        world.seconds(seconds);
        let request = world.confirmation(&signed_in.access_token(), &device);
        let answer = world.call(Operation::ConfirmDevice, request);
        assert_eq!(answer.is_ok(), is_confirmed, "{seconds} s");
        if !is_confirmed {
            continue;
        }
        // Forgotten by that clock, it stays so after another step forwards and back.
        world.forget("ada", &device);
        world.seconds(24 * 60 * 60 + 10 * 60);
        world.engine.purge(world.moment() + Duration::from_secs(600)).unwrap();
        let later = world.sign_in("ada", None, None);
        let request = world.confirmation(&later.access_token(), &device);
        assert_eq!(world.refused(Operation::ConfirmDevice, request), INVALID_KEY);
    }
}

#[test]
fn a_purge_never_frees_a_key_that_could_still_be_confirmed() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    world.forget("ada", &device);
    for _ in 0..4 {
        world.seconds(24 * 60 * 60 / 4 + 5);
        world.engine.purge(world.moment()).unwrap();
        let later = world.sign_in("ada", None, None);
        let request = world.confirmation(&later.access_token(), &device);
        assert_eq!(world.refused(Operation::ConfirmDevice, request), INVALID_KEY);
    }
}

#[test]
fn a_malformed_secret_verifier_is_refused_with_the_reason() {
    let mut world = World::opt_in();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let device = world.issued_device(&signed_in);
    let good = world.confirmation(&signed_in.access_token(), &device);
    let zero = "AAAA";
    let too_long = "QUFB".repeat(200);
    let negative = "/////////////////////w==";
    for (member, value, says) in [
        ("Salt", json!(null), "Missing required parameter Salt"),
        ("Salt", json!("no base64!"), "Salt is not base64"),
        ("Salt", json!(too_long), "Salt is not acceptable"),
        ("Salt", json!(negative), "Salt is not acceptable: it is negative"),
        ("PasswordVerifier", json!(negative), "PasswordVerifier is not acceptable: it is negative"),
        ("PasswordVerifier", json!(null), "Missing required parameter PasswordVerifier"),
        ("PasswordVerifier", json!("%"), "PasswordVerifier is not base64"),
        ("PasswordVerifier", json!(zero), "PasswordVerifier is not acceptable"),
        ("PasswordVerifier", json!(too_long), "PasswordVerifier is not acceptable"),
    ] {
        let mut request = good.clone();
        request["DeviceSecretVerifierConfig"][member] = value;
        let refusal = world.refused(Operation::ConfirmDevice, request);
        assert!(
            refusal.starts_with("InvalidParameterException") && refusal.contains(says),
            "{refusal}"
        );
    }
    world.ok(Operation::ConfirmDevice, good);
}
