//! The triggers for messages: their events, their limits, and what becomes of the message.

use std::sync::{Arc, Mutex};

use device_pool::{HookError, Medium};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::triggers::{ARN, Respond, sources, world};
use crate::world::{PASSWORD, World};

fn in_own_words(event: &Value) -> Result<Value, HookError> {
    let code = event["request"]["codeParameter"].as_str().unwrap();
    let name = event["request"]["usernameParameter"].as_str().unwrap_or("you");
    Ok(json!({
        "emailSubject": "Welcome", "emailMessage": format!("<b>{code}</b> is for {name}"),
        "smsMessage": format!("{code} for {name}"),
    }))
}

/// Signs a user up who has an e-mail address in a pool that verifies those.
fn sign_up(world: &mut World, name: &str) -> Result<Value, device_pool::ServiceError> {
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    let request = json!({
        "ClientId": world.client, "Username": name, "Password": PASSWORD,
        "UserAttributes": [{"Name": "email", "Value": "ada@example.com"}],
        "ClientMetadata": {"language": "en"},
    });
    world.call(Operation::SignUp, request)
}

/// The event, with what differs from run to run replaced.
fn event(world: &World, events: &Mutex<Vec<Value>>, index: usize) -> Value {
    let mut event = events.lock().unwrap()[index].clone();
    assert_eq!(event["userPoolId"], world.pool);
    event["userPoolId"] = json!("pool");
    assert!(event["request"]["userAttributes"]["sub"].is_string());
    event["request"]["userAttributes"]["sub"] = json!("sub");
    if event["callerContext"]["clientId"] == world.client {
        event["callerContext"]["clientId"] = json!("client");
    }
    event
}

#[test]
fn custom_message_words_the_code_of_a_sign_up() {
    let (mut world, events) = world(&["CustomMessage"], in_own_words);
    sign_up(&mut world, "ada").unwrap();
    let message = &world.outbox[0];
    assert_eq!(message.subject, "Welcome");
    assert_eq!(message.body.as_str(), format!("<b>{}</b> is for you", message.code.as_str()));
    assert!(message.custom_sender.is_none());
    assert_eq!(
        event(&world, &events, 0),
        json!({
            "version": "1", "region": "eu-test-1", "userPoolId": "pool", "userName": "ada",
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
            "triggerSource": "CustomMessage_SignUp",
            "request": {
                "userAttributes": {
                    "sub": "sub", "email": "ada@example.com",
                    "cognito:user_status": "UNCONFIRMED",
                },
                "codeParameter": "{####}", "linkParameter": "{##Click Here##}",
                "usernameParameter": null, "clientMetadata": {"language": "en"},
            },
            "response": {"smsMessage": null, "emailMessage": null, "emailSubject": null},
        })
    );
}

#[test]
fn each_message_has_its_trigger_source() {
    let (mut world, events) = world(&["CustomMessage"], in_own_words);
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    sign_up(&mut world, "ada").unwrap();
    let (client, pool) = (world.client.clone(), world.pool.clone());
    world.ok(Operation::ResendConfirmationCode, json!({"ClientId": client, "Username": "ada"}));
    let code = world.outbox[0].code.as_str().to_owned();
    let confirm = json!({"ClientId": client, "Username": "ada", "ConfirmationCode": code});
    world.ok(Operation::ConfirmSignUp, confirm);
    world.ok(Operation::ForgotPassword, json!({"ClientId": client, "Username": "ada"}));
    let token = world.sign_in("ada", None, None).access_token();
    let attributes = json!([{"Name": "email", "Value": "ada@example.org"}]);
    let update = json!({"AccessToken": token, "UserAttributes": attributes});
    world.ok(Operation::UpdateUserAttributes, update);
    let verify = json!({"AccessToken": token, "AttributeName": "email"});
    world.ok(Operation::GetUserAttributeVerificationCode, verify);
    let invite = json!({
        "UserPoolId": pool, "Username": "bob", "TemporaryPassword": PASSWORD,
        "UserAttributes": [{"Name": "phone_number", "Value": "+15550100"}],
    });
    world.ok(Operation::AdminCreateUser, invite);
    assert_eq!(world.outbox[0].medium, Medium::Sms);
    assert_eq!(world.outbox[0].body.as_str(), format!("{PASSWORD} for bob"));
    assert_eq!(
        sources(&events),
        [
            "CustomMessage_SignUp",
            "CustomMessage_ResendCode",
            "CustomMessage_ForgotPassword",
            "CustomMessage_UpdateUserAttribute",
            "CustomMessage_VerifyUserAttribute",
            "CustomMessage_AdminCreateUser",
        ]
    );
    let events = events.lock().unwrap();
    assert_eq!(events[3]["request"]["userAttributes"]["email"], "ada@example.org");
    assert_eq!(events[5]["request"]["usernameParameter"], "{username}");
    assert_eq!(events[5]["callerContext"]["clientId"], "CLIENT_ID_NOT_APPLICABLE");
    assert!(events[5]["request"].get("clientMetadata").is_none());
}

#[test]
fn a_code_of_a_sign_in_is_worded_too() {
    let (mut world, events) = world(&["CustomMessage"], in_own_words);
    world.user("ada");
    world.set_attributes("ada", &[("phone_number", "+15550100")]);
    world.offer_all_factors("OPTIONAL");
    let settings = json!({
        "UserPoolId": world.pool, "Username": "ada",
        "SMSMfaSettings": {"Enabled": true, "PreferredMfa": true},
    });
    world.ok(Operation::AdminSetUserMFAPreference, settings);
    let request = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": PASSWORD},
        "ClientMetadata": {"of": "InitiateAuth"},
    });
    let asked = world.ok(Operation::InitiateAuth, request);
    assert_eq!(asked["ChallengeName"], "SMS_MFA");
    assert!(world.outbox[0].body.as_str().ends_with(" for you"));
    assert_eq!(sources(&events), ["CustomMessage_Authentication"]);
    assert!(events.lock().unwrap()[0]["request"].get("clientMetadata").is_none());
}

#[test]
fn what_custom_message_leaves_out_is_the_pools() {
    let empty: [Respond; 3] = [
        |_| Ok(json!({"smsMessage": null, "emailMessage": null, "emailSubject": null})),
        |_| Ok(json!({"smsMessage": "too short", "emailMessage": "", "emailSubject": ""})),
        |_| Ok(json!({})),
    ];
    for respond in empty {
        let (mut world, _) = world(&["CustomMessage"], respond);
        sign_up(&mut world, "ada").unwrap();
        assert_eq!(world.outbox[0].subject, "Your verification code");
        assert!(world.outbox[0].body.as_str().starts_with("Your confirmation code is "));
    }
}

#[test]
fn an_unusable_text_is_refused_with_the_reason() {
    let unusable: [(Respond, &str); 4] = [
        (|_| Ok(json!({"emailMessage": "no code"})), "emailMessage does not contain {####}."),
        (
            |_| Ok(json!({"emailMessage": "{####}".repeat(3334)})),
            "emailMessage has more than 20000 characters.",
        ),
        (
            |_| Ok(json!({"emailSubject": "s".repeat(141)})),
            "emailSubject has more than 140 characters.",
        ),
        (|_| Ok(json!({"emailMessage": 7})), ""),
    ];
    for (respond, reason) in unusable {
        let (mut world, _) = world(&["CustomMessage"], respond);
        let refused = sign_up(&mut world, "ada").unwrap_err().to_string();
        let start = "InvalidLambdaResponseException: Unrecognizable lambda output";
        assert!(refused.starts_with(start) && refused.ends_with(reason), "{refused}");
        let user = json!({"UserPoolId": world.pool, "Username": "ada"});
        let refused = world.refused(Operation::AdminGetUser, user);
        assert!(refused.starts_with("UserNotFoundException"), "{refused}");
    }
}

#[test]
fn an_invitation_must_name_the_user() {
    let (mut world, _) =
        world(&["CustomMessage"], |_| Ok(json!({"smsMessage": "Your password: {####}"})));
    let invite = json!({
        "UserPoolId": world.pool, "Username": "bob", "TemporaryPassword": PASSWORD,
        "UserAttributes": [{"Name": "phone_number", "Value": "+15550100"}],
    });
    let refused = world.refused(Operation::AdminCreateUser, invite);
    assert!(refused.ends_with("smsMessage does not contain {username}."), "{refused}");
}

#[test]
fn a_custom_message_that_throws_stops_the_message() {
    let (mut world, _) =
        world(&["CustomMessage"], |_| Err(HookError::Refused("no template".to_owned())));
    assert_eq!(
        sign_up(&mut world, "ada").unwrap_err().to_string(),
        "UserLambdaValidationException: CustomMessage failed with error no template."
    );
}

#[test]
fn a_message_that_a_trigger_refuses_counts_as_sent() {
    let (mut world, events) =
        world(&["CustomMessage"], |_| Err(HookError::Refused("no template".to_owned())));
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
    let request = json!({"ClientId": world.client, "Username": "ada"});
    for _ in 0..20 {
        let refused = world.refused(Operation::ForgotPassword, request.clone());
        assert!(refused.starts_with("UserLambdaValidationException"), "{refused}");
    }
    let refused = world.refused(Operation::ForgotPassword, request);
    assert!(refused.starts_with("LimitExceededException"), "{refused}");
    assert_eq!(sources(&events).len(), 20);
}

#[test]
fn custom_message_learns_attributes_as_they_will_be() {
    let (mut world, events) = world(&["CustomMessage"], in_own_words);
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    world.user("ada");
    world.set_attributes("ada", &[("email", "old@example.com"), ("email_verified", "true")]);
    let token = world.sign_in("ada", None, None).access_token();
    let attributes = json!([
        {"Name": "email", "Value": "new@example.com"}, {"Name": "given_name", "Value": "Ada"},
    ]);
    let update = json!({"AccessToken": token, "UserAttributes": attributes});
    world.ok(Operation::UpdateUserAttributes, update);
    let shown = &events.lock().unwrap()[0]["request"]["userAttributes"];
    assert_eq!(shown["given_name"], "Ada");
    assert_eq!(
        (&shown["email"], &shown["email_verified"]),
        (&json!("new@example.com"), &json!("false"))
    );
}

#[test]
fn a_sender_gets_the_profile_when_the_message_is_sent() {
    let store: Arc<MemoryStore> = Arc::default();
    let mut world = World::over(store.clone(), 10);
    world.set_pool(
        "LambdaConfig",
        json!({
            "CustomEmailSender": {"LambdaVersion": "V1_0", "LambdaArn": ARN},
        }),
    );
    world.user("ada");
    world.set_attributes(
        "ada",
        &[("email", "ada@example.com"), ("email_verified", "true"), ("given_name", "Ada")],
    );
    world.ok(Operation::ForgotPassword, json!({"ClientId": world.client, "Username": "ada"}));
    let sender = world.outbox[0].custom_sender.clone().unwrap();
    let of = |event: &Value| event["request"]["userAttributes"].clone();
    assert!(of(&sender.event).get("given_name").is_none(), "not read before the answer");
    let complete = of(&sender.complete_event(&*store).unwrap());
    assert_eq!(complete["given_name"], "Ada");
    assert_eq!(complete["email_verified"], "true");
    let delete = json!({"UserPoolId": world.pool, "Username": "ada"});
    world.ok(Operation::AdminDeleteUser, delete);
    world.user("ada");
    world.set_attributes("ada", &[("given_name", "Another")]);
    assert!(of(&sender.complete_event(&*store).unwrap())["given_name"].is_null());
}

#[test]
fn a_custom_sender_gets_the_code_after_the_commit() {
    let triggers = ["CustomMessage", "CustomEmailSender", "CustomSMSSender"];
    let (mut world, events) = world(&triggers, in_own_words);
    sign_up(&mut world, "ada").unwrap();
    assert!(sources(&events).is_empty(), "the host calls it, and nothing else is asked");
    let message = world.outbox[0].clone();
    let sender = message.custom_sender.unwrap();
    assert_eq!(sender.function, ARN);
    assert!(!format!("{sender:?}").contains(message.code.as_str()));
    let events = Mutex::new(vec![sender.event]);
    assert_eq!(
        event(&world, &events, 0),
        json!({
            "version": "1", "region": "eu-test-1", "userPoolId": "pool", "userName": "ada",
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
            "triggerSource": "CustomEmailSender_SignUp",
            "request": {
                "type": "customEmailSenderRequestV1", "code": message.code.as_str(),
                "clientMetadata": {"language": "en"},
                "userAttributes": {
                    "sub": "sub", "email": "ada@example.com",
                    "cognito:user_status": "UNCONFIRMED",
                },
            },
            "response": {},
        })
    );
    let invite = json!({
        "UserPoolId": world.pool, "Username": "bob", "TemporaryPassword": PASSWORD,
        "UserAttributes": [{"Name": "phone_number", "Value": "+15550100"}],
    });
    world.ok(Operation::AdminCreateUser, invite);
    let event = &world.outbox[0].custom_sender.as_ref().unwrap().event;
    assert_eq!(event["triggerSource"], "CustomSMSSender_AdminCreateUser");
    assert_eq!(event["request"]["type"], "customSMSSenderRequestV1");
    assert_eq!(event["request"]["code"], PASSWORD);
    assert_eq!(event["request"]["clientMetadata"], json!(null));
}

#[test]
fn a_sender_learns_the_address_that_is_to_be_proven() {
    let (mut world, _) = world(&["CustomEmailSender"], in_own_words);
    let first = json!({"AttributesRequireVerificationBeforeUpdate": ["email"]});
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    let request = json!({
        "UserPoolId": world.pool, "AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": first,
        "LambdaConfig": {"CustomEmailSender": {"LambdaVersion": "V1_0", "LambdaArn": ARN}},
    });
    world.ok(Operation::UpdateUserPool, request);
    world.user("ada");
    world.set_attributes("ada", &[("email", "old@example.com"), ("email_verified", "true")]);
    let token = world.sign_in("ada", None, None).access_token();
    let attributes = json!([{"Name": "email", "Value": "new@example.com"}]);
    let update = json!({"AccessToken": token, "UserAttributes": attributes});
    world.ok(Operation::UpdateUserAttributes, update);
    let event = &world.outbox[0].custom_sender.as_ref().unwrap().event;
    assert_eq!(event["triggerSource"], "CustomEmailSender_UpdateUserAttribute");
    assert_eq!(event["request"]["userAttributes"]["email"], "new@example.com");
    assert_eq!(event["request"]["userAttributes"]["email_verified"], "false");
}
