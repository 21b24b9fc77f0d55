//! `UserMigration`: users of another directory, at a sign-in and at a forgotten password.

use device_pool::HookError;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::triggers::{Respond, sources, world};
use crate::world::{PASSWORD, World};

/// The other directory's password is nothing that the pool's policy would accept.
const LEGACY: &str = "tiger";

/// A directory that has Ada, and answers nothing for others.
fn directory(event: &Value) -> Result<Value, HookError> {
    let signs_in = event["triggerSource"] == "UserMigration_Authentication";
    if event["userName"] != "ada" {
        return Ok(event["response"].clone());
    }
    if signs_in && event["request"]["password"] != LEGACY {
        return Err(HookError::Refused("Bad password".to_owned()));
    }
    let attributes = json!({"email": "ada@example.com", "email_verified": "true"});
    let status = if signs_in { json!("CONFIRMED") } else { json!(null) };
    Ok(json!({
        "userAttributes": attributes, "finalUserStatus": status, "messageAction": "SUPPRESS",
    }))
}

fn request(world: &World, name: &str, password: &str) -> Value {
    json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": name, "PASSWORD": password},
        "ClientMetadata": {"tenant": "acme"},
    })
}

/// A client that hides its users.
fn hiding(world: &mut World) {
    let settings = json!({
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        "PreventUserExistenceErrors": "ENABLED",
    });
    world.client = world.make_client(settings);
}

fn user(world: &mut World, name: &str) -> Result<Value, String> {
    let request = json!({"UserPoolId": world.pool, "Username": name});
    world.call(Operation::AdminGetUser, request).map_err(|error| error.to_string())
}

#[test]
fn a_sign_in_migrates_the_user_and_goes_on() {
    let triggers = ["UserMigration", "PreAuthentication", "PostAuthentication"];
    let (mut world, events) = world(&triggers, |event| {
        if event["triggerSource"].as_str().unwrap().starts_with("UserMigration") {
            directory(event)
        } else {
            Ok(json!({}))
        }
    });
    let signed_in = world.ok(Operation::InitiateAuth, request(&world, "ada", LEGACY));
    assert!(signed_in["AuthenticationResult"]["AccessToken"].is_string(), "{signed_in}");
    assert!(world.outbox.is_empty(), "nothing is sent");
    let made = user(&mut world, "ada").unwrap();
    assert_eq!(made["UserStatus"], "CONFIRMED");
    assert!(made.to_string().contains(r#"{"Name":"email_verified","Value":"true"}"#), "{made}");
    assert_eq!(
        sources(&events),
        [
            "UserMigration_Authentication",
            "PreAuthentication_Authentication",
            "PostAuthentication_Authentication",
        ]
    );
    {
        let events = events.lock().unwrap();
        assert_eq!(events[0]["userName"], "ada");
        assert_eq!(
            events[0]["request"],
            json!({"password": LEGACY, "validationData": {"tenant": "acme"}})
        );
        assert_eq!(
            events[0]["response"],
            json!({
                "userAttributes": null, "forceAliasCreation": null, "enableSMSMFA": null,
                "finalUserStatus": null, "messageAction": null, "desiredDeliveryMediums": null,
            })
        );
        assert_eq!(events[1]["request"]["userAttributes"]["email"], "ada@example.com");
    }
    // From now on the pool knows the user.
    world.ok(Operation::InitiateAuth, request(&world, "ada", LEGACY));
    let wrong = world.refused(Operation::InitiateAuth, request(&world, "ada", "lion"));
    assert_eq!(wrong, "NotAuthorizedException: Incorrect username or password.");
    let asked = sources(&events);
    assert_eq!(asked.iter().filter(|source| source.starts_with("UserMigration")).count(), 1);
}

#[test]
fn administrators_sign_users_in_who_are_migrated() {
    let (mut world, _) = world(&["UserMigration"], directory);
    let mut request = request(&world, "ada", LEGACY);
    request["AuthFlow"] = json!("ADMIN_USER_PASSWORD_AUTH");
    request["UserPoolId"] = json!(world.pool);
    world.ok(Operation::AdminInitiateAuth, request);
    assert_eq!(user(&mut world, "ada").unwrap()["UserStatus"], "CONFIRMED");
}

#[test]
fn only_flows_with_the_password_migrate() {
    let (mut world, events) = world(&["UserMigration"], directory);
    for (flow, parameters) in [
        ("USER_SRP_AUTH", json!({"USERNAME": "ada", "SRP_A": "2"})),
        ("USER_AUTH", json!({"USERNAME": "ada"})),
    ] {
        let request =
            json!({"AuthFlow": flow, "ClientId": world.client, "AuthParameters": parameters});
        let refused = world.refused(Operation::InitiateAuth, request);
        assert_eq!(refused, "UserNotFoundException: User does not exist.", "{flow}");
    }
    assert!(sources(&events).is_empty());
    let preferred = json!({
        "AuthFlow": "USER_AUTH", "ClientId": world.client,
        "AuthParameters":
            {"USERNAME": "ada", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": LEGACY},
    });
    world.ok(Operation::InitiateAuth, preferred);
}

#[test]
fn a_user_who_must_reset_stays_with_the_refusal() {
    let (mut world, events) = world(&["UserMigration"], |_| {
        Ok(json!({
            "userAttributes": {"email": "ada@example.com", "email_verified": "true"},
            "finalUserStatus": "RESET_REQUIRED",
        }))
    });
    let refused = world.refused(Operation::InitiateAuth, request(&world, "ada", LEGACY));
    assert_eq!(refused, "PasswordResetRequiredException: Password reset required for the user");
    assert_eq!(user(&mut world, "ada").unwrap()["UserStatus"], "RESET_REQUIRED");
    let now = world.moment();
    world.engine.purge(now).unwrap();
    let filter = "email = \"ada@example.com\"";
    let listed = json!({"UserPoolId": world.pool, "Filter": filter});
    let listed = world.ok(Operation::ListUsers, listed);
    assert_eq!(listed["Users"][0]["Username"], "ada", "by the index");
    let pool = json!({"UserPoolId": world.pool});
    let described = world.ok(Operation::DescribeUserPool, pool);
    assert_eq!(described["UserPool"]["EstimatedNumberOfUsers"], 1);
    let forgot = json!({"ClientId": world.client, "Username": "ada"});
    world.ok(Operation::ForgotPassword, forgot);
    let code = world.outbox[0].code.as_str().to_owned();
    let confirm = json!({
        "ClientId": world.client, "Username": "ada", "ConfirmationCode": code,
        "Password": PASSWORD,
    });
    world.ok(Operation::ConfirmForgotPassword, confirm);
    world.sign_in("ada", None, None);
    assert_eq!(sources(&events).len(), 1);
}

#[test]
fn without_a_status_a_new_password_is_asked() {
    let (mut world, _) =
        world(&["UserMigration"], |_| Ok(json!({"userAttributes": {"email": "ada@example.com"}})));
    let asked = world.ok(Operation::InitiateAuth, request(&world, "ada", LEGACY));
    assert_eq!(asked["ChallengeName"], "NEW_PASSWORD_REQUIRED");
}

#[test]
fn a_forgotten_password_migrates_the_user() {
    let (mut world, events) = world(&["UserMigration"], directory);
    let forgot = json!({
        "ClientId": world.client, "Username": "ada", "ClientMetadata": {"tenant": "acme"},
    });
    let sent = world.ok(Operation::ForgotPassword, forgot);
    assert_eq!(sent["CodeDeliveryDetails"]["Destination"], "a***@e***");
    assert_eq!(world.outbox.len(), 1);
    assert_eq!(user(&mut world, "ada").unwrap()["UserStatus"], "RESET_REQUIRED");
    let events = events.lock().unwrap();
    assert_eq!(events[0]["triggerSource"], "UserMigration_ForgotPassword");
    assert_eq!(events[0]["request"], json!({"clientMetadata": {"tenant": "acme"}}));
}

#[test]
fn a_directory_that_refuses_says_why() {
    let (mut world, _) = world(&["UserMigration"], directory);
    let refused = world.refused(Operation::InitiateAuth, request(&world, "ada", "lion"));
    let expected = "UserLambdaValidationException: UserMigration failed with error Bad password.";
    assert_eq!(refused, expected);
    assert!(user(&mut world, "ada").unwrap_err().starts_with("UserNotFoundException"));
}

#[test]
fn an_empty_answer_leaves_the_name_unknown() {
    let answers: [Respond; 3] =
        [directory, |_| Ok(json!(null)), |_| Ok(json!({"userAttributes": null}))];
    for respond in answers {
        let (mut world, _) = world(&["UserMigration"], respond);
        let unknown = "UserNotFoundException: User does not exist.";
        let signing_in = world.refused(Operation::InitiateAuth, request(&world, "bob", LEGACY));
        assert_eq!(signing_in, unknown);
        let forgot = json!({"ClientId": world.client, "Username": "bob"});
        assert_eq!(world.refused(Operation::ForgotPassword, forgot), unknown);

        hiding(&mut world);
        let signing_in = world.refused(Operation::InitiateAuth, request(&world, "bob", LEGACY));
        assert_eq!(signing_in, "NotAuthorizedException: Incorrect username or password.");
        let forgot = json!({"ClientId": world.client, "Username": "bob"});
        world.ok(Operation::ForgotPassword, forgot);
        assert!(world.outbox.is_empty());
    }
}

#[test]
fn guesses_at_the_other_directory_are_limited() {
    for hides in [false, true] {
        for name in ["ada", "bob"] {
            let (mut world, events) = world(&["UserMigration"], directory);
            if hides {
                hiding(&mut world);
            }
            let answers: Vec<String> = (0..8)
                .map(|_| world.refused(Operation::InitiateAuth, request(&world, name, "lion")))
                .collect();
            assert!(answers[4] != answers[5], "{answers:?}");
            assert!(answers[5].contains("attempts exceeded"), "{answers:?}");
            assert_eq!(sources(&events).len(), 5, "{name}");
        }
    }
}

#[test]
fn questions_after_forgotten_passwords_are_limited() {
    let respond: Respond = |_| Err(HookError::Refused("unknown".to_owned()));
    let (mut world, events) = world(&["UserMigration"], respond);
    let forgot = json!({"ClientId": world.client, "Username": "ada"});
    let answers: Vec<String> =
        (0..7).map(|_| world.refused(Operation::ForgotPassword, forgot.clone())).collect();
    assert!(answers[4].starts_with("UserLambdaValidationException"), "{answers:?}");
    assert!(answers[5].starts_with("LimitExceededException"), "{answers:?}");
    assert_eq!(sources(&events).len(), 5);
}

#[test]
fn a_directory_that_fails_costs_no_attempt() {
    let respond: Respond = |_| Err(HookError::Failed("it took too long".to_owned()));
    let (mut world, _) = world(&["UserMigration"], respond);
    for _ in 0..8 {
        let refused = world.refused(Operation::InitiateAuth, request(&world, "ada", LEGACY));
        assert!(refused.starts_with("UnexpectedLambdaException: UserMigration"), "{refused}");
    }
}

#[test]
fn an_answer_that_makes_no_user_is_an_error() {
    let answers: [(Respond, &str); 5] = [
        (|_| Ok(json!(7)), "its response is no response"),
        (|_| Ok(json!({"userAttributes": {"sub": "s"}})), "does not exist in the schema."),
        (|_| Ok(json!({"userAttributes": {"shoe": "44"}})), "does not exist in the schema."),
        (
            |_| Ok(json!({"userAttributes": {}, "finalUserStatus": "ARCHIVED"})),
            "finalUserStatus is no status for it",
        ),
        (
            |_| Ok(json!({"userAttributes": {"username": "eve"}})),
            "the user could not sign in with this name",
        ),
    ];
    for (respond, reason) in answers {
        let (mut world, _) = world(&["UserMigration"], respond);
        let refused = world.refused(Operation::InitiateAuth, request(&world, "ada", LEGACY));
        let client = &world.client;
        let start =
            format!("UserNotFoundException: Exception migrating user in app client {client}: ");
        assert!(refused.starts_with(&start) && refused.ends_with(reason), "{refused}");
        for name in ["ada", "eve"] {
            assert!(user(&mut world, name).is_err(), "{name}");
        }
    }
}

#[test]
fn an_alias_leads_to_the_name_that_the_trigger_gives() {
    let (mut world, events) = world(&[], |event| {
        Ok(json!({
            "userAttributes":
                {"username": "ada", "email": event["userName"], "email_verified": true},
            "finalUserStatus": "CONFIRMED",
            "forceAliasCreation": event["request"]["validationData"]["force"] == "yes",
        }))
    });
    let arn = crate::triggers::ARN;
    let pool = json!({
        "PoolName": "aliases", "AliasAttributes": ["email"],
        "LambdaConfig": {"UserMigration": arn},
    });
    let made = world.ok(Operation::CreateUserPool, pool);
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]}));
    world.ok(Operation::InitiateAuth, request(&world, "ada@example.com", LEGACY));
    assert_eq!(events.lock().unwrap()[0]["userName"], "ada@example.com");
    assert_eq!(user(&mut world, "ada").unwrap()["Username"], "ada");
    // Another address of a user whom the pool has.
    let refused =
        world.refused(Operation::InitiateAuth, request(&world, "ada@example.org", LEGACY));
    assert!(refused.starts_with("UserNotFoundException: Exception migrating"), "{refused}");
}
