//! Too many failures make the next attempt wait.

use serde_json::{Value, json};

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
fn five_wrong_passwords_lock_even_the_right_one_out_for_a_second() {
    let mut world = World::new();
    world.user("ada");
    for _ in 0..5 {
        assert_eq!(attempt(&mut world, "ada", "wrong"), INCORRECT);
    }
    assert_eq!(attempt(&mut world, "ada", PASSWORD), LOCKED);
    world.seconds(1);
    assert_eq!(attempt(&mut world, "ada", "wrong"), INCORRECT, "the sixth failure");
    world.seconds(1);
    assert_eq!(attempt(&mut world, "ada", PASSWORD), LOCKED, "now it takes two seconds");
    world.seconds(1);
    assert_eq!(attempt(&mut world, "ada", PASSWORD), "in");
    for _ in 0..4 {
        assert_eq!(attempt(&mut world, "ada", "wrong"), INCORRECT);
    }
    assert_eq!(attempt(&mut world, "ada", PASSWORD), "in", "success starts afresh");
}

#[test]
fn a_quarter_of_an_hour_without_attempts_starts_afresh() {
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
fn a_name_that_nobody_has_locks_like_any_other_where_users_are_hidden() {
    let mut world = World::new();
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
    for _ in 0..5 {
        assert_eq!(attempt(&mut world, "nobody", "wrong"), INCORRECT);
    }
    assert_eq!(attempt(&mut world, "nobody", "wrong"), LOCKED);
}

#[test]
fn wrong_codes_lock_the_code_and_not_the_password() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let answer = |world: &mut World, code: &str| {
        let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
        world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).map_err(|error| error.to_string())
    };
    let good = world.code(&totp);
    for _ in 0..5 {
        assert!(answer(&mut world, "12345x").unwrap_err().starts_with("CodeMismatchException"));
    }
    assert_eq!(answer(&mut world, &good).unwrap_err(), LOCKED);
    assert_eq!(attempt(&mut world, "ada", PASSWORD), "in", "as far as the next challenge");
    world.seconds(1);
    answer(&mut world, &good).unwrap();
}

#[test]
fn wrong_device_proofs_are_counted_on_their_own() {
    let mut world = World::with(json!({}), "OFF");
    world.user("ada");
    let (phone, _) = world.confirmed_phone("ada", None);
    let impostor = crate::world::Phone { password: "not the device's".into(), ..phone.clone() };
    for _ in 0..5 {
        let refused = world.try_sign_in(Flow::Srp, "ada", Some(&impostor), None).unwrap_err();
        assert_eq!(refused.to_string(), INCORRECT);
    }
    let refused = world.try_sign_in(Flow::Srp, "ada", Some(&phone), None).unwrap_err();
    assert_eq!(refused.to_string(), LOCKED);
    world.seconds(1);
    world.sign_in("ada", Some(&phone), None);
}
