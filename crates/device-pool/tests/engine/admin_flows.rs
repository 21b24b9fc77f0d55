//! Sign-ins that an administrator's server performs.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

fn world() -> World {
    let mut world = World::opt_in();
    world.user("ada");
    world
}

fn start(world: &World, flow: &str) -> Value {
    json!({
        "UserPoolId": world.pool, "ClientId": world.client, "AuthFlow": flow,
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
    })
}

#[test]
fn both_names_of_the_flow_sign_in_and_issue_a_device() {
    let mut world = world();
    for flow in ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"] {
        let request = start(&world, flow);
        let answer = world.ok(Operation::AdminInitiateAuth, request);
        assert!(answer["AuthenticationResult"]["NewDeviceMetadata"].is_object(), "{flow}");
        assert_eq!(answer["ChallengeParameters"], json!({}));
    }
}

#[test]
fn a_challenge_is_answered_by_the_administrator() {
    let mut world = world();
    let totp = world.enrol_totp("ada");
    let request = start(&world, "ADMIN_USER_PASSWORD_AUTH");
    let asked = world.ok(Operation::AdminInitiateAuth, request);
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let code = world.code(&totp);
    let mut answer = json!({
        "UserPoolId": world.pool, "ClientId": world.client, "ChallengeName": "SOFTWARE_TOKEN_MFA",
        "Session": asked["Session"],
        "ChallengeResponses": {"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code},
    });
    let own = world.pool.clone();
    world.ok(Operation::CreateUserPool, json!({"PoolName": "strangers"}));
    answer["UserPoolId"] = json!("eu-test-1_Nowhere00");
    let refused = world.refused(Operation::AdminRespondToAuthChallenge, answer.clone());
    assert_eq!(refused, "ResourceNotFoundException: User pool eu-test-1_Nowhere00 does not exist.");
    answer["UserPoolId"] = json!(own);
    let done = world.ok(Operation::AdminRespondToAuthChallenge, answer);
    assert!(done["AuthenticationResult"]["AccessToken"].is_string());
}

#[test]
fn administrators_cannot_exceed_pool_or_client() {
    let mut world = world();
    let stranger = world.ok(Operation::CreateUserPool, json!({"PoolName": "strangers"}));
    let mut request = start(&world, "ADMIN_USER_PASSWORD_AUTH");
    request["UserPoolId"] = stranger["UserPool"]["Id"].clone();
    let refused = world.refused(Operation::AdminInitiateAuth, request);
    let none =
        format!("ResourceNotFoundException: User pool client {} does not exist.", world.client);
    assert_eq!(refused, none);

    let request = start(&world, "USER_PASSWORD_AUTH");
    let refused = world.refused(Operation::AdminInitiateAuth, request);
    assert_eq!(refused, "InvalidParameterException: Initiate Auth method not supported.");
    for flow in ["ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH"] {
        let mut request = start(&world, flow);
        request.as_object_mut().unwrap().remove("UserPoolId");
        let refused = world.refused(Operation::InitiateAuth, request);
        assert_eq!(refused, "InvalidParameterException: Initiate Auth method not supported.");
    }

    let mut wrong = start(&world, "ADMIN_USER_PASSWORD_AUTH");
    wrong["AuthParameters"]["PASSWORD"] = json!("Wrong-horse-7");
    let refused = world.refused(Operation::AdminInitiateAuth, wrong);
    assert_eq!(refused, "NotAuthorizedException: Incorrect username or password.");

    world.client = world.make_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}));
    let request = start(&world, "ADMIN_USER_PASSWORD_AUTH");
    let refused = world.refused(Operation::AdminInitiateAuth, request);
    let closed =
        "InvalidParameterException: ADMIN_USER_PASSWORD_AUTH flow not enabled for this client";
    assert_eq!(refused, closed);
}

#[test]
fn an_administrator_reports_the_users_address() {
    let mut world = world();
    let mut request = start(&world, "ADMIN_USER_PASSWORD_AUTH");
    request["ContextData"] = json!({"IpAddress": "198.51.100.7", "ServerName": "s",
        "ServerPath": "/", "HttpHeaders": []});
    world.seconds(1);
    world.ok(Operation::AdminInitiateAuth, request.clone());
    let events = world.ok(
        Operation::AdminListUserAuthEvents,
        json!({"UserPoolId": world.pool, "Username": "ada"}),
    );
    assert_eq!(events["AuthEvents"][0]["EventContextData"]["IpAddress"], "198.51.100.7");
    request["ContextData"]["IpAddress"] = json!("here");
    let refused = world.refused(Operation::AdminInitiateAuth, request);
    assert!(refused.starts_with("InvalidParameterException"), "{refused}");
}
