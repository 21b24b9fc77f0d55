//! Invalid requests are refused with the right error, and a refusal changes nothing.

use device_pool::SUPPORTED;
use device_wire::{ErrorCode, Operation};
use serde_json::{Value, json};

use crate::world::World;

#[test]
fn every_operation_refuses_bodies_of_the_wrong_shape() {
    let mut world = World::new();
    for operation in SUPPORTED {
        for body in [
            json!(null),
            json!(1),
            json!("x"),
            json!([]),
            json!([[]]),
            json!({"ClientId": 5, "AccessToken": {}, "UserPoolId": []}),
        ] {
            let error = world.call(*operation, body.clone()).unwrap_err();
            assert_ne!(
                error.code(),
                &ErrorCode::InternalError,
                "{operation} {body}: {:?}",
                error.detail()
            );
        }
    }
}

#[test]
fn paths_patterns_and_empty_texts_are_plain_names() {
    let mut world = World::opt_in();
    let odd = [
        "",
        "/",
        "..",
        "%",
        "_",
        "a/b",
        "\u{0}",
        "\u{10ffff}",
        "'; drop table user; --",
        &"x".repeat(5000),
    ];
    for operation in SUPPORTED {
        for name in odd {
            let body = json!({
                "UserPoolId": name, "ClientId": name, "ClientName": name, "Username": name,
                "Password": name,
                "AccessToken": name, "DeviceKey": name, "RefreshToken": name, "Token": name,
                "Session": name,
                "UserCode": name, "AuthFlow": name, "ChallengeName": name,
                "AuthParameters": {"USERNAME": name}, "ChallengeResponses": {"USERNAME": name},
            });
            if let Err(error) = world.call(*operation, body) {
                assert_ne!(
                    error.code(),
                    &ErrorCode::InternalError,
                    "{operation} {name:?}: {:?}",
                    error.detail()
                );
            }
        }
    }
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    for name in odd {
        for operation in [
            Operation::GetDevice,
            Operation::ForgetDevice,
            Operation::ListDevices,
            Operation::UpdateDeviceStatus,
        ] {
            let body = json!({
                "AccessToken": token, "DeviceKey": name, "PaginationToken": name,
                "DeviceRememberedStatus": "remembered",
            });
            match world.call(operation, body) {
                Ok(listed) => assert_eq!(listed, json!({"Devices": []})),
                Err(error) if operation == Operation::ListDevices => {
                    assert_eq!(error.message(), "Invalid pagination token");
                }
                Err(error) => assert_eq!(error.message(), "Device does not exist."),
            }
        }
    }
}

#[test]
fn every_list_refuses_a_page_token_it_did_not_give() {
    let mut world = World::opt_in();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    world.ok(Operation::CreateGroup, json!({"UserPoolId": world.pool, "GroupName": "staff"}));
    for operation in [
        Operation::ListDevices,
        Operation::AdminListDevices,
        Operation::ListUsers,
        Operation::ListUserPools,
        Operation::ListUserPoolClients,
        Operation::AdminListUserAuthEvents,
        Operation::AdminListGroupsForUser,
        Operation::ListGroups,
        Operation::ListUsersInGroup,
        Operation::ListUserSessions,
        Operation::AdminListUserSessions,
    ] {
        for garbage in ["garbage", "", "YWRh", "eu-test-1_0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"] {
            let request = json!({
                "AccessToken": token, "UserPoolId": world.pool, "Username": "ada", "MaxResults": 5,
                "GroupName": "staff", "PaginationToken": garbage, "NextToken": garbage,
            });
            let refused = world.refused(operation, request);
            let says = "InvalidParameterException: Invalid pagination token";
            assert_eq!(refused, says, "{operation} {garbage:?}");
        }
    }
}

#[test]
fn unsupported_operations_are_refused_by_name() {
    let mut world = World::new();
    let missing = Operation::ALL.iter().find(|operation| !SUPPORTED.contains(operation));
    if let Some(operation) = missing {
        let refused = world.refused(*operation, json!({}));
        assert_eq!(
            refused,
            format!("UnsupportedOperationException: {operation} is not supported by this server")
        );
    }
}

#[test]
fn unknown_pools_and_clients_are_named() {
    let mut world = World::new();
    assert_eq!(
        world.refused(Operation::DescribeUserPool, json!({"UserPoolId": "eu-test-1_nowhere"})),
        "ResourceNotFoundException: User pool eu-test-1_nowhere does not exist."
    );
    let start = json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": "nobody", "AuthParameters": {}});
    assert_eq!(
        world.refused(Operation::InitiateAuth, start),
        "ResourceNotFoundException: User pool client nobody does not exist."
    );
}

#[test]
fn a_refused_sign_in_leaves_the_device_as_it_was() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    world.set_status("ada", &device, "remembered");
    let shown = |world: &mut World| -> Value {
        let request = json!({"UserPoolId": world.pool, "Username": "ada", "DeviceKey": device.key});
        world.ok(Operation::AdminGetDevice, request)
    };
    let before = shown(&mut world);
    world.seconds(60);
    let impostor = crate::world::Device { password: "wrong".into(), ..device.clone() };
    world.try_sign_in(crate::world::Flow::Srp, "ada", Some(&impostor), None).unwrap_err();
    assert_eq!(shown(&mut world), before);
}
