//! Guessing codes, under any number of names, must not succeed or lock users out.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::{attribute, pool_with, sent_code, sign_up, verifying_email};
use crate::world::{Device, Flow, PASSWORD, World};

const EXPIRED: &str = "ExpiredCodeException: Invalid code provided, please request a code again.";
const MISMATCH: &str =
    "CodeMismatchException: Invalid verification code provided, please try again.";
const TOO_MANY: &str =
    "LimitExceededException: Attempt limit exceeded, please try after some time.";
const INCORRECT: &str = "NotAuthorizedException: Incorrect username or password.";
const LOCKED: &str = "NotAuthorizedException: Password attempts exceeded";

const STRANGER: [u8; 4] = [198, 51, 100, 66];
const NEW_PASSWORD: &str = "Another-horse-8";

/// Ada with a verified address.
fn ada(world: &mut World) {
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
}

fn named(world: &World, name: &str) -> Value {
    json!({"ClientId": world.client, "Username": name})
}

fn forgot(world: &mut World, name: &str) -> String {
    let request = named(world, name);
    world.ok(Operation::ForgotPassword, request);
    sent_code(world)
}

fn reset(world: &mut World, name: &str, code: &str) -> String {
    let mut request = named(world, name);
    request["ConfirmationCode"] = json!(code);
    request["Password"] = json!(NEW_PASSWORD);
    word(world.call(Operation::ConfirmForgotPassword, request))
}

fn confirm(world: &mut World, name: &str, code: &str) -> String {
    let mut request = named(world, name);
    request["ConfirmationCode"] = json!(code);
    word(world.call(Operation::ConfirmSignUp, request))
}

fn word(answer: Result<Value, device_pool::ServiceError>) -> String {
    answer.map_or_else(|error| error.to_string(), |_| "done".to_owned())
}

fn password(world: &mut World, password: &str, device: Option<&Device>) -> String {
    let mut claim = world.srp_claim("ada", password);
    if let Some(device) = device {
        claim["DEVICE_KEY"] = json!(device.key);
    }
    word(world.respond("PASSWORD_VERIFIER", &Value::Null, claim))
}

/// A stranger's guesses at the password, as fast as they are admitted.
fn guess(world: &mut World, times: usize) {
    let home = std::mem::replace(&mut world.ip, STRANGER);
    for _ in 0..times {
        while password(world, "wrong", None) == LOCKED {
            world.seconds(60);
        }
    }
    world.ip = home;
}

#[test]
fn the_last_three_codes_are_all_valid() {
    for kept in 0..4 {
        let mut world = verifying_email();
        ada(&mut world);
        let codes: Vec<String> = (0..4).map(|_| forgot(&mut world, "ada")).collect();
        let answer = if kept == 0 { MISMATCH } else { "done" };
        assert_eq!(reset(&mut world, "ada", &codes[kept]), answer, "{kept}");
        if kept > 0 {
            let other = if kept == 3 { 2 } else { kept + 1 };
            assert_eq!(
                reset(&mut world, "ada", &codes[other]),
                EXPIRED,
                "one code resets the password, and then none is valid"
            );
        }
    }
}

#[test]
fn an_earlier_code_expires_in_its_own_time() {
    let mut world = verifying_email();
    ada(&mut world);
    let early = forgot(&mut world, "ada");
    world.seconds(40 * 60);
    let late = forgot(&mut world, "ada");
    world.seconds(20 * 60);
    assert_eq!(reset(&mut world, "ada", &early), MISMATCH);
    assert_eq!(reset(&mut world, "ada", &late), "done");
}

#[test]
fn a_code_is_invalid_after_five_wrong_answers() {
    let mut world = verifying_email();
    ada(&mut world);
    let early = forgot(&mut world, "ada");
    for _ in 0..4 {
        assert_eq!(reset(&mut world, "ada", "12345x"), MISMATCH);
    }
    let late = forgot(&mut world, "ada");
    assert_eq!(reset(&mut world, "ada", "12345x"), MISMATCH);
    world.seconds(1);
    assert_eq!(reset(&mut world, "ada", &early), MISMATCH, "five wrong answers");
    world.seconds(2);
    assert_eq!(reset(&mut world, "ada", &late), "done", "two wrong answers");
}

#[test]
fn an_address_is_not_guessed_at_under_many_names() {
    let mut world = pool_with(json!({
        "AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email"],
    }));
    ada(&mut world);
    world.ip = STRANGER;
    let mut looked_at = 0;
    for n in 0..20 {
        let name = format!("mallory{n}");
        let request = sign_up(&world, &name, &[("email", "ada@example.com")]);
        world.ok(Operation::SignUp, request);
        for _ in 0..5 {
            looked_at += usize::from(confirm(&mut world, &name, "12345x") == MISMATCH);
        }
    }
    assert_eq!(looked_at, 5, "five of a hundred guesses are checked");
    // Strangers' requests for the address do not keep its user from resetting the password.
    let code = forgot(&mut world, "ada");
    assert_eq!(reset(&mut world, "ada", &code), "done");
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "true");
}

#[test]
fn guesses_at_an_address_are_a_hundred_a_day() {
    let mut world = verifying_email();
    let mut looked_at = 0;
    let begun = world.now;
    for n in 0.. {
        let name = format!("mallory{n}");
        let request = sign_up(&world, &name, &[("email", "ada@example.com")]);
        if world.call(Operation::SignUp, request).is_err() {
            world.seconds(60);
            continue;
        }
        for _ in 0..5 {
            while confirm(&mut world, &name, "12345x") != MISMATCH {
                world.seconds(60);
            }
            looked_at += 1;
        }
        if world.now - begun > 24 * 60 * 60_000 {
            break;
        }
    }
    assert!((90..=115).contains(&looked_at), "{looked_at}");
}

#[test]
fn one_address_is_sent_twenty_codes_an_hour_of_a_kind() {
    let mut world = verifying_email();
    let mut sent = 0;
    for n in 0..30 {
        let request = sign_up(&world, &format!("mallory{n}"), &[("email", "ada@example.com")]);
        match world.call(Operation::SignUp, request) {
            Ok(_) => sent += world.outbox.len(),
            Err(error) => assert!(error.to_string().ends_with("please try after some time.")),
        }
    }
    assert_eq!(sent, 20);
    let request = sign_up(&world, "bob", &[("email", "bob@example.com")]);
    world.ok(Operation::SignUp, request);
    world.seconds(60 * 60);
    let request = sign_up(&world, "eve", &[("email", "ada@example.com")]);
    world.ok(Operation::SignUp, request);
}

/// A user with SMS as second factor.
fn texted(world: &mut World, name: &str, number: &str, verified: &str) {
    world.user(name);
    world.set_attributes(name, &[("phone_number", number), ("phone_number_verified", verified)]);
    world.ok(
        Operation::AdminSetUserMFAPreference,
        json!({"UserPoolId": world.pool, "Username": name, "SMSMfaSettings": {"Enabled": true}}),
    );
}

#[test]
fn second_factors_are_sent_twenty_times_an_hour() {
    let mut world = World::new();
    world.offer_all_factors("OPTIONAL");
    texted(&mut world, "mallory", "+19005550199", "false");
    texted(&mut world, "trudy", "+19005550199", "false");
    texted(&mut world, "ada", "+19005550199", "true");
    let mut sent = 0;
    for n in 0..60 {
        let name = ["mallory", "trudy"][n % 2];
        if world.first_factor(Flow::Password, name, None).is_ok() {
            sent += world.outbox.len();
        }
    }
    assert_eq!(sent, 20, "the limit counts all users who claim the number");
    // The owner of the number is not stopped, nor is a user who answers, however often.
    for _ in 0..25 {
        let asked = world.first_factor(Flow::Password, "ada", None).unwrap();
        let answers = json!({"USERNAME": "ada", "SMS_MFA_CODE": sent_code(&world)});
        world.respond("SMS_MFA", &asked["Session"], answers).unwrap();
    }
}

#[test]
fn a_remembered_device_is_not_locked_out_by_strangers() {
    let mut world = World::with(
        json!({"ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false}),
        "OFF",
    );
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    world.ip = STRANGER;
    for _ in 0..5 {
        assert_eq!(password(&mut world, "wrong", None), INCORRECT);
    }
    assert_eq!(password(&mut world, PASSWORD, None), LOCKED);
    world.sign_in("ada", Some(&device), None);
    // Anyone who knows the device's key has five guesses counted separately.
    for _ in 0..5 {
        assert_eq!(password(&mut world, "wrong", Some(&device)), INCORRECT);
    }
    assert_eq!(password(&mut world, PASSWORD, Some(&device)), LOCKED);
    // A device that is not remembered, or is another user's, gives no guesses.
    world.seconds(60 * 60);
    world.set_status("ada", &device, "not_remembered");
    for _ in 0..5 {
        assert_eq!(password(&mut world, "wrong", None), INCORRECT);
    }
    assert_eq!(password(&mut world, PASSWORD, Some(&device)), LOCKED);
}

#[test]
fn a_wait_that_others_caused_admits_the_user() {
    let mut world = World::new();
    world.user("ada");
    guess(&mut world, 5);
    let home = std::mem::replace(&mut world.ip, STRANGER);
    assert_eq!(
        password(&mut world, PASSWORD, None),
        LOCKED,
        "the address of the guesses is locked out"
    );
    world.ip = home;
    assert_eq!(password(&mut world, PASSWORD, None), "done");
}

#[test]
fn a_wait_admits_ten_wrong_guesses_in_total() {
    let mut world = World::new();
    world.user("ada");
    guess(&mut world, 5);
    let looked_at = (0..50).filter(|n| {
        world.ip = [203, 0, 113, *n];
        password(&mut world, "wrong", None) == INCORRECT
    });
    assert_eq!(looked_at.count(), 10);
    world.ip = [192, 0, 2, 1];
    assert_eq!(password(&mut world, PASSWORD, None), LOCKED);
}

#[test]
fn a_right_code_is_admitted_in_a_wait_of_strangers() {
    let mut world = verifying_email();
    ada(&mut world);
    let home = std::mem::replace(&mut world.ip, STRANGER);
    for _ in 0..5 {
        assert_eq!(reset(&mut world, "ada", "12345x"), EXPIRED);
    }
    assert_eq!(reset(&mut world, "ada", "12345x"), TOO_MANY);
    world.ip = home;
    let code = forgot(&mut world, "ada");
    assert_eq!(reset(&mut world, "ada", &code), "done");
}

#[test]
fn a_reset_or_an_administrator_lifts_a_lockout() {
    for way in ["reset", "set", "void"] {
        let mut world = verifying_email();
        ada(&mut world);
        for _ in 0..5 {
            assert_eq!(password(&mut world, "wrong", None), INCORRECT);
        }
        assert_eq!(password(&mut world, PASSWORD, None), LOCKED);
        let user = json!({"UserPoolId": world.pool, "Username": "ada"});
        match way {
            "reset" => {
                let code = forgot(&mut world, "ada");
                assert_eq!(reset(&mut world, "ada", &code), "done");
            }
            "set" => {
                let mut request = user;
                request["Password"] = json!(NEW_PASSWORD);
                request["Permanent"] = json!(true);
                world.ok(Operation::AdminSetUserPassword, request);
            }
            _ => {
                world.ok(Operation::AdminResetUserPassword, user);
                let refused = password(&mut world, PASSWORD, None);
                assert!(refused.starts_with("PasswordResetRequiredException"), "{refused}");
                let code = sent_code_of_reset(&mut world);
                assert_eq!(reset(&mut world, "ada", &code), "done");
            }
        }
        assert_eq!(password(&mut world, NEW_PASSWORD, None), "done", "{way}");
    }
}

/// Another code for a password that an administrator reset.
fn sent_code_of_reset(world: &mut World) -> String {
    forgot(world, "ada")
}

#[test]
fn a_hundred_failures_in_a_row_stop_all_guesses() {
    let mut world = verifying_email();
    ada(&mut world);
    guess(&mut world, 99);
    world.seconds(60 * 60);
    assert_eq!(password(&mut world, PASSWORD, None), "done", "a success resets the count");
    guess(&mut world, 100);
    world.seconds(300 * 24 * 60 * 60);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(password(&mut world, PASSWORD, None), LOCKED, "time does not lift it");
    let code = forgot(&mut world, "ada");
    assert_eq!(reset(&mut world, "ada", &code), "done");
    assert_eq!(password(&mut world, NEW_PASSWORD, None), "done");
}

#[test]
fn a_recovered_password_lifts_no_lockout_of_mfa_codes() {
    let mut world = World::opt_in();
    ada(&mut world);
    let totp = world.enrol_totp("ada");
    let wrong = |world: &mut World| {
        let asked = world.first_factor(Flow::Password, "ada", None).unwrap();
        let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": "12345x"});
        word(world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers))
    };
    let mut failures = 0;
    while failures < 100 {
        match wrong(&mut world).as_str() {
            LOCKED => world.seconds(60),
            _ => failures += 1,
        }
    }
    world.seconds(24 * 60 * 60);
    assert_eq!(wrong(&mut world), LOCKED);
    let by_admin = json!({
        "UserPoolId": world.pool, "Username": "ada", "Password": PASSWORD, "Permanent": true,
    });
    let code = forgot(&mut world, "ada");
    assert_eq!(reset(&mut world, "ada", &code), "done");
    let asked = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": NEW_PASSWORD},
    });
    let asked = world.ok(Operation::InitiateAuth, asked);
    let code = world.code(&totp);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
    let refused = word(world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers));
    assert_eq!(refused, LOCKED, "a password reset by e-mail does not lift the lockout of codes");
    world.ok(Operation::AdminSetUserPassword, by_admin);
    world.sign_in("ada", None, Some(&totp));
}
