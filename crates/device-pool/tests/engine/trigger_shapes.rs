//! The events of triggers, member by member, as public type declarations have them.
//!
//! The facts are from version 8.10.164 of the package `@types/aws-lambda`, which functions in
//! TypeScript are written against. `TokenGeneration_HostedAuth`, `_ClientCredentials`,
//! `PreSignUp_ExternalProvider` and `InboundFederation` are of sign-in pages and federation.

use std::collections::BTreeSet;

use device_pool::HookError;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::triggers::world;
use crate::world::{Flow, PASSWORD};

const TRIGGERS: [&str; 10] = [
    "PreSignUp",
    "PostConfirmation",
    "PreAuthentication",
    "PostAuthentication",
    "PreTokenGenerationConfig",
    "UserMigration",
    "CustomMessage",
    "DefineAuthChallenge",
    "CreateAuthChallenge",
    "VerifyAuthChallengeResponse",
];

/// The sources that a trigger must be called with, in the order of [`a_life`].
const SOURCES: [&str; 17] = [
    "PreSignUp_AdminCreateUser",
    "CustomMessage_AdminCreateUser",
    "PreSignUp_SignUp",
    "CustomMessage_SignUp",
    "CustomMessage_ResendCode",
    "PostConfirmation_ConfirmSignUp",
    "CustomMessage_ForgotPassword",
    "PostConfirmation_ConfirmForgotPassword",
    "PreAuthentication_Authentication",
    "PostAuthentication_Authentication",
    "TokenGeneration_Authentication",
    "TokenGeneration_RefreshTokens",
    "DefineAuthChallenge_Authentication",
    "CreateAuthChallenge_Authentication",
    "VerifyAuthChallengeResponse_Authentication",
    "UserMigration_Authentication",
    "UserMigration_ForgotPassword",
];

/// The members of the request that a trigger always has, those that it may have, and the members of
/// the response.
fn declared(
    source: &str,
) -> (&'static [&'static str], &'static [&'static str], &'static [&'static str]) {
    match source.split('_').next().unwrap() {
        "PreSignUp" => (
            &["userAttributes"],
            &["validationData", "clientMetadata"],
            &["autoConfirmUser", "autoVerifyEmail", "autoVerifyPhone"],
        ),
        "PostConfirmation" => (&["userAttributes"], &["clientMetadata"], &[]),
        "PreAuthentication" => {
            (&["userAttributes"], &["userNotFound", "validationData", "clientMetadata"], &[])
        }
        "PostAuthentication" => (&["userAttributes", "newDeviceUsed"], &["clientMetadata"], &[]),
        "TokenGeneration" => (
            &["userAttributes", "groupConfiguration"],
            &["scopes", "clientMetadata"],
            &["claimsAndScopeOverrideDetails"],
        ),
        "UserMigration" => (
            &[],
            &["password", "validationData", "clientMetadata"],
            &[
                "userAttributes",
                "finalUserStatus",
                "messageAction",
                "desiredDeliveryMediums",
                "forceAliasCreation",
                "enableSMSMFA",
            ],
        ),
        "CustomMessage" => (
            &["userAttributes", "codeParameter", "linkParameter", "usernameParameter"],
            &["clientMetadata"],
            &["smsMessage", "emailMessage", "emailSubject"],
        ),
        "DefineAuthChallenge" => (
            &["userAttributes", "session"],
            &["userNotFound", "clientMetadata"],
            &["challengeName", "failAuthentication", "issueTokens"],
        ),
        "CreateAuthChallenge" => (
            &["userAttributes", "challengeName", "session"],
            &["userNotFound", "clientMetadata"],
            &["publicChallengeParameters", "privateChallengeParameters", "challengeMetadata"],
        ),
        "VerifyAuthChallengeResponse" => (
            &["userAttributes", "privateChallengeParameters", "challengeAnswer"],
            &["userNotFound", "clientMetadata"],
            &["answerCorrect"],
        ),
        _ => panic!("{source} is declared nowhere"),
    }
}

fn respond(event: &Value) -> Result<Value, HookError> {
    let is_first = event["request"]["session"] == json!([]);
    Ok(match event["triggerSource"].as_str().unwrap() {
        "DefineAuthChallenge_Authentication" if is_first => json!({
            "challengeName": "CUSTOM_CHALLENGE", "issueTokens": false, "failAuthentication": false,
        }),
        "DefineAuthChallenge_Authentication" => {
            json!({"issueTokens": true, "failAuthentication": false})
        }
        "CreateAuthChallenge_Authentication" => json!({
            "publicChallengeParameters": {}, "privateChallengeParameters": {"answer": "x"},
        }),
        "VerifyAuthChallengeResponse_Authentication" => json!({"answerCorrect": true}),
        "UserMigration_Authentication" | "UserMigration_ForgotPassword" => json!({
            "userAttributes": {"email": "zoe@example.com", "email_verified": "true"},
            "finalUserStatus": "CONFIRMED",
        }),
        _ => event["response"].clone(),
    })
}

/// Everything that calls a trigger, once; returns the events.
fn a_life() -> Vec<Value> {
    let (mut world, events) = world(&TRIGGERS, respond);
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    let email = json!([{"Name": "email", "Value": "ada@example.com"}]);
    let invited = json!({
        "UserPoolId": world.pool, "Username": "eve", "UserAttributes": email,
        "DesiredDeliveryMediums": ["EMAIL"],
    });
    world.ok(Operation::AdminCreateUser, invited);
    let of = |name: &str, client: &str| json!({"ClientId": client, "Username": name});
    let mut request = of("ada", &world.client);
    request["Password"] = json!(PASSWORD);
    request["UserAttributes"] = email;
    world.ok(Operation::SignUp, request);
    let name = of("ada", &world.client);
    world.ok(Operation::ResendConfirmationCode, name.clone());
    let mut confirm = name.clone();
    confirm["ConfirmationCode"] = json!(world.outbox[0].code.as_str());
    world.ok(Operation::ConfirmSignUp, confirm.clone());
    world.ok(Operation::ForgotPassword, name);
    confirm["ConfirmationCode"] = json!(world.outbox[0].code.as_str());
    confirm["Password"] = json!(PASSWORD);
    world.ok(Operation::ConfirmForgotPassword, confirm);

    let token = world.sign_in("ada", None, None).refresh_token();
    let refresh = json!({
        "ClientId": world.client, "AuthFlow": "REFRESH_TOKEN_AUTH",
        "AuthParameters": {"REFRESH_TOKEN": token},
    });
    world.ok(Operation::InitiateAuth, refresh);
    let custom = json!({
        "ClientId": world.client, "AuthFlow": "CUSTOM_AUTH", "AuthParameters": {"USERNAME": "ada"},
    });
    let asked = world.ok(Operation::InitiateAuth, custom);
    let answers = json!({"USERNAME": "ada", "ANSWER": "x"});
    world.respond("CUSTOM_CHALLENGE", &asked["Session"], answers).unwrap();
    world.first_factor(Flow::Password, "zoe", None).unwrap();
    let forgotten = of("zed", &world.client);
    // The address is zoe's by now.
    let _ = world.call(Operation::ForgotPassword, forgotten);
    let events = events.lock().unwrap();
    events.clone()
}

#[test]
fn events_have_the_members_that_functions_expect() {
    let events = a_life();
    for event in &events {
        let source = event["triggerSource"].as_str().unwrap();
        let names = |value: &Value| -> BTreeSet<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        let common = [
            "callerContext",
            "region",
            "request",
            "response",
            "triggerSource",
            "userName",
            "userPoolId",
            "version",
        ];
        assert_eq!(names(event), common.map(str::to_owned).into(), "{source}");
        let caller = ["awsSdkVersion", "clientId"].map(str::to_owned).into();
        assert_eq!(names(&event["callerContext"]), caller, "{source}");
        let version = if source.starts_with("TokenGeneration") { "2" } else { "1" };
        assert_eq!(event["version"], version, "{source}");

        let (always, sometimes, response) = declared(source);
        let request = names(&event["request"]);
        for name in always {
            assert!(request.contains(*name), "{source} lacks {name}");
        }
        for name in &request {
            let is_declared = always.iter().chain(sometimes).any(|declared| declared == name);
            assert!(is_declared, "{source} has {name}");
        }
        let response = response.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(names(&event["response"]), response, "{source}");
    }
    let called: BTreeSet<&str> =
        events.iter().map(|event| event["triggerSource"].as_str().unwrap()).collect();
    for source in SOURCES {
        assert!(called.contains(source), "{source} was not called");
    }
}
