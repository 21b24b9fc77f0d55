//! State issued for one pool, client, user or device is invalid for another.

use device_pool::ServiceError;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Device, Flow, PASSWORD, World};

const INVALID: &str = "NotAuthorizedException: Invalid session for the user.";
const USED: &str =
    "NotAuthorizedException: Invalid session for the user, session can only be used once.";

/// Pool and client ids, which a [`World`] uses for its calls.
type Place = (String, String);

fn refusal(answer: Result<Value, ServiceError>) -> String {
    answer.unwrap_err().to_string()
}

/// Switches to another pool with the same settings and an `ada` with the same password.
fn elsewhere(world: &mut World) -> Place {
    let here = (world.pool.clone(), world.client.clone());
    let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "others"}));
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH"],
    }));
    world.set_devices(json!({"ChallengeRequiredOnNewDevice": true}));
    world.set_mfa("OPTIONAL");
    world.user("ada");
    here
}

fn back(world: &mut World, here: &Place) {
    (world.pool, world.client) = here.clone();
}

/// Users `ada` and `bob`, each with a remembered device.
fn remembered() -> (World, Device, Device) {
    let mut world = World::with(json!({"ChallengeRequiredOnNewDevice": true}), "OPTIONAL");
    let [ada, bob] = ["ada", "bob"].map(|name| {
        world.user(name);
        world.confirmed_device(name, None).0
    });
    (world, ada, bob)
}

#[test]
fn a_device_proof_is_refused_in_another_pool() {
    let (mut world, device, _) = remembered();
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let (answers, session) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
    let here = elsewhere(&mut world);
    for session in [&session, &Value::Null] {
        assert_eq!(
            refusal(world.respond("DEVICE_PASSWORD_VERIFIER", session, answers.clone())),
            INVALID
        );
    }
    let refused = world.device_claim("ada", &device, &asked["Session"]).unwrap_err();
    assert_eq!(
        refused.to_string(),
        INVALID,
        "the session starts no device proof in the other pool"
    );
    back(&mut world, &here);
    world
        .respond("DEVICE_PASSWORD_VERIFIER", &session, answers)
        .expect("the refusals did not use the session up");
}

#[test]
fn a_device_proof_is_refused_for_another_user() {
    let (mut world, device, other) = remembered();
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let refused = world.device_claim("bob", &other, &asked["Session"]).unwrap_err();
    assert_eq!(refused.to_string(), INVALID, "the session belongs to the other user");
    let (answers, session) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
    for session in [&session, &Value::Null] {
        let mut as_bob = answers.clone();
        as_bob["USERNAME"] = json!("bob");
        assert_eq!(
            refusal(world.respond("DEVICE_PASSWORD_VERIFIER", session, as_bob.clone())),
            INVALID
        );
        as_bob["DEVICE_KEY"] = json!(other.key);
        assert_eq!(refusal(world.respond("DEVICE_PASSWORD_VERIFIER", session, as_bob)), INVALID);
    }
    world
        .respond("DEVICE_PASSWORD_VERIFIER", &session, answers)
        .expect("the refusals did not use the session up");
}

#[test]
fn another_users_device_does_not_exist() {
    let (mut world, _, other) = remembered();
    assert_eq!(
        refusal(world.first_factor(Flow::Srp, "ada", Some(&other.key))),
        "ResourceNotFoundException: Device does not exist."
    );
    let refused = world.device_claim("ada", &other, &Value::Null).unwrap_err();
    assert_eq!(refused.to_string(), INVALID);
}

#[test]
fn a_session_is_refused_in_another_pool() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let session = world.first_factor(Flow::Srp, "ada", None).unwrap()["Session"].clone();
    let here = elsewhere(&mut world);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
    assert_eq!(refusal(world.respond("SOFTWARE_TOKEN_MFA", &session, answers.clone())), INVALID);
    back(&mut world, &here);
    world.respond("SOFTWARE_TOKEN_MFA", &session, answers).expect("the refusal used nothing up");
}

#[test]
fn tokens_are_valid_only_in_their_own_pool() {
    let mut world = World::new();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    elsewhere(&mut world);
    let refresh = json!({"ClientId": world.client, "RefreshToken": signed_in.refresh_token()});
    assert_eq!(
        world.refused(Operation::GetTokensFromRefreshToken, refresh),
        "NotAuthorizedException: Invalid Refresh Token."
    );
    let revoke = json!({"ClientId": world.client, "Token": signed_in.refresh_token()});
    assert_eq!(
        world.refused(Operation::RevokeToken, revoke),
        "InvalidParameterException: Invalid Refresh Token."
    );
    // The access token's user is still in the other pool, with the same name.
    let sub = |answer: &Value| {
        let attributes = answer["UserAttributes"].as_array().unwrap();
        attributes.iter().find(|attribute| attribute["Name"] == "sub").unwrap()["Value"].clone()
    };
    let whose = world.ok(Operation::GetUser, json!({"AccessToken": signed_in.access_token()}));
    let here =
        world.ok(Operation::AdminGetUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    assert_ne!(sub(&whose), sub(&here));
}

#[test]
fn a_device_key_is_confirmed_only_by_its_user() {
    let (mut world, _, _) = remembered();
    let ada = world.sign_in("ada", None, None);
    let device = world.issued_device(&ada);
    let bob = world.sign_in("bob", None, None);
    let request = world.confirmation(&bob.access_token(), &device);
    let refused = "InvalidParameterException: Invalid device key given.";
    assert_eq!(world.refused(Operation::ConfirmDevice, request), refused);
    let here = elsewhere(&mut world);
    let namesake = world.sign_in("ada", None, None);
    let request = world.confirmation(&namesake.access_token(), &device);
    assert_eq!(world.refused(Operation::ConfirmDevice, request), refused);
    back(&mut world, &here);
    let request = world.confirmation(&ada.access_token(), &device);
    world.ok(Operation::ConfirmDevice, request);
}

#[test]
fn no_challenge_is_skipped_or_answered_out_of_turn() {
    let mut world = World::with(json!({}), "OPTIONAL");
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let (device, _) = world.confirmed_device("ada", Some(&totp));
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let session = &asked["Session"];
    let anything = json!({
        "USERNAME": "ada", "NEW_PASSWORD": "Another-one-8", "DEVICE_KEY": device.key, "SRP_A": "5",
        "SOFTWARE_TOKEN_MFA_CODE": "000000", "SMS_MFA_CODE": "000000", "EMAIL_OTP_CODE": "000000",
        "ANSWER": "SOFTWARE_TOKEN_MFA", "PASSWORD": PASSWORD,
        "PASSWORD_CLAIM_SIGNATURE": "A".repeat(43) + "=", "PASSWORD_CLAIM_SECRET_BLOCK": "AAAA",
        "TIMESTAMP": world.timestamp(),
    });
    for challenge in [
        "NEW_PASSWORD_REQUIRED",
        "MFA_SETUP",
        "SMS_MFA",
        "EMAIL_OTP",
        "SELECT_MFA_TYPE",
        "SELECT_CHALLENGE",
        "CUSTOM_CHALLENGE",
        "PASSWORD",
        "PASSWORD_SRP",
        "PASSWORD_VERIFIER",
        "DEVICE_SRP_AUTH",
        "DEVICE_PASSWORD_VERIFIER",
        "ADMIN_NO_SRP_AUTH",
        "WEB_AUTHN",
    ] {
        assert!(world.respond(challenge, session, anything.clone()).is_err(), "{challenge}");
    }
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
    let asked =
        world.respond("SOFTWARE_TOKEN_MFA", session, answers).expect("none of them used it up");
    assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
    // The proof must follow its own exchange; no code replaces it.
    let early = world.respond("DEVICE_PASSWORD_VERIFIER", &asked["Session"], anything);
    assert!(early.is_err());
    let code = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
    assert_eq!(refusal(world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], code)), INVALID);
    let (answers, proof) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
    world.respond("DEVICE_PASSWORD_VERIFIER", &proof, answers).unwrap();
}

#[test]
fn no_answer_is_valid_twice() {
    let mut world = World::with(json!({}), "OPTIONAL");
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let (device, _) = world.confirmed_device("ada", Some(&totp));
    let mut claim = world.srp_claim("ada", PASSWORD);
    claim["DEVICE_KEY"] = json!(device.key);
    let asked = world.respond("PASSWORD_VERIFIER", &Value::Null, claim.clone()).unwrap();
    assert_eq!(refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim)), USED);
    let code = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
    let next = world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], code.clone()).unwrap();
    assert_eq!(refusal(world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], code)), USED);
    let (answers, proof) = world.device_claim("ada", &device, &next["Session"]).unwrap();
    let (others, of_others) = world.device_claim("ada", &device, &next["Session"]).unwrap();
    world.respond("DEVICE_PASSWORD_VERIFIER", &proof, answers.clone()).unwrap();
    assert_eq!(refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &of_others, others)), USED);
    assert_eq!(world.device_claim("ada", &device, &next["Session"]).unwrap_err().to_string(), USED);
    assert_eq!(refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &proof, answers)), USED);
}
