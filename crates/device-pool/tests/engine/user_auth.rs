//! `USER_AUTH`: what there is to choose from, and each choice.

use device_srp::{ClientEphemeral, Identity};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

/// A pool that allows every first factor, and a user with verified addresses.
fn world() -> World {
    let mut world = World::opt_in();
    world.allow_first_factors(&["PASSWORD", "EMAIL_OTP", "SMS_OTP"]);
    world.user("ada");
    world.set_attributes(
        "ada",
        &[
            ("email", "ada@example.com"),
            ("email_verified", "true"),
            ("phone_number", "+15550001234"),
            ("phone_number_verified", "true"),
        ],
    );
    world
}

fn start(world: &mut World, parameters: Value) -> Value {
    world.ok(
        Operation::InitiateAuth,
        json!({"AuthFlow": "USER_AUTH", "ClientId": world.client, "AuthParameters": parameters}),
    )
}

#[test]
fn the_user_is_shown_what_there_is_to_choose_from() {
    let mut world = world();
    let asked = start(&mut world, json!({"USERNAME": "ada"}));
    assert_eq!(asked["ChallengeName"], "SELECT_CHALLENGE");
    assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"]));
    let asked = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "WEB_AUTHN"}));
    assert_eq!(asked["ChallengeName"], "SELECT_CHALLENGE", "what there is not can't be preferred");
}

#[test]
fn a_password_is_given_with_the_choice_or_asked_for() {
    let mut world = world();
    let asked = start(&mut world, json!({"USERNAME": "ada"}));
    let answers = json!({"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
    let wrong = json!({"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": "Wrong-horse-7"});
    let refused = world.respond("SELECT_CHALLENGE", &asked["Session"], wrong).unwrap_err();
    assert_eq!(refused.to_string(), "NotAuthorizedException: Incorrect username or password.");
    let done = world.respond("SELECT_CHALLENGE", &asked["Session"], answers.clone()).unwrap();
    assert!(done["AuthenticationResult"]["NewDeviceMetadata"].is_object(), "a password proves");
    let again = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap_err();
    assert!(again.to_string().ends_with("session can only be used once."));

    let asked = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "PASSWORD"}));
    assert_eq!(asked["ChallengeName"], "PASSWORD");
    let answers = json!({"USERNAME": "ada", "PASSWORD": PASSWORD});
    let done = world.respond("PASSWORD", &asked["Session"], answers).unwrap();
    assert!(done["AuthenticationResult"].is_object());

    let at_once = json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
    assert!(start(&mut world, at_once)["AuthenticationResult"].is_object());
}

#[test]
fn srp_is_chosen_with_its_public_value() {
    let mut world = world();
    let asked = start(&mut world, json!({"USERNAME": "ada"}));
    let ephemeral = ClientEphemeral::generate(&mut world.rng);
    let mut answers = json!({"USERNAME": "ada", "ANSWER": "PASSWORD_SRP"});
    let refused = world.respond("SELECT_CHALLENGE", &asked["Session"], answers.clone()).unwrap_err();
    assert_eq!(refused.to_string(), "InvalidParameterException: Missing required parameter SRP_A");
    answers["SRP_A"] = json!(ephemeral.public().to_hex());
    let offered = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap();
    assert_eq!(offered["ChallengeName"], "PASSWORD_VERIFIER");
    let pool_name = world.pool.split_once('_').unwrap().1.to_owned();
    let identity = Identity::user(&pool_name, "ada");
    let mut claim = world.claim(&identity, PASSWORD, &ephemeral, &offered["ChallengeParameters"]);
    claim["USERNAME"] = json!("ada");
    let done = world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap();
    assert!(done["AuthenticationResult"]["NewDeviceMetadata"].is_object());
}

#[test]
fn a_code_signs_in_and_issues_no_device() {
    let mut world = world();
    for (challenge, code_name, destination) in
        [("EMAIL_OTP", "EMAIL_OTP_CODE", "ada@example.com"), ("SMS_OTP", "SMS_OTP_CODE", "+15550001234")]
    {
        let asked = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": challenge}));
        assert_eq!(asked["ChallengeName"], challenge);
        assert_eq!(world.outbox[0].destination.as_str(), destination);
        let code = world.outbox[0].code.to_string();
        let wrong = if code == "000000" { "000001" } else { "000000" };
        let refused = world
            .respond(challenge, &asked["Session"], json!({"USERNAME": "ada", code_name: wrong}))
            .unwrap_err();
        assert_eq!(refused.to_string(), "CodeMismatchException: Invalid code or auth state for the user.");
        let answers = json!({"USERNAME": "ada", code_name: code});
        let done = world.respond(challenge, &asked["Session"], answers).unwrap();
        assert!(done["AuthenticationResult"]["AccessToken"].is_string());
        assert_eq!(done["AuthenticationResult"]["NewDeviceMetadata"], Value::Null);
    }
}

#[test]
fn a_code_alone_is_no_choice_where_two_factors_are_due() {
    let mut world = world();
    world.enrol_totp("ada");
    let asked = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "EMAIL_OTP"}));
    assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD"]));
    let answers = json!({"USERNAME": "ada", "ANSWER": "EMAIL_OTP"});
    let refused = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap_err();
    assert!(refused.to_string().starts_with("InvalidParameterException"));
    let answers = json!({"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
    let asked = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap();
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
}

#[test]
fn who_there_is_not_goes_the_same_way() {
    let mut world = world();
    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_USER_AUTH"], "PreventUserExistenceErrors": "ENABLED",
    }));
    let known = start(&mut world, json!({"USERNAME": "ada"}));
    let unknown = start(&mut world, json!({"USERNAME": "nobody"}));
    assert_eq!(known["AvailableChallenges"], unknown["AvailableChallenges"]);
    let ask = json!({"USERNAME": "nobody", "PREFERRED_CHALLENGE": "EMAIL_OTP"});
    let asked = start(&mut world, ask.clone());
    assert!(world.outbox.is_empty(), "and nothing is sent");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let real = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "EMAIL_OTP"}));
    assert_eq!(keys(&asked["ChallengeParameters"]), keys(&real["ChallengeParameters"]));
    assert_eq!(asked["ChallengeParameters"], start(&mut world, ask)["ChallengeParameters"], "stable");
    for (name, session) in [("nobody", &asked["Session"]), ("ada", &real["Session"])] {
        let answers = json!({"USERNAME": name, "EMAIL_OTP_CODE": "0000000"});
        let refused = world.respond("EMAIL_OTP", session, answers).unwrap_err();
        assert_eq!(refused.to_string(), "CodeMismatchException: Invalid code or auth state for the user.");
    }
}

#[test]
fn a_session_of_one_user_is_none_of_another() {
    let mut world = world();
    world.user("eve");
    let asked = start(&mut world, json!({"USERNAME": "eve"}));
    let answers = json!({"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
    let refused = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap_err();
    assert_eq!(refused.to_string(), "NotAuthorizedException: Invalid session for the user.");
}
