//! Failed attempts make the next attempt wait.

use std::sync::Arc;

use device_pool::store::Table;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::meddled::{Call, Meddled};
use crate::world::{Flow, PASSWORD, World};

const INCORRECT: &str = "NotAuthorizedException: Incorrect username or password.";
const LOCKED: &str = "NotAuthorizedException: Password attempts exceeded";

fn attempt(world: &mut World, name: &str, password: &str) -> String {
    let claim = world.srp_claim(name, password);
    match world.respond("PASSWORD_VERIFIER", &Value::Null, claim) {
        Ok(_) => "in".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn five_wrong_passwords_lock_out_the_right_one_a_second() {
    let mut world = World::new();
    world.user("ada");
    for _ in 0..5 {
        assert_eq!(attempt(&mut world, "ada", "wrong"), INCORRECT);
    }
    assert_eq!(attempt(&mut world, "ada", PASSWORD), LOCKED);
    world.seconds(1);
    assert_eq!(attempt(&mut world, "ada", "wrong"), INCORRECT, "the sixth failure");
    world.seconds(1);
    assert_eq!(attempt(&mut world, "ada", PASSWORD), LOCKED, "the wait is two seconds now");
    world.seconds(1);
    assert_eq!(attempt(&mut world, "ada", PASSWORD), "in");
    for _ in 0..4 {
        assert_eq!(attempt(&mut world, "ada", "wrong"), INCORRECT);
    }
    assert_eq!(attempt(&mut world, "ada", PASSWORD), "in", "a success resets the count");
}

#[test]
fn fifteen_minutes_without_attempts_reset_the_count() {
    let mut world = World::new();
    world.user("ada");
    for _ in 0..5 {
        attempt(&mut world, "ada", "wrong");
    }
    world.seconds(1 + 15 * 60);
    for _ in 0..5 {
        assert_eq!(attempt(&mut world, "ada", "wrong"), INCORRECT);
    }
    assert_eq!(attempt(&mut world, "ada", PASSWORD), LOCKED);
}

#[test]
fn an_unknown_name_locks_alike_if_users_are_hidden() {
    let mut world = World::new();
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
    for _ in 0..5 {
        assert_eq!(attempt(&mut world, "nobody", "wrong"), INCORRECT);
    }
    assert_eq!(attempt(&mut world, "nobody", "wrong"), LOCKED);
    assert_eq!(
        attempt(&mut world, "NOBODY", "wrong"),
        LOCKED,
        "an unknown name locks like a user, in any letter case"
    );
}

#[test]
fn all_flows_clients_and_spellings_are_counted_together() {
    let mut world = World::new();
    world.user("ada");
    let flows = [
        "ALLOW_USER_SRP_AUTH",
        "ALLOW_USER_PASSWORD_AUTH",
        "ALLOW_USER_AUTH",
        "ALLOW_ADMIN_USER_PASSWORD_AUTH",
    ];
    world.client = world.make_client(json!({"ExplicitAuthFlows": flows}));
    let other = world.make_client(json!({"ExplicitAuthFlows": flows}));
    let guess = |world: &mut World, flow: &str, name: &str, password: &str| {
        let mut body = json!({"ClientId": world.client, "AuthFlow": flow,
            "AuthParameters": {"USERNAME": name, "PASSWORD": password,
                "PREFERRED_CHALLENGE": "PASSWORD"}});
        let operation = if flow == "ADMIN_USER_PASSWORD_AUTH" {
            body["UserPoolId"] = json!(world.pool);
            Operation::AdminInitiateAuth
        } else {
            Operation::InitiateAuth
        };
        world.call(operation, body).map_or_else(|error| error.to_string(), |_| "in".to_owned())
    };
    assert_eq!(attempt(&mut world, "ada", "wrong"), INCORRECT);
    assert_eq!(guess(&mut world, "USER_PASSWORD_AUTH", "ADA", "wrong"), INCORRECT);
    assert_eq!(guess(&mut world, "USER_AUTH", "ada", "wrong"), INCORRECT);
    assert_eq!(guess(&mut world, "ADMIN_USER_PASSWORD_AUTH", "ada", "wrong"), INCORRECT);
    world.client = other;
    assert_eq!(guess(&mut world, "USER_PASSWORD_AUTH", "Ada", "wrong"), INCORRECT);
    for flow in ["USER_PASSWORD_AUTH", "USER_AUTH", "ADMIN_USER_PASSWORD_AUTH"] {
        assert_eq!(guess(&mut world, flow, "ada", PASSWORD), LOCKED, "{flow}");
    }
    assert_eq!(attempt(&mut world, "aDa", PASSWORD), LOCKED);
}

#[test]
fn concurrent_guesses_wait_for_one_another() {
    // Neither answer writes anything: one is a challenge, the other a refusal.
    for device_key in [None, Some("eu-test-1_0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0")] {
        let store = Arc::new(Meddled::default());
        let mut world = World::over(store.clone(), 7);
        world.set_devices(json!({}));
        world.set_mfa("OPTIONAL");
        world.user("ada");
        world.enrol_totp("ada");
        let mut others = World::over(store.clone(), 8);
        (others.pool, others.client, others.now) =
            (world.pool.clone(), world.client.clone(), world.now);
        // Between the command's read of the attempts and its answer.
        let reads_attempts =
            |call: &Call<'_>| matches!(call, Call::Get(key, _) if key.table == Table::Attempts);
        store.meddle_once(reads_attempts, move || {
            for _ in 0..5 {
                let start = json!({
                    "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": others.client,
                    "AuthParameters": {"USERNAME": "ada", "PASSWORD": "wrong"},
                });
                assert_eq!(others.refused(Operation::InitiateAuth, start), INCORRECT);
            }
        });
        let refused = world.first_factor(Flow::Password, "ada", device_key).unwrap_err();
        assert_eq!(
            refused.to_string(),
            LOCKED,
            "five other guesses had failed before the right one"
        );
    }
}

#[test]
fn wrong_codes_lock_the_code_and_not_the_password() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let answer = |world: &mut World, code: &str| {
        let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
        world
            .respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers)
            .map_err(|error| error.to_string())
    };
    let good = world.code(&totp);
    for _ in 0..5 {
        assert!(answer(&mut world, "12345x").unwrap_err().starts_with("CodeMismatchException"));
    }
    assert_eq!(answer(&mut world, &good).unwrap_err(), LOCKED);
    assert_eq!(attempt(&mut world, "ada", PASSWORD), "in", "the password is not locked");
    world.seconds(1);
    answer(&mut world, &good).unwrap();
}

#[test]
fn wrong_device_proofs_are_counted_separately() {
    let mut world = World::with(json!({}), "OFF");
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    let impostor = crate::world::Device { password: "not the device's".into(), ..device.clone() };
    for _ in 0..5 {
        let refused = world.try_sign_in(Flow::Srp, "ada", Some(&impostor), None).unwrap_err();
        assert_eq!(refused.to_string(), INCORRECT);
    }
    let refused = world.try_sign_in(Flow::Srp, "ada", Some(&device), None).unwrap_err();
    assert_eq!(refused.to_string(), LOCKED);
    world.seconds(1);
    world.sign_in("ada", Some(&device), None);
}
