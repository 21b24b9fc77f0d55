//! Changes during a sign-in take effect at its next answer.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Device, Flow, PASSWORD, World};

const INVALID: &str = "NotAuthorizedException: Invalid session for the user.";
const MISMATCH: &str = "CodeMismatchException: Invalid code or auth state for the user.";

/// A user who signs in with codes by e-mail, stopped when the code was sent.
fn asked_for_email() -> (World, Value, String) {
    let mut world = World::new();
    world.offer_all_factors("OPTIONAL");
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
    prefer(&mut world, json!({"EmailMfaSettings": {"Enabled": true}}));
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
    let code = world.outbox[0].code.to_string();
    (world, asked["Session"].clone(), code)
}

fn prefer(world: &mut World, settings: Value) {
    let mut request = json!({"UserPoolId": world.pool, "Username": "ada"});
    request.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    world.ok(Operation::AdminSetUserMFAPreference, request);
}

/// The response to the right code.
fn answer(world: &mut World, session: &Value, code: &str) -> Result<Value, String> {
    let answers = json!({"USERNAME": "ada", "EMAIL_OTP_CODE": code});
    world.respond("EMAIL_OTP", session, answers).map_err(|error| error.to_string())
}

fn ada(world: &World) -> Value {
    json!({"UserPoolId": world.pool, "Username": "ada"})
}

#[test]
fn a_code_is_valid_if_nothing_changed() {
    let (mut world, session, code) = asked_for_email();
    let done = answer(&mut world, &session, &code).unwrap();
    assert!(done["AuthenticationResult"]["AccessToken"].is_string());
}

#[test]
fn a_factor_switched_off_meanwhile_is_refused() {
    let (mut world, session, code) = asked_for_email();
    prefer(&mut world, json!({"EmailMfaSettings": {"Enabled": false}}));
    assert_eq!(answer(&mut world, &session, &code).unwrap_err(), INVALID);
}

#[test]
fn a_factor_that_the_pool_withdrew_is_refused() {
    let (mut world, session, code) = asked_for_email();
    world.set_mfa("OPTIONAL");
    assert_eq!(answer(&mut world, &session, &code).unwrap_err(), INVALID);
}

#[test]
fn a_code_to_a_former_address_is_refused() {
    let (mut world, session, code) = asked_for_email();
    world.set_attributes("ada", &[("email", "new@example.com"), ("email_verified", "true")]);
    assert_eq!(answer(&mut world, &session, &code).unwrap_err(), MISMATCH);
}

#[test]
fn a_global_sign_out_ends_sign_ins_under_way() {
    let (mut world, session, code) = asked_for_email();
    let request = ada(&world);
    world.ok(Operation::AdminUserGlobalSignOut, request);
    assert_eq!(answer(&mut world, &session, &code).unwrap_err(), INVALID);
}

#[test]
fn a_token_set_up_and_deleted_in_a_sign_in_passes_nothing() {
    let mut world = World::new();
    world.set_mfa("ON");
    world.user("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let made = world.ok(Operation::AssociateSoftwareToken, json!({"Session": asked["Session"]}));
    let code = world.code(made["SecretCode"].as_str().unwrap());
    let verify = json!({"Session": made["Session"], "UserCode": code});
    let verified = world.ok(Operation::VerifySoftwareToken, verify);
    let request = ada(&world);
    world.ok(Operation::AdminDeleteSoftwareToken, request);
    let answers = json!({"USERNAME": "ada"});
    let refused = world.respond("MFA_SETUP", &verified["Session"], answers).unwrap_err();
    assert_eq!(refused.to_string(), INVALID);
}

#[test]
fn sign_outs_count_by_number_while_the_clock_steps_back() {
    let mut world = World::new();
    world.user("ada");
    let before = world.sign_in("ada", None, None).access_token();
    world.seconds(-600);
    let request = ada(&world);
    world.ok(Operation::AdminUserGlobalSignOut, request);
    let after = world.sign_in("ada", None, None).access_token();
    world.ok(Operation::GetUser, json!({"AccessToken": after}));
    for seconds in [0, 600, 60] {
        world.seconds(seconds);
        let refused = world.refused(Operation::GetUser, json!({"AccessToken": before}));
        assert_eq!(refused, "NotAuthorizedException: Access Token has been revoked");
        world.ok(Operation::GetUser, json!({"AccessToken": after}));
    }
}

#[test]
fn a_namesake_made_while_the_clock_steps_back_has_nothing() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    world.set_status("ada", &device, "remembered");
    world.seconds(-600);
    let request = ada(&world);
    world.ok(Operation::AdminDeleteUser, request);
    world.user("ada");
    let get = json!({"AccessToken": signed_in.access_token()});
    let refused = world.refused(Operation::GetUser, get);
    assert_eq!(refused, "NotAuthorizedException: Access Token has been revoked");
    let refused = world.try_sign_in(Flow::Srp, "ada", Some(&device), None).unwrap_err();
    assert_eq!(refused.to_string(), "ResourceNotFoundException: Device does not exist.");
}

/// A user's sign-in, stopped before the proof of a remembered device that stands in for MFA.
fn before_the_proof() -> (World, Device) {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let (device, _) = world.confirmed_device("ada", Some(&totp));
    world.set_status("ada", &device, "remembered");
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
    (world, device)
}

#[test]
fn a_proof_without_session_comes_from_the_same_address() {
    let (mut world, device) = before_the_proof();
    world.ip = [198, 51, 100, 7];
    let refused = world.device_claim("ada", &device, &Value::Null).unwrap_err();
    assert_eq!(refused.to_string(), INVALID);
    world.ip = [203, 0, 113, 9];
    let (answers, session) = world.device_claim("ada", &device, &Value::Null).unwrap();
    world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers).unwrap();
}

#[test]
fn a_proof_without_session_comes_within_ten_seconds() {
    let (mut world, device) = before_the_proof();
    world.now += 9_999;
    world.device_claim("ada", &device, &Value::Null).unwrap();
    world.now += 1;
    assert!(world.device_claim("ada", &device, &Value::Null).is_err());
}

#[test]
fn knowing_a_device_key_does_not_spoil_its_sign_in() {
    let (mut world, device) = before_the_proof();
    let stranger = Device { password: "guessed".to_owned(), ..device.clone() };
    let (answers, session) = world.device_claim("ada", &stranger, &Value::Null).unwrap();
    assert!(world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers).is_err());
    let (answers, session) = world.device_claim("ada", &device, &Value::Null).unwrap();
    world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers).unwrap();
}

#[test]
fn a_pool_can_demand_the_session_of_a_device_proof() {
    for (clients, taken) in [("all", false), ("others", true), ("own", false)] {
        let (mut world, device) = before_the_proof();
        let clients = if clients == "own" { format!("x {}", world.client) } else { clients.into() };
        let pool = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
        let tag = json!({
            "ResourceArn": pool["UserPool"]["Arn"], "Tags": {"device:session-required": clients},
        });
        world.ok(Operation::TagResource, tag);
        let claimed = world.device_claim("ada", &device, &Value::Null);
        assert_eq!(claimed.is_ok(), taken, "{clients}");
    }
}

#[test]
fn a_temporary_password_does_not_become_permanent() {
    let mut world = World::new();
    let mut temporary = ada(&world);
    temporary["TemporaryPassword"] = json!(PASSWORD);
    world.ok(Operation::AdminCreateUser, temporary);
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let mut answers = json!({"USERNAME": "ada", "NEW_PASSWORD": PASSWORD});
    let refused = world.respond("NEW_PASSWORD_REQUIRED", &asked["Session"], answers.clone());
    assert_eq!(
        refused.unwrap_err().to_string(),
        "PasswordHistoryPolicyViolationException: Password has previously been used"
    );
    answers["NEW_PASSWORD"] = json!("Another-horse-8");
    world.respond("NEW_PASSWORD_REQUIRED", &asked["Session"], answers).unwrap();
}
