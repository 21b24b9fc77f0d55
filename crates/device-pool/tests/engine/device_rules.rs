//! What a sign-in asks for, in every combination of settings, device states and flows.
//!
//! Each row below is a setting; each column is the state of the presented device. A cell says what
//! follows the password:
//!
//! - `code`: a code of a second factor is required
//! - `proof`: the device must prove its secret
//! - `+key`: the tokens come with a new device key
//! - `none`: "Device does not exist."
//! - `-`: tokens at once
//!
//! An `issued` device was not confirmed, `others` is another user's, a `confirmed` one is not
//! remembered, and `before-MFA` was remembered before its user had a second factor.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Device, Flow, World};

const SETTINGS: &str = "
devices replaces MFA      no-key   unknown issued forgotten others confirmed remembered before-MFA
No      no       off      -        -       -      -         -      -         -          -
No      no       optional code     code    code   code      code   code      code       code
No      no       on       code     code    code   code      code   code      code       code
Always  no       off      +key     none    none   none      none   -         proof      proof
Always  no       optional code+key none    none   none      none   code      code,proof code,proof
Always  no       on       code+key none    none   none      none   code      code,proof code,proof
Always  yes      off      +key     none    none   none      none   -         proof      proof
Always  yes      optional code+key none    none   none      none   code      proof      code,proof
Always  yes      on       code+key none    none   none      none   code      proof      code,proof
opt-in  no       off      +key     none    none   none      none   -         proof      proof
opt-in  no       optional code+key none    none   none      none   code      code,proof code,proof
opt-in  no       on       code+key none    none   none      none   code      code,proof code,proof
opt-in  yes      off      +key     none    none   none      none   -         proof      proof
opt-in  yes      optional code+key none    none   none      none   code      proof      code,proof
opt-in  yes      on       code+key none    none   none      none   code      proof      code,proof
";

/// The outcomes if no password was proven: then devices take no part. `password` means that the
/// password is the only choice, since a code alone is not enough if two factors are required.
const WITHOUT_PASSWORD: &str = "
MFA        custom   e-mail-code
off        -        -
optional   code     password
on         code     password
";

/// The choices of `USER_AUTH`.
const FIRST_FACTORS: [&str; 2] = ["PASSWORD", "EMAIL_OTP"];

fn configuration(devices: &str, replaces: &str) -> Value {
    match devices {
        "No" => Value::Null,
        "Always" => {
            json!({"ChallengeRequiredOnNewDevice": replaces == "yes",
                "DeviceOnlyRememberedOnUserPrompt": false})
        }
        "opt-in" => {
            json!({"ChallengeRequiredOnNewDevice": replaces == "yes",
                "DeviceOnlyRememberedOnUserPrompt": true})
        }
        other => panic!("{other}"),
    }
}

/// The settings under which every kind of device can be created.
fn set_the_stage(world: &mut World) {
    world.set_devices(configuration("opt-in", "yes"));
    world.set_mfa("OPTIONAL");
}

/// A user with a software token, and the device of a column.
struct Actor {
    name: String,
    totp: String,
    device: Option<Device>,
}

fn actor(world: &mut World, name: String, state: &str) -> Actor {
    world.user(&name);
    world.set_attributes(&name, &[("email", "somebody@example.com"), ("email_verified", "true")]);
    let before_mfa = (state == "before-MFA").then(|| world.confirmed_device(&name, None).0);
    let totp = world.enrol_totp(&name);
    let device = match state {
        "no-key" => None,
        "before-MFA" => before_mfa,
        "unknown" => Some(Device {
            key: "eu-test-1_0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0".into(),
            group_key: "-Ab1Cd2Ef".into(),
            password: "never confirmed".into(),
        }),
        "issued" => {
            let signed_in = world.sign_in(&name, None, Some(&totp));
            Some(world.issued_device(&signed_in))
        }
        "others" => {
            world.user("somebody-else");
            Some(world.confirmed_device("somebody-else", None).0)
        }
        "forgotten" | "confirmed" | "remembered" => {
            Some(world.confirmed_device(&name, Some(&totp)).0)
        }
        other => panic!("{other}"),
    };
    if let Some(device) = &device {
        match state {
            "forgotten" => world.forget(&name, device),
            "remembered" | "before-MFA" => world.set_status(&name, device, "remembered"),
            _ => {}
        }
    }
    Actor { name, totp, device }
}

/// One test for each flow, so that they run in parallel.
macro_rules! every_setting_with_every_device_asks_for_what_the_table_says {
    ($($test:ident => $flow:ident,)*) => {
        $(#[test]
        fn $test() {
            walk_the_table(Flow::$flow);
        })*

        #[test]
        fn no_flow_is_left_out() {
            assert_eq!([$(Flow::$flow),*], Flow::WITH_PASSWORD);
        }
    };
}

every_setting_with_every_device_asks_for_what_the_table_says! {
    by_srp => Srp,
    by_password => Password,
    by_an_administrators_server => Admin,
    by_a_chosen_password => ChosenPassword,
    by_chosen_srp => ChosenSrp,
    by_a_custom_challenge_behind_srp => CustomWithPassword,
}

fn walk_the_table(flow: Flow) {
    let mut world = World::new();
    set_the_stage(&mut world);
    let mut lines = SETTINGS.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let states = lines.next().unwrap().split_off(3);
    let (before_mfa, lasting) = states.split_last().unwrap();
    let lasting: Vec<Actor> =
        lasting.iter().map(|state| actor(&mut world, format!("user-{state}"), state)).collect();
    let mut cells = 0;
    for row in lines {
        let [devices, replaces, mfa, expected @ ..] = row.as_slice() else { panic!("{row:?}") };
        assert_eq!(expected.len(), states.len(), "{row:?}");
        // After the first passed MFA a device may do more, so every row has its own device.
        set_the_stage(&mut world);
        let fresh = actor(&mut world, format!("user-{cells}"), before_mfa);
        world.set_devices(configuration(devices, replaces));
        world.set_mfa(&mfa.to_uppercase());
        world.allow_first_factors(&FIRST_FACTORS);
        for (actor, expected) in lasting.iter().chain([&fresh]).zip(expected) {
            let met = met(&mut world, flow, actor);
            assert_eq!(
                &met, expected,
                "{devices}, replaces {replaces}, MFA {mfa}, {flow:?}, {}",
                actor.name
            );
            cells += 1;
        }
    }
    assert_eq!(cells, 15 * 8, "the table has lost a row or a column");
}

#[test]
fn without_a_password_devices_play_no_part() {
    let mut world = World::new();
    set_the_stage(&mut world);
    let mut settings = SETTINGS.trim().lines();
    let states = settings.next().unwrap().split_whitespace().skip(3);
    let actors: Vec<Actor> =
        states.map(|state| actor(&mut world, format!("user-{state}"), state)).collect();
    let mut cells = 0;
    for row in settings {
        let [devices, replaces, mfa, ..] = *row.split_whitespace().collect::<Vec<_>>() else {
            panic!("{row}")
        };
        world.set_devices(configuration(devices, replaces));
        world.set_mfa(&mfa.to_uppercase());
        world.allow_first_factors(&FIRST_FACTORS);
        let table =
            WITHOUT_PASSWORD.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = table.into_iter().find(|line| line[0] == mfa).unwrap();
        for (flow, expected) in Flow::WITHOUT.into_iter().zip(&row[1..]) {
            for actor in &actors {
                let met = met(&mut world, flow, actor);
                assert_eq!(
                    &met, expected,
                    "{devices}, {replaces}, MFA {mfa}, {flow:?}, {}",
                    actor.name
                );
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 15 * 8 * 2);
}

/// The outcome of the sign-in, in the words of the table.
fn met(world: &mut World, flow: Flow, actor: &Actor) -> String {
    if flow == Flow::EmailCode {
        let asked = world.first_factor(flow, &actor.name, None).unwrap();
        if asked["ChallengeName"] == "SELECT_CHALLENGE" {
            assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD"]));
            return "password".into();
        }
    }
    let signed_in =
        match world.try_sign_in(flow, &actor.name, actor.device.as_ref(), Some(&actor.totp)) {
            Ok(signed_in) => signed_in,
            Err(error) => {
                assert_eq!(error.to_string(), "ResourceNotFoundException: Device does not exist.");
                return "none".into();
            }
        };
    let words: Vec<&str> = signed_in
        .challenges
        .iter()
        .map(|challenge| match challenge.as_str() {
            "SOFTWARE_TOKEN_MFA" => "code",
            "DEVICE_SRP_AUTH" => "proof",
            other => panic!("{other}"),
        })
        .collect();
    let key = if signed_in.new_device_key().is_some() { "+key" } else { "" };
    match words.join(",") + key {
        nothing if nothing.is_empty() => "-".into(),
        met => met,
    }
}

#[test]
fn a_device_vouches_once_it_was_present_at_a_passed_mfa() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    world.set_status("ada", &device, "remembered");
    let totp = world.enrol_totp("ada");
    let challenges =
        |world: &mut World| world.sign_in("ada", Some(&device), Some(&totp)).challenges;
    assert_eq!(challenges(&mut world), ["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"]);
    assert_eq!(challenges(&mut world), ["DEVICE_SRP_AUTH"]);
}

#[test]
fn a_device_key_sent_only_at_the_start_is_used() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    let ephemeral = device_srp::ClientEphemeral::generate(&mut world.rng);
    let asked = world.ok(
        Operation::InitiateAuth,
        json!({
            "AuthFlow": "USER_SRP_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": "ada", "SRP_A": ephemeral.public().to_hex(),
            "DEVICE_KEY": device.key},
        }),
    );
    let parameters = &asked["ChallengeParameters"];
    let pool_name = world.pool.split_once('_').unwrap().1.to_owned();
    let identity = device_srp::Identity::user(&pool_name, "ada");
    let mut answers = world.claim(&identity, crate::world::PASSWORD, &ephemeral, parameters);
    answers["USERNAME"] = json!("ada");
    let answer = world.respond("PASSWORD_VERIFIER", &Value::Null, answers).unwrap();
    assert_eq!(
        answer["AuthenticationResult"]["NewDeviceMetadata"],
        Value::Null,
        "the device is known"
    );
}

#[test]
fn after_an_unknown_device_the_answer_without_it_goes_on() {
    let mut world = World::opt_in();
    world.user("ada");
    let mut claim = world.srp_claim("ada", crate::world::PASSWORD);
    claim["DEVICE_KEY"] = json!("eu-test-1_0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0");
    let refusal = world.respond("PASSWORD_VERIFIER", &Value::Null, claim.clone()).unwrap_err();
    assert_eq!(refusal.to_string(), "ResourceNotFoundException: Device does not exist.");
    claim["DEVICE_KEY"] = json!("");
    let answer = world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap();
    assert!(answer["AuthenticationResult"]["NewDeviceMetadata"].is_object());
}

#[test]
fn an_mfa_answer_may_be_repeated_without_the_device() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let mut answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
    let plain = answers.clone();
    answers["DEVICE_KEY"] = json!("eu-test-1_0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0");
    let refusal = world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).unwrap_err();
    assert_eq!(refusal.to_string(), "ResourceNotFoundException: Device does not exist.");
    let answer = world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], plain).unwrap();
    assert!(answer["AuthenticationResult"].is_object(), "session and code are still valid");
}

#[test]
fn an_unknown_device_is_reported_after_the_password() {
    let mut world = World::opt_in();
    world.user("ada");
    let mut claim = world.srp_claim("ada", "wrong");
    claim["DEVICE_KEY"] = json!("eu-test-1_0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0");
    let refusal = world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err();
    assert_eq!(refusal.to_string(), "NotAuthorizedException: Incorrect username or password.");
}
