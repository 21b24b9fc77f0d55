//! Listing, remembering and forgetting devices.

use std::collections::BTreeSet;

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, START, World};

const GONE: &str = "ResourceNotFoundException: Device does not exist.";

fn admin(world: &World, device: &crate::world::Device) -> Value {
    json!({"UserPoolId": world.pool, "Username": "ada", "DeviceKey": device.key})
}

#[test]
fn users_see_remembered_devices_and_administrators_all() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    let token = signed_in.access_token();
    let own = json!({"AccessToken": token, "DeviceKey": device.key});
    let all = json!({"UserPoolId": world.pool, "Username": "ada"});

    assert_eq!(
        world.ok(Operation::ListDevices, json!({"AccessToken": token})),
        json!({"Devices": []})
    );
    assert_eq!(world.refused(Operation::GetDevice, own.clone()), GONE);
    assert_eq!(
        world.ok(Operation::AdminListDevices, all.clone())["Devices"][0]["DeviceKey"],
        device.key
    );

    let mut remember = own.clone();
    remember["DeviceRememberedStatus"] = json!("remembered");
    assert_eq!(world.ok(Operation::UpdateDeviceStatus, remember), json!({}));
    let listed = world.ok(Operation::ListDevices, json!({"AccessToken": token}));
    assert_eq!(listed["Devices"][0], world.ok(Operation::GetDevice, own)["Device"]);

    let request = admin(&world, &device);
    let names = |device: &Value| -> BTreeSet<String> {
        let attributes = device["DeviceAttributes"].as_array().unwrap();
        attributes.iter().map(|a| a["Name"].as_str().unwrap().to_owned()).collect()
    };
    let set =
        |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(
        names(&listed["Devices"][0]),
        set(&["device_status", "device_name", "last_ip_used"])
    );
    assert_eq!(
        names(&world.ok(Operation::AdminGetDevice, request)["Device"]),
        set(&[
            "device_status",
            "device_name",
            "last_ip_used",
            "dev:device_arn",
            "dev:device_owner",
            "dev:device_remembered_status",
            "dev:device_sdk",
        ])
    );
}

#[test]
fn dates_follow_confirmation_status_and_sign_in() {
    let mut world = World::opt_in();
    world.user("ada");
    world.now = START + 500;
    let (device, _) = world.confirmed_device("ada", None);
    world.now = START + 60_000;
    world.set_status("ada", &device, "remembered");
    world.now = START + 120_250;
    world.sign_in("ada", Some(&device), None);
    let request = admin(&world, &device);
    let device = &world.ok(Operation::AdminGetDevice, request)["Device"];
    let seconds = |millis: i64| millis as f64 / 1000.0;
    assert_eq!(device["DeviceCreateDate"].as_f64(), Some(seconds(START + 500)));
    assert_eq!(device["DeviceLastModifiedDate"].as_f64(), Some(seconds(START + 60_000)));
    assert_eq!(
        device["DeviceLastAuthenticatedDate"].as_i64(),
        Some((START + 120_000) / 1000),
        "dates are in whole seconds"
    );
}

#[test]
fn pages_have_the_requested_length_and_end() {
    let mut world = World::with(json!({}), "OFF");
    world.user("ada");
    let keys: BTreeSet<String> =
        (0..5).map(|_| world.confirmed_device("ada", None).0.key).collect();
    let token = world.sign_in("ada", None, None).access_token();
    for limit in [1, 2, 5, 60] {
        let mut seen = Vec::new();
        let mut request = json!({"AccessToken": token, "Limit": limit});
        loop {
            let page = world.ok(Operation::ListDevices, request.clone());
            let devices = page["Devices"].as_array().unwrap();
            assert!(devices.len() <= limit);
            seen.extend(devices.iter().map(|d| d["DeviceKey"].as_str().unwrap().to_owned()));
            let Some(next) = page.get("PaginationToken") else { break };
            request["PaginationToken"] = next.clone();
        }
        assert_eq!(seen.len(), 5, "no device twice at limit {limit}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), keys);
    }
}

#[test]
fn administrators_are_told_of_an_unknown_user() {
    let mut world = World::opt_in();
    let request = json!({
        "UserPoolId": world.pool, "Username": "nobody", "DeviceKey": "eu-test-1_x",
        "DeviceRememberedStatus": "remembered",
    });
    for (operation, says) in [
        (Operation::AdminListDevices, "ResourceNotFoundException: User does not exist."),
        (Operation::AdminGetDevice, "ResourceNotFoundException: User does not exist."),
        (Operation::AdminUpdateDeviceStatus, "UserNotFoundException: User does not exist."),
        (Operation::AdminForgetDevice, "UserNotFoundException: User does not exist."),
    ] {
        assert_eq!(world.refused(operation, request.clone()), says, "{operation}");
    }
}

#[test]
fn unknown_and_foreign_devices_do_not_exist() {
    let mut world = World::opt_in();
    world.user("ada");
    world.user("bob");
    let (device, _) = world.confirmed_device("bob", None);
    world.set_status("bob", &device, "remembered");
    let token = world.sign_in("ada", None, None).access_token();
    for key in
        [device.key.as_str(), "eu-test-1_0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0", "x/../y", "%"]
    {
        let own =
            json!({"AccessToken": token, "DeviceKey": key, "DeviceRememberedStatus": "remembered"});
        for operation in
            [Operation::GetDevice, Operation::ForgetDevice, Operation::UpdateDeviceStatus]
        {
            assert_eq!(world.refused(operation, own.clone()), GONE, "{operation} {key}");
        }
        let admin = json!({
            "UserPoolId": world.pool, "Username": "ada", "DeviceKey": key,
            "DeviceRememberedStatus": "remembered",
        });
        for operation in [
            Operation::AdminGetDevice,
            Operation::AdminForgetDevice,
            Operation::AdminUpdateDeviceStatus,
        ] {
            assert_eq!(world.refused(operation, admin.clone()), GONE, "{operation} {key}");
        }
    }
    world.sign_in("bob", Some(&device), None);
}

#[test]
fn forgetting_a_device_ends_its_refresh_tokens_alone() {
    let mut world = World::with(json!({}), "OFF");
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    let refresh = json!({
        "ClientId": world.client, "RefreshToken": signed_in.refresh_token(),
        "DeviceKey": device.key,
    });
    world.ok(Operation::GetTokensFromRefreshToken, refresh.clone());
    let token = signed_in.access_token();
    world.ok(Operation::ForgetDevice, json!({"AccessToken": token, "DeviceKey": device.key}));
    assert_eq!(
        world.refused(Operation::GetTokensFromRefreshToken, refresh),
        "NotAuthorizedException: Invalid Refresh Token."
    );
    world.ok(Operation::GetUser, json!({"AccessToken": token}));
    assert_eq!(
        world.refused(
            Operation::ForgetDevice,
            json!({"AccessToken": token, "DeviceKey": device.key})
        ),
        GONE
    );
}

#[test]
fn a_device_no_longer_remembered_need_not_prove_itself() {
    let mut world = World::with(json!({}), "OFF");
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    assert_eq!(world.sign_in("ada", Some(&device), None).challenges, ["DEVICE_SRP_AUTH"]);
    world.set_status("ada", &device, "not_remembered");
    assert!(world.sign_in("ada", Some(&device), None).challenges.is_empty());
}

#[test]
fn a_wrong_device_secret_gets_no_tokens() {
    let mut world = World::with(json!({}), "OFF");
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    let impostor = crate::world::Device { password: "not the device's".into(), ..device.clone() };
    let refusal =
        world.try_sign_in(crate::world::Flow::Srp, "ada", Some(&impostor), None).unwrap_err();
    assert_eq!(refusal.to_string(), "NotAuthorizedException: Incorrect username or password.");
    world.sign_in("ada", Some(&device), None);
}

#[test]
fn names_that_contain_one_another_share_no_devices() {
    let mut world = World::opt_in();
    world.user("a");
    world.user("a/b");
    let totp = world.enrol_totp("a");
    let (device, _) = world.confirmed_device("a/b", None);
    world.set_status("a/b", &device, "remembered");
    let all = json!({"UserPoolId": world.pool, "Username": "a"});
    assert_eq!(world.ok(Operation::AdminListDevices, all), json!({"Devices": []}));
    let borrowed = crate::world::Device { key: format!("b/{}", device.key), ..device };
    let refused = world.try_sign_in(Flow::Srp, "a", Some(&borrowed), Some(&totp)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        GONE,
        "a device of somebody else must not stand in for this user's MFA"
    );
}

#[test]
fn a_refresh_is_no_sign_in_of_the_device() {
    let mut world = World::with(json!({}), "OFF");
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    let request = admin(&world, &device);
    let before = world.ok(Operation::AdminGetDevice, request.clone());
    world.seconds(600);
    let refresh = json!({"ClientId": world.client, "RefreshToken": signed_in.refresh_token(),
        "DeviceKey": device.key});
    world.ok(Operation::GetTokensFromRefreshToken, refresh);
    assert_eq!(world.ok(Operation::AdminGetDevice, request), before);
}
