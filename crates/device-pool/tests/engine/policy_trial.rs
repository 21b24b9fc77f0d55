//! What other device settings would have asked of recorded sign-ins.

use std::collections::BTreeMap;
use std::sync::Arc;

use device_pool::store::{Change, Store as _, Table, Write};
use device_pool::{PolicyTrial, PolicyTrialRequest};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Device, Flow, World};

const DAY: i64 = 24 * 3600;

/// A pool whose remembered devices replace MFA, and its store.
fn world() -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    world.set_devices(
        json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true}),
    );
    world.set_mfa("OPTIONAL");
    (world, store)
}

/// A user with a software token and a remembered device.
fn actor(world: &mut World, name: &str) -> (String, Device) {
    world.user(name);
    let totp = world.enrol_totp(name);
    let (device, _) = world.confirmed_device(name, Some(&totp));
    world.set_status(name, &device, "remembered");
    (totp, device)
}

fn request(world: &World, settings: &[(&str, &str)]) -> PolicyTrialRequest {
    let settings = settings.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    PolicyTrialRequest { pool_id: world.pool.clone(), settings: settings.collect(), days: 200 }
}

#[track_caller]
fn tried(world: &World, settings: &[(&str, &str)]) -> PolicyTrial {
    world.engine.try_policy(&request(world, settings), world.moment()).unwrap()
}

fn refused(world: &World, settings: &[(&str, &str)]) -> String {
    world.engine.try_policy(&request(world, settings), world.moment()).unwrap_err().to_string()
}

/// Signs ada in with her device on ten days, each five days apart.
fn ten_sign_ins(world: &mut World) -> Device {
    let (totp, device) = actor(world, "ada");
    for _ in 0..10 {
        world.seconds(5 * DAY);
        let signed_in = world.sign_in("ada", Some(&device), Some(&totp));
        assert_eq!(signed_in.challenges, ["DEVICE_SRP_AUTH"]);
    }
    device
}

#[test]
fn a_trial_counts_who_would_be_asked_for_a_code() {
    let (mut world, _) = world();
    let device = ten_sign_ins(&mut world);
    // Enrolling a token and confirming the device take a sign-in each; the second asks for a code.
    let own = tried(&world, &[]);
    assert_eq!((own.sign_ins, own.asked, own.would_be_asked), (12, 1, 1));
    assert_eq!((own.users, own.is_complete, own.examples.len()), (1, true, 0));
    // Every second sign-in: the code of one holds for the next.
    let weekly = tried(&world, &[("device:mfa-every", "7d")]);
    assert_eq!((weekly.asked, weekly.would_be_asked, weekly.newly_asked), (1, 6, 5));
    let told = |trial: &PolicyTrial| {
        let reasons = trial.reasons.iter();
        let told = reasons.map(|told| (told.reason.clone(), (told.was, told.would_be)));
        told.collect::<BTreeMap<_, _>>()
    };
    let unknown = "MFA asked: no remembered device was presented".to_owned();
    let too_long = "MFA asked: last passed more than 7 days ago with this device".to_owned();
    assert_eq!(told(&weekly), BTreeMap::from([(unknown, (1, 1)), (too_long.clone(), (0, 5))]));
    let [example, ..] = &*weekly.examples else { panic!("{weekly:?}") };
    assert_eq!(example.device_key.as_deref(), Some(&*device.key));
    assert_eq!((&*example.was, &*example.would_be), ("No code asked", &*too_long));
    let never = tried(&world, &[("suppress-mfa", "off")]);
    assert_eq!((never.would_be_asked, never.newly_asked, never.examples.len()), (11, 10, 10));
    assert_eq!(tried(&world, &[("remember", "no")]).would_be_asked, 11);
    assert_eq!(tried(&world, &[("remember", "always")]).would_be_asked, 1);
    let forgetful = tried(&world, &[("device:forget-after-idle", "4d")]);
    assert_eq!((forgetful.would_be_asked, forgetful.newly_asked), (11, 10));
}

/// Signs ada in with a device that her app presents with the code, and not before.
fn sign_in_late(world: &mut World, totp: &str, device: &Device) {
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let code = world.code(totp);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code,
        "DEVICE_KEY": device.key});
    let asked = world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).unwrap();
    assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
    let (answers, session) = world.device_claim("ada", device, &asked["Session"]).unwrap();
    world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers).unwrap();
}

#[test]
fn a_code_counts_for_a_device_that_came_with_it() {
    let (mut world, _) = world();
    let (totp, device) = actor(&mut world, "ada");
    world.seconds(5 * DAY);
    world.sign_in("ada", Some(&device), Some(&totp));
    world.seconds(5 * DAY);
    sign_in_late(&mut world, &totp, &device);
    // The code holds five days later, and no longer ten days later.
    for (sign_ins, newly_asked) in [(5, 0), (6, 1)] {
        world.seconds(5 * DAY);
        world.sign_in("ada", Some(&device), Some(&totp));
        let weekly = tried(&world, &[("device:mfa-every", "7d")]);
        let found = (weekly.sign_ins, weekly.asked, weekly.newly_asked);
        assert_eq!(found, (sign_ins, 2, newly_asked));
    }
}

#[test]
fn a_trial_writes_nothing() {
    let (mut world, store) = world();
    ten_sign_ins(&mut world);
    let all = || Table::ALL.map(|table| store.scan(table, "", None, usize::MAX).unwrap().len());
    let pool = json!({"UserPoolId": world.pool});
    let before = (all(), world.ok(Operation::DescribeUserPool, pool.clone()));
    tried(&world, &[("device:mfa-every", "7d"), ("remember", "no")]);
    assert_eq!((all(), world.ok(Operation::DescribeUserPool, pool)), before);
}

#[test]
fn the_pools_own_settings_give_what_happened() {
    for (tag, value) in [("device:mfa-every", "12d"), ("device:forget-after-idle", "12d")] {
        let (mut world, _) = world();
        let pool = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
        let arn = &pool["UserPool"]["Arn"];
        world.ok(Operation::TagResource, json!({"ResourceArn": arn, "Tags": {tag: value}}));
        let mut asked = 0;
        for name in ["ada", "bob"] {
            let (totp, device) = actor(&mut world, name);
            for gap in [5, 9, 13, 2, 30, 1] {
                world.seconds(gap * DAY);
                let device = Some(&device);
                let met = match world.try_sign_in(Flow::Srp, name, device, Some(&totp)) {
                    Ok(signed_in) => signed_in,
                    Err(_) => world.sign_in(name, None, Some(&totp)),
                };
                asked += met.challenges.iter().filter(|name| *name == "SOFTWARE_TOKEN_MFA").count();
            }
        }
        let trial = tried(&world, &[]);
        assert_eq!((trial.users, trial.sign_ins), (2, 16), "{tag}");
        // The device was confirmed behind a code as well.
        assert_eq!((trial.asked, trial.would_be_asked), (asked + 2, asked + 2), "{tag}");
        assert_eq!((trial.newly_asked, trial.no_longer_asked), (0, 0), "{tag}");
    }
}

#[test]
fn events_of_earlier_releases_are_named_not_judged() {
    let (mut world, store) = world();
    ten_sign_ins(&mut world);
    for (key, record) in store.scan(Table::AuditEvent, "", None, usize::MAX).unwrap() {
        let mut event: Value = serde_json::from_slice(&record.body).unwrap();
        let situation = event["sign_in"]["situation"].as_object_mut();
        if situation.is_some_and(|facts| facts.remove("password_proven").is_some()) {
            let put = Write::Put { body: event.to_string().into_bytes(), expires_at: None };
            store.apply(Change { expect: vec![], writes: vec![(key, put)] }).unwrap();
        }
    }
    let trial = tried(&world, &[("device:mfa-every", "7d")]);
    assert_eq!((trial.sign_ins, trial.not_judged.len()), (0, 1));
    assert_eq!(trial.not_judged[0].sign_ins, 12);
    assert_eq!(trial.not_judged[0].reason, "An earlier release recorded too little of them");
}

#[test]
fn unknown_names_and_other_days_are_left_out() {
    let (mut world, _) = world();
    ten_sign_ins(&mut world);
    world.refused(
        Operation::InitiateAuth,
        json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": "nobody", "PASSWORD": "Wrong-horse-7"}}),
    );
    let lately = PolicyTrialRequest { days: 12, ..request(&world, &[("suppress-mfa", "off")]) };
    let trial = world.engine.try_policy(&lately, world.moment()).unwrap();
    assert_eq!((trial.users, trial.sign_ins, trial.newly_asked), (1, 3, 3));
}

#[test]
fn what_cannot_be_tried_is_refused_with_a_reason() {
    let (mut world, _) = world();
    for (name, value, hint) in [
        ("device:mfa-every", "weekly", "30d or 12h"),
        ("device:max-per-user", "3", "does not decide whether a code is asked for"),
        ("remember", "sometimes", "always, opt-in or no"),
        ("suppress-mfa", "yes", "on or off"),
        ("colour", "red", "what can be tried is"),
    ] {
        let told = refused(&world, &[(name, value)]);
        assert!(told.contains(hint) && told.contains(name), "{told}");
    }
    let told = refused(&world, &[("remember", "no"), ("suppress-mfa", "on")]);
    assert!(told.contains("add remember=always"), "{told}");
    let pool = world.ok(Operation::DescribeUserPool, json!({"UserPoolId": world.pool}));
    let tags = json!({"device:forget-after-idle": "30d"});
    let arn = &pool["UserPool"]["Arn"];
    world.ok(Operation::TagResource, json!({"ResourceArn": arn, "Tags": tags}));
    for longer in ["31d", ""] {
        let told = refused(&world, &[("device:forget-after-idle", longer)]);
        assert!(told.contains("unused for 30 days are forgotten"), "{told}");
    }
    tried(&world, &[("device:forget-after-idle", "29d")]);
    let nobodys = PolicyTrialRequest { pool_id: "eu-test-1_none".into(), ..request(&world, &[]) };
    let told = world.engine.try_policy(&nobodys, world.moment()).unwrap_err().to_string();
    assert_eq!(told, "ResourceNotFoundException: User pool eu-test-1_none does not exist.");
    let centuries = PolicyTrialRequest { days: 4000, ..request(&world, &[]) };
    assert!(world.engine.try_policy(&centuries, world.moment()).is_err());
}
