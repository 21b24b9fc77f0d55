//! Challenges cannot be skipped, reordered, replayed, or used by another client, user, device or
//! pool.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Device, Flow, PASSWORD, World};

const INVALID: &str = "NotAuthorizedException: Invalid session for the user.";
const USED: &str =
    "NotAuthorizedException: Invalid session for the user, session can only be used once.";
const EXPIRED: &str = "NotAuthorizedException: Invalid session for the user, session is expired.";
const INCORRECT: &str = "NotAuthorizedException: Incorrect username or password.";

/// A user with MFA and a device that stands in for it.
fn remembered() -> (World, Device, String) {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let (device, _) = world.confirmed_device("ada", Some(&totp));
    world.set_status("ada", &device, "remembered");
    (world, device, totp)
}

fn refusal(answer: Result<Value, device_pool::ServiceError>) -> String {
    answer.unwrap_err().to_string()
}

#[test]
fn a_password_proof_is_valid_once() {
    let mut world = World::new();
    world.user("ada");
    let claim = world.srp_claim("ada", PASSWORD);
    world.respond("PASSWORD_VERIFIER", &Value::Null, claim.clone()).unwrap();
    assert_eq!(refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim)), USED);
}

/// What was used is still known after the clock has stepped forwards, when records of that age are
/// removed, and back.
#[test]
fn no_step_of_the_clock_makes_a_proof_valid_again() {
    let (mut world, device, _) = remembered();
    let claim = world.srp_claim("ada", PASSWORD);
    world.respond("PASSWORD_VERIFIER", &Value::Null, claim.clone()).unwrap();
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let (proof, session) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
    world.respond("DEVICE_PASSWORD_VERIFIER", &session, proof.clone()).unwrap();
    for seconds in [300, 600] {
        world.seconds(seconds);
        world.engine.purge(world.moment()).unwrap();
        world.seconds(-seconds);
        let again = world.respond("PASSWORD_VERIFIER", &Value::Null, claim.clone());
        assert_eq!(refusal(again), USED, "{seconds} s");
        let again = world.respond("DEVICE_PASSWORD_VERIFIER", &session, proof.clone());
        assert_eq!(refusal(again), USED, "{seconds} s");
    }
}

#[test]
fn a_password_proof_expires() {
    let mut world = World::new();
    world.user("ada");
    let claim = world.srp_claim("ada", PASSWORD);
    world.seconds(180);
    assert_eq!(refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim)), EXPIRED);
}

#[test]
fn a_timestamp_may_be_five_minutes_off_and_no_more() {
    let mut world = World::new();
    let settings = json!({"AuthSessionValidity": 15, "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]});
    world.client = world.make_client(settings);
    world.user("ada");
    for (seconds, accepted) in [(300, true), (302, false)] {
        let claim = world.srp_claim("ada", PASSWORD);
        world.seconds(seconds);
        let answer = world.respond("PASSWORD_VERIFIER", &Value::Null, claim);
        assert_eq!(answer.is_ok(), accepted, "{seconds} s");
    }
    let mut claim = world.srp_claim("ada", PASSWORD);
    claim["TIMESTAMP"] = json!("2026-11-21T00:00:00Z");
    assert!(
        refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim))
            .starts_with("InvalidParameterException")
    );
}

#[test]
fn a_proof_signs_the_timestamp_in_its_exact_form() {
    let mut world = World::new();
    world.user("ada");
    world.seconds(11 * 24 * 60 * 60);
    let exact = world.timestamp();
    let (weekday, rest) = exact.split_once(' ').unwrap();
    let (month, rest) = rest.split_once(' ').unwrap();
    assert_eq!((weekday, month, &rest[..2]), ("Fri", "Oct", "2 "));
    let form = "InvalidParameterException: TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in \
                english.";
    for (timestamp, says) in [
        (format!("Sat {month} {rest}"), INCORRECT),
        (format!("{weekday} {month} 0{rest}"), INCORRECT),
        (format!("ven. {month} {rest}"), form),
        (format!("{weekday} okt. {rest}"), form),
        (exact.replace("UTC", "IST"), form),
        (format!("{exact} "), form),
    ] {
        let claim = world.srp_claim_at(&timestamp, "ada", PASSWORD);
        let refused = refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim));
        assert_eq!(refused, says, "{timestamp}");
    }
    let claim = world.srp_claim_at(&exact, "ada", PASSWORD);
    world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap();
}

#[test]
fn a_proof_is_bound_to_its_client_and_user() {
    let mut world = World::new();
    world.user("ada");
    world.user("bob");
    let claim = world.srp_claim("ada", PASSWORD);
    let own = world.client.clone();
    world.client = world.make_client(json!({}));
    let refused = refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim.clone()));
    assert_eq!(refused, INCORRECT);
    world.client = own;
    let mut as_bob = claim.clone();
    as_bob["USERNAME"] = json!("bob");
    assert_eq!(refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, as_bob)), INCORRECT);
    world.respond("PASSWORD_VERIFIER", &Value::Null, claim).expect("the refusals used nothing up");
}

#[test]
fn a_proof_for_one_pool_is_refused_by_another() {
    let mut world = World::new();
    world.user("ada");
    let claim = world.srp_claim("ada", PASSWORD);
    let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "others"}));
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({}));
    world.user("ada");
    assert_eq!(refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim)), INCORRECT);
}

#[test]
fn each_changed_part_of_a_proof_is_refused() {
    let mut world = World::new();
    world.user("ada");
    let good = world.srp_claim("ada", PASSWORD);
    let other = world.srp_claim("ada", PASSWORD);
    let signature = "PASSWORD_CLAIM_SIGNATURE";
    for (name, value, says) in [
        (signature, other[signature].clone(), INCORRECT),
        (signature, json!("AAAA"), INCORRECT),
        (signature, json!("no base64!"), INCORRECT),
        ("PASSWORD_CLAIM_SECRET_BLOCK", other["PASSWORD_CLAIM_SECRET_BLOCK"].clone(), INCORRECT),
        ("PASSWORD_CLAIM_SECRET_BLOCK", json!("AAAA"), INCORRECT),
        ("TIMESTAMP", json!("Thu Jan 1 00:00:00 UTC 1970"), INCORRECT),
    ] {
        let mut claim = good.clone();
        claim[name] = value.clone();
        // Otherwise a lockout would refuse the later attempts unchecked.
        world.seconds(8);
        assert_eq!(
            refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim)),
            says,
            "{name} = {value}"
        );
    }
    for name in ["USERNAME", signature, "PASSWORD_CLAIM_SECRET_BLOCK", "TIMESTAMP"] {
        let mut claim = good.clone();
        claim.as_object_mut().unwrap().remove(name);
        let says = format!("InvalidParameterException: Missing required parameter {name}");
        assert_eq!(refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, claim)), says);
    }
}

#[test]
fn an_mfa_session_is_valid_once_and_survives_a_wrong_code() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let session = &asked["Session"];
    let answer = |code: &str| json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
    assert_eq!(
        refusal(world.respond("SOFTWARE_TOKEN_MFA", session, answer("12345x"))),
        "CodeMismatchException: Invalid code received for user"
    );
    let code = world.code(&totp);
    world.respond("SOFTWARE_TOKEN_MFA", session, answer(&code)).unwrap();
    let code = world.code(&totp);
    assert_eq!(refusal(world.respond("SOFTWARE_TOKEN_MFA", session, answer(&code))), USED);
}

#[test]
fn an_mfa_session_is_required_and_expires() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    world.seconds(180);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
    assert_eq!(
        refusal(world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers.clone())),
        EXPIRED
    );
    assert_eq!(
        refusal(world.respond("SOFTWARE_TOKEN_MFA", &Value::Null, answers.clone())),
        INVALID
    );
    assert_eq!(
        refusal(world.respond("SOFTWARE_TOKEN_MFA", &json!("x".repeat(40)), answers)),
        INVALID
    );
}

#[test]
fn a_session_is_bound_to_its_client_user_and_challenge() {
    let mut world = World::opt_in();
    world.user("ada");
    world.user("bob");
    let totp = world.enrol_totp("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let session = asked["Session"].clone();
    let code = world.code(&totp);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
    let as_bob = json!({"USERNAME": "bob", "SOFTWARE_TOKEN_MFA_CODE": code});
    assert_eq!(refusal(world.respond("SOFTWARE_TOKEN_MFA", &session, as_bob)), INVALID);
    let new_password = json!({"USERNAME": "ada", "NEW_PASSWORD": "Another-one-8"});
    assert_eq!(refusal(world.respond("NEW_PASSWORD_REQUIRED", &session, new_password)), INVALID);
    assert_eq!(refusal(world.respond("MFA_SETUP", &session, json!({"USERNAME": "ada"}))), INVALID);
    let renamed = json!(session.as_str().unwrap().replacen(&world.client, "other", 1));
    assert_eq!(refusal(world.respond("SOFTWARE_TOKEN_MFA", &renamed, answers.clone())), INVALID);
    let own = world.client.clone();
    world.client = world.make_client(json!({}));
    assert_eq!(refusal(world.respond("SOFTWARE_TOKEN_MFA", &session, answers.clone())), INVALID);
    world.client = own;
    world.respond("SOFTWARE_TOKEN_MFA", &session, answers).expect("the refusals used nothing up");
}

#[test]
fn a_device_cannot_skip_the_second_factor_that_is_due() {
    let (mut world, device, _) = remembered();
    world.set_devices(json!({"DeviceOnlyRememberedOnUserPrompt": true}));
    world.set_mfa("OPTIONAL");
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let refused = world.device_claim("ada", &device, &asked["Session"]).unwrap_err();
    assert_eq!(refused.to_string(), INVALID);
    let refused = world.device_claim("ada", &device, &Value::Null).unwrap_err();
    assert_eq!(refused.to_string(), INVALID, "the device cannot start without a session either");
}

#[test]
fn a_device_alone_does_not_sign_in() {
    let (mut world, device, _) = remembered();
    let refused = world.device_claim("ada", &device, &Value::Null).unwrap_err();
    assert_eq!(refused.to_string(), INVALID);
}

#[test]
fn device_answers_without_a_session_are_taken_once() {
    let (mut world, device, _) = remembered();
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
    assert_eq!(asked["ChallengeParameters"], json!({"USERNAME": "ada"}));
    let (answers, _) = world.device_claim("ada", &device, &Value::Null).unwrap();
    let tokens = world.respond("DEVICE_PASSWORD_VERIFIER", &Value::Null, answers.clone()).unwrap();
    assert!(tokens["AuthenticationResult"]["AccessToken"].is_string());
    assert_eq!(refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &Value::Null, answers)), USED);
    let refused = world.device_claim("ada", &device, &Value::Null).unwrap_err();
    assert_eq!(refused.to_string(), INVALID);
    let refused = world.device_claim("ada", &device, &asked["Session"]).unwrap_err();
    assert_eq!(refused.to_string(), USED);
}

#[test]
fn a_device_may_answer_with_the_session_of_a_passed_code() {
    let mut world = World::with(json!({"DeviceOnlyRememberedOnUserPrompt": true}), "OPTIONAL");
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let (device, _) = world.confirmed_device("ada", Some(&totp));
    world.set_status("ada", &device, "remembered");
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let session = &asked["Session"];
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let refused = world.device_claim("ada", &device, session).unwrap_err();
    assert_eq!(refused.to_string(), INVALID, "the session starts no device proof before the code");
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
    let asked = world.respond("SOFTWARE_TOKEN_MFA", session, answers).unwrap();
    assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
    let (answers, proof) = world.device_claim("ada", &device, session).unwrap();
    let done = world.respond("DEVICE_PASSWORD_VERIFIER", &proof, answers).unwrap();
    assert!(done["AuthenticationResult"]["AccessToken"].is_string());
    let refused = world.device_claim("ada", &device, session).unwrap_err();
    assert_eq!(refused.to_string(), INVALID, "the session starts a device proof only once");
}

#[test]
fn device_answers_without_a_session_grow_old() {
    let (mut world, device, _) = remembered();
    world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    world.seconds(180);
    assert_eq!(world.device_claim("ada", &device, &Value::Null).unwrap_err().to_string(), EXPIRED);
}

#[test]
fn a_device_proof_is_bound_to_session_client_and_device() {
    let (mut world, device, totp) = remembered();
    let (other, _) = world.confirmed_device("ada", Some(&totp));
    world.set_status("ada", &other, "remembered");
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let refused = world.device_claim("ada", &other, &asked["Session"]).unwrap_err();
    assert_eq!(refused.to_string(), INVALID, "the session belongs to the other device");
    let (answers, session) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
    let mut as_other = answers.clone();
    as_other["DEVICE_KEY"] = json!(other.key);
    assert_eq!(refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &session, as_other)), INVALID);
    let foreign = world.first_factor(Flow::Srp, "ada", Some(&other.key)).unwrap();
    assert_eq!(
        refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &foreign["Session"], answers.clone())),
        INVALID
    );
    assert_eq!(refusal(world.respond("PASSWORD_VERIFIER", &Value::Null, answers.clone())), INVALID);
    let own = world.client.clone();
    world.client = world.make_client(json!({}));
    assert_eq!(
        refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &Value::Null, answers.clone())),
        INVALID
    );
    world.client = own;
    world
        .respond("DEVICE_PASSWORD_VERIFIER", &session, answers)
        .expect("the refusals used nothing up");
}

#[test]
fn a_password_proof_is_no_device_proof() {
    let (mut world, device, _) = remembered();
    let mut claim = world.srp_claim("ada", PASSWORD);
    claim["DEVICE_KEY"] = json!(device.key);
    assert_eq!(refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &Value::Null, claim)), INVALID);
}

#[test]
fn a_device_forgotten_during_its_proof_does_not_exist() {
    let (mut world, device, _) = remembered();
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let (answers, session) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
    world.forget("ada", &device);
    assert_eq!(
        refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers)),
        "ResourceNotFoundException: Device does not exist."
    );
}

#[test]
fn public_values_are_checked_before_anything_is_computed() {
    let (mut world, device, _) = remembered();
    let n = "\
        ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22\
        514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6\
        f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3d\
        c2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb\
        9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e8603\
        9b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510\
        15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7d\
        b3970f85a6e1e4c7abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864\
        d87602733ec86a64521f2b18177b200cbbe117577a615d6c770988c0bad946e208e24fa074e5ab31\
        43db5bfce0fd108e4b82d120a93ad2caffffffffffffffff";
    let long = "1".repeat(100_000);
    for srp_a in ["0", "00", n, "zz", "-1", long.as_str()] {
        let start = json!({
            "AuthFlow": "USER_SRP_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": "ada", "SRP_A": srp_a},
        });
        let refused = world.refused(Operation::InitiateAuth, start);
        assert!(refused.starts_with("InvalidParameterException: SRP_A"), "{refused}");
        let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
        let answers = json!({"USERNAME": "ada", "DEVICE_KEY": device.key, "SRP_A": srp_a});
        let refused = refusal(world.respond("DEVICE_SRP_AUTH", &asked["Session"], answers));
        assert!(refused.starts_with("InvalidParameterException: SRP_A"), "{refused}");
        world.device_claim("ada", &device, &asked["Session"]).expect("the refusal used nothing up");
    }
}

#[test]
fn a_sign_in_under_way_ends_when_its_password_is_changed() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let (device, _) = world.confirmed_device("ada", Some(&totp));
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    world.set_status("ada", &device, "remembered");
    let device_asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let (proof, _) = world.device_claim("ada", &device, &device_asked["Session"]).unwrap();
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
    let change = json!({"UserPoolId": world.pool, "Username": "ada", "Password": "Another-one-8",
        "Permanent": true});
    world.ok(Operation::AdminSetUserPassword, change);
    assert_eq!(refusal(world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers)), INVALID);
    assert_eq!(refusal(world.respond("DEVICE_PASSWORD_VERIFIER", &Value::Null, proof)), INVALID);
}

#[test]
fn a_temporary_password_is_replaced_once() {
    let mut world = World::new();
    let temporary =
        json!({"UserPoolId": world.pool, "Username": "ada", "TemporaryPassword": PASSWORD});
    world.ok(Operation::AdminCreateUser, temporary);
    let [late, first] = [(); 2].map(|()| world.first_factor(Flow::Srp, "ada", None).unwrap());
    world.seconds(1);
    let answers = |password: &str| json!({"USERNAME": "ada", "NEW_PASSWORD": password});
    world.respond("NEW_PASSWORD_REQUIRED", &first["Session"], answers("Another-one-8")).unwrap();
    let refused =
        refusal(world.respond("NEW_PASSWORD_REQUIRED", &late["Session"], answers("Yet-another-9")));
    assert_eq!(refused, INVALID);
}

#[test]
fn a_device_in_place_of_a_proven_one_must_prove_itself() {
    let (mut world, device, totp) = remembered();
    let (other, _) = world.confirmed_device("ada", Some(&totp));
    world.set_status("ada", &other, "remembered");
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let (answers, session) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
    world.set_status("ada", &device, "not_remembered");
    let asked = world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers).unwrap();
    assert_eq!(
        asked["ChallengeName"], "SOFTWARE_TOKEN_MFA",
        "the device no longer stands in for the code"
    );
    let code = world.code(&totp);
    let answers =
        json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code, "DEVICE_KEY": other.key});
    let asked = world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).unwrap();
    assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
}

#[test]
fn the_longest_sign_in_keeps_its_sessions_short() {
    let mut world = World::opt_in();
    let name = "\u{10400}".repeat(128);
    world.user(&name);
    let (device, _) = world.confirmed_device(&name, None);
    world.set_status(&name, &device, "remembered");
    let change = json!({"UserPoolId": world.pool, "Username": name, "Password": PASSWORD});
    world.ok(Operation::AdminSetUserPassword, change);
    world.set_devices(json!({}));
    world.set_mfa("ON");
    const ANOTHER: &str = "Another-horse-8";
    let mut lengths = Vec::new();
    let mut session = |answer: &Value| {
        lengths.push(answer["Session"].as_str().unwrap().len());
        answer["Session"].clone()
    };
    let asked = world.first_factor(Flow::Srp, &name, Some(&device.key)).unwrap();
    let answers = json!({"USERNAME": name, "NEW_PASSWORD": ANOTHER});
    world.seconds(1);
    let asked = world.respond("NEW_PASSWORD_REQUIRED", &session(&asked), answers).unwrap();
    let made = world.ok(Operation::AssociateSoftwareToken, json!({"Session": session(&asked)}));
    let code = world.code(made["SecretCode"].as_str().unwrap());
    let verify = json!({"Session": session(&made), "UserCode": code});
    let verified = world.ok(Operation::VerifySoftwareToken, verify);
    let asked = world.respond("MFA_SETUP", &session(&verified), json!({"USERNAME": name})).unwrap();
    let (answers, proof) = world.device_claim(&name, &device, &session(&asked)).unwrap();
    lengths.push(proof.as_str().unwrap().len());
    world.respond("DEVICE_PASSWORD_VERIFIER", &proof, answers).unwrap();
    assert_eq!(lengths.len(), 6);
    assert!(lengths.iter().all(|length| *length <= 2048), "{lengths:?}");
}
