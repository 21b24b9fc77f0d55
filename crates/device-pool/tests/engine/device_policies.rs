//! The pool's device settings beyond the service's own: its tags under `device:`.
//!
//! Each row of the table is a list of tags. Each column is a remembered device: the days since its
//! user last passed a second factor with it, and the days since it last signed in. A cell says what
//! follows the password, in the words of `device_rules`.

use std::collections::BTreeSet;
use std::sync::Arc;

use device_srp::DevicePassword;
use device_store::MemoryStore;
use device_wire::{ErrorCode, Operation};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::world::{Device, World, claims};

const DAY: i64 = 24 * 3600;

const SETTINGS: &str = "
tags                                                mfa-1,used-1 mfa-31,used-1 mfa-31,used-31
-                                                   proof        proof         proof
device:mfa-every=30d                                proof        code,proof    code,proof
device:mfa-every=32d                                proof        proof         proof
device:mfa-every=12h                                code,proof   code,proof    code,proof
device:forget-after-idle=30d                        proof        proof         none
device:forget-after-idle=32d                        proof        proof         proof
device:mfa-every=30d,device:forget-after-idle=30d   proof        code,proof    none
";

impl World {
    pub(crate) fn tag(&mut self, tag: &str, value: &str) {
        let request = self.tagging(tag, value);
        self.ok(Operation::TagResource, request);
    }

    fn tagging(&mut self, tag: &str, value: &str) -> Value {
        let pool = self.ok(Operation::DescribeUserPool, json!({"UserPoolId": self.pool}));
        json!({"ResourceArn": pool["UserPool"]["Arn"], "Tags": {tag: value}})
    }

    pub(crate) fn devices_of(&mut self, name: &str) -> BTreeSet<String> {
        let listed = self
            .ok(Operation::AdminListDevices, json!({"UserPoolId": self.pool, "Username": name}));
        let devices = listed["Devices"].as_array().unwrap().iter();
        devices.map(|device| device["DeviceKey"].as_str().unwrap().to_owned()).collect()
    }

    /// The reasons that the audit trail gives for the last sign-in.
    fn last_reasons(&mut self, name: &str) -> String {
        self.ok(
            Operation::AdminListUserAuthEvents,
            json!({"UserPoolId": self.pool, "Username": name, "MaxResults": 1}),
        )
        .to_string()
    }
}

/// A user with a software token and a remembered device.
pub(crate) fn with_remembered_device(world: &mut World, name: &str) -> (String, Device) {
    world.user(name);
    let totp = world.enrol_totp(name);
    let (device, _) = world.confirmed_device(name, Some(&totp));
    world.set_status(name, &device, "remembered");
    (totp, device)
}

pub(crate) fn challenges(world: &mut World, name: &str, device: &Device, totp: &str) -> String {
    match world.try_sign_in(crate::flows::Flow::Srp, name, Some(device), Some(totp)) {
        Ok(signed_in) => {
            let words = signed_in.challenges.iter().map(|challenge| match challenge.as_str() {
                "SOFTWARE_TOKEN_MFA" => "code",
                "DEVICE_SRP_AUTH" => "proof",
                other => panic!("{other}"),
            });
            words.collect::<Vec<_>>().join(",")
        }
        Err(error) => {
            assert_eq!(error.to_string(), "ResourceNotFoundException: Device does not exist.");
            "none".to_owned()
        }
    }
}

#[test]
fn tags_decide_by_when_a_device_was_last_used() {
    let mut lines = SETTINGS.trim().lines();
    let columns = lines.next().unwrap().split_whitespace().skip(1);
    let columns: Vec<(i64, i64)> = columns
        .map(|column| {
            let (mfa, used) = column.split_once(',').unwrap();
            let days = |text: &str| text.rsplit_once('-').unwrap().1.parse::<i64>().unwrap();
            (days(mfa), days(used))
        })
        .collect();
    let mut cells = 0;
    for line in lines {
        let [tags, expected @ ..] = &*line.split_whitespace().collect::<Vec<_>>() else {
            panic!("{line}")
        };
        assert_eq!(expected.len(), columns.len(), "{line}");
        for ((mfa, used), expected) in columns.iter().zip(expected) {
            let mut world = World::opt_in();
            let (totp, device) = with_remembered_device(&mut world, "ada");
            world.seconds((mfa - used) * DAY);
            if mfa != used {
                // This sign-in asks for no second factor, because the tags are not set yet.
                assert_eq!(challenges(&mut world, "ada", &device, &totp), "proof");
            }
            world.seconds(used * DAY);
            for tag in tags.split(',').filter(|tag| *tag != "-") {
                let (name, value) = tag.split_once('=').unwrap();
                world.tag(name, value);
            }
            // The code of `enrol_totp` was entered some seconds before the confirmation.
            let met = challenges(&mut world, "ada", &device, &totp);
            assert_eq!(met, *expected, "{tags}, MFA {mfa} days ago, used {used} days ago");
            cells += 1;
        }
    }
    assert_eq!(cells, 7 * 3, "the table has lost a row or a column");
}

#[test]
fn a_passed_mfa_counts_anew_from_that_day() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:mfa-every", "30d");
    world.seconds(31 * DAY);
    assert_eq!(challenges(&mut world, "ada", &device, &totp), "code,proof");
    let reasons = world.last_reasons("ada");
    let reason = "MFA asked: last passed 31 days ago with this device, the pool asks every 30 days";
    assert!(reasons.contains(reason), "{reasons}");
    world.seconds(29 * DAY);
    assert_eq!(challenges(&mut world, "ada", &device, &totp), "proof");
    let listed = world.ok(
        Operation::AdminGetDevice,
        json!({"UserPoolId": world.pool, "Username": "ada", "DeviceKey": device.key}),
    );
    assert!(listed.to_string().contains("remembered"), "it stays remembered: {listed}");
}

#[test]
fn an_idle_device_is_unknown_and_then_purged() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:forget-after-idle", "30d");
    world.seconds(30 * DAY);
    assert_eq!(world.devices_of("ada"), BTreeSet::new(), "an idle device is not listed");
    // With a longer time in the tag the device is listed again: it was not removed.
    world.tag("device:forget-after-idle", "31d");
    assert_eq!(world.devices_of("ada"), BTreeSet::from([device.key.clone()]));
    world.tag("device:forget-after-idle", "30d");
    world.engine.purge(world.moment()).unwrap();
    world.tag("device:forget-after-idle", "31d");
    assert_eq!(world.devices_of("ada"), BTreeSet::new(), "the purge removed the device");
    assert_eq!(challenges(&mut world, "ada", &device, &totp), "none");
}

#[test]
fn a_purge_spares_devices_that_are_used() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:forget-after-idle", "30d");
    for _ in 0..3 {
        world.seconds(29 * DAY);
        world.engine.purge(world.moment()).unwrap();
        assert_eq!(challenges(&mut world, "ada", &device, &totp), "proof");
    }
}

#[test]
fn a_full_user_confirms_no_further_device() {
    let mut world = World::opt_in();
    world.user("ada");
    world.tag("device:max-per-user", "2");
    let kept = [world.confirmed_device("ada", None).0, world.confirmed_device("ada", None).0];
    let signed_in = world.sign_in("ada", None, None);
    let third = world.issued_device(&signed_in);
    let request = world.confirmation(&signed_in.access_token(), &third);
    assert_eq!(
        world.refused(Operation::ConfirmDevice, request.clone()),
        "LimitExceededException: The user has 2 devices, and this pool allows 2. Forget one of \
         them first."
    );
    world.forget("ada", &kept[0]);
    world.ok(Operation::ConfirmDevice, request);
    assert_eq!(world.devices_of("ada"), BTreeSet::from([kept[1].key.clone(), third.key]));
}

#[test]
fn the_device_unused_longest_makes_room() {
    let mut world = World::opt_in();
    world.user("ada");
    let first = world.confirmed_device("ada", None).0;
    world.seconds(60);
    let second = world.confirmed_device("ada", None).0;
    world.seconds(60);
    // The first device is used again, so the second is the one that has been idle longest.
    world.sign_in("ada", Some(&first), None);
    world.tag("device:max-per-user", "2");
    world.tag("device:when-full", "forget-oldest");
    let third = world.confirmed_device("ada", None).0;
    assert_eq!(world.devices_of("ada"), BTreeSet::from([first.key, third.key]));
    assert_eq!(challenges(&mut world, "ada", &second, ""), "none");
}

#[test]
fn a_hundred_at_once_never_exceed_the_limit() {
    for (when_full, least_confirmed) in [("refuse", 3), ("forget-oldest", 3)] {
        let store = Arc::new(MemoryStore::new());
        let mut world = World::over(store, 7);
        world.set_devices(json!({}));
        world.user("ada");
        world.tag("device:max-per-user", "3");
        world.tag("device:when-full", when_full);
        let requests: Vec<Value> = (0..100)
            .map(|_| {
                let signed_in = world.sign_in("ada", None, None);
                let device = world.issued_device(&signed_in);
                world.confirmation(&signed_in.access_token(), &device)
            })
            .collect();
        let (engine, now) = (&world.engine, world.moment());
        let outcomes: Vec<Result<(), ErrorCode>> = std::thread::scope(|scope| {
            let calls: Vec<_> = requests
                .into_iter()
                .enumerate()
                .map(|(seed, request)| {
                    scope.spawn(move || {
                        let mut rng = StdRng::seed_from_u64(seed as u64);
                        let mut invocation = device_pool::Invocation::new(now, &mut rng);
                        engine
                            .execute(Operation::ConfirmDevice, request, &mut invocation)
                            .map(drop)
                            .map_err(|error| error.code().clone())
                    })
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        let confirmed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(world.devices_of("ada").len(), 3, "{when_full}");
        assert!(confirmed >= least_confirmed, "{when_full}: {confirmed}");
        if when_full == "refuse" {
            assert_eq!(confirmed, 3);
            let full =
                |outcome: &&Result<(), ErrorCode>| **outcome == Err(ErrorCode::LimitExceeded);
            assert_eq!(outcomes.iter().filter(full).count(), 97);
        }
    }
}

#[test]
fn a_wrong_device_tag_is_refused_wherever_it_is_set() {
    let mut world = World::new();
    let request = world.tagging("device:mfa-every", "a while");
    let right = "InvalidParameterException: The tag device:mfa-every with the value \"a while\" is \
                 not a device setting: it takes a whole number of days or hours, such as 30d or \
                 12h, up to 3650d.";
    assert_eq!(world.refused(Operation::TagResource, request), right);
    let tags = json!({"device:mfa-every": "a while"});
    let create = json!({"PoolName": "p", "UserPoolTags": tags});
    assert_eq!(world.refused(Operation::CreateUserPool, create), right);
    let update = json!({"UserPoolId": world.pool, "UserPoolTags": tags});
    assert_eq!(world.refused(Operation::UpdateUserPool, update), right);
}

#[test]
fn tokens_say_what_the_sign_in_was_proven_by() {
    let mut world = World::opt_in();
    world.user("eve");
    let plain = world.sign_in("eve", None, None);
    let (totp, device) = with_remembered_device(&mut world, "ada");
    let with_code = world.sign_in("ada", None, Some(&totp));
    let with_device = world.sign_in("ada", Some(&device), None);
    for (signed_in, methods) in [
        (&plain, json!(["pwd"])),
        (&with_code, json!(["pwd", "otp"])),
        (&with_device, json!(["pwd", "dev"])),
    ] {
        for token in ["AccessToken", "IdToken"] {
            assert_eq!(claims(signed_in.result[token].as_str().unwrap())["amr"], methods);
        }
    }
    let refreshed = world.ok(
        Operation::InitiateAuth,
        json!({
            "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": world.client,
            "AuthParameters": {
                "REFRESH_TOKEN": with_device.refresh_token(), "DEVICE_KEY": device.key,
            },
        }),
    );
    let token = refreshed["AuthenticationResult"]["AccessToken"].as_str().unwrap();
    assert_eq!(claims(token)["amr"], json!(["pwd", "dev"]), "a refresh proves nothing new");
}

/// An offer of a new secret for `device`, as `ClientMetadata`, and the device with that secret.
fn offer(world: &mut World, device: &Device) -> (Value, Device) {
    let password = DevicePassword::random(&mut world.rng).expose().to_owned();
    let renewed = Device { password, ..device.clone() };
    let config = world.confirmation("", &renewed)["DeviceSecretVerifierConfig"].take();
    let entries = json!({
        "device:new-salt": config["Salt"], "device:new-verifier": config["PasswordVerifier"],
    });
    (entries, renewed)
}

impl World {
    /// The challenge that asks for the device's proof.
    pub(crate) fn asked_for_device(&mut self, name: &str, device: &Device) -> Value {
        let key = Some(device.key.as_str());
        self.first_factor(crate::flows::Flow::Srp, name, key).unwrap()
    }

    /// The answer to a device's proof that brings these `ClientMetadata`.
    pub(crate) fn prove_device(
        &mut self,
        name: &str,
        device: &Device,
        session: &Value,
        entries: Value,
    ) -> Result<Value, device_pool::ServiceError> {
        let (answers, session) = self.device_claim(name, device, session)?;
        let body = json!({
            "ClientId": self.client, "ChallengeName": "DEVICE_PASSWORD_VERIFIER",
            "Session": session, "ChallengeResponses": answers, "ClientMetadata": entries,
        });
        self.call(Operation::RespondToAuthChallenge, body)
    }

    pub(crate) fn sign_in_and_offer(&mut self, name: &str, device: &Device) -> (Value, Device) {
        let asked = self.asked_for_device(name, device);
        assert_eq!(asked["ChallengeName"], "DEVICE_SRP_AUTH");
        let wants_new_secret = asked["ChallengeParameters"]["ROTATE_DEVICE_SECRET"] == "on";
        let (entries, renewed) = offer(self, device);
        let answer = self.prove_device(name, device, &asked["Session"], entries).unwrap();
        let is_replaced = answer["ChallengeParameters"]["DEVICE_SECRET_ROTATED"] == "true";
        assert_eq!(wants_new_secret, is_replaced, "announced before the proof begins");
        (answer, renewed)
    }
}

#[test]
fn a_proof_replaces_the_secret_if_the_pool_wants_it() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    let (answer, _) = world.sign_in_and_offer("ada", &device);
    assert_eq!(answer["ChallengeParameters"], json!({}), "the pool did not ask for a new secret");
    assert_eq!(challenges(&mut world, "ada", &device, &totp), "proof", "the secret is unchanged");

    world.tag("device:rotate-secret", "on");
    let (answer, renewed) = world.sign_in_and_offer("ada", &device);
    assert_eq!(answer["ChallengeParameters"], json!({"DEVICE_SECRET_ROTATED": "true"}));
    assert_eq!(challenges(&mut world, "ada", &renewed, &totp), "proof");
    // A client that offers nothing keeps its secret.
    assert_eq!(challenges(&mut world, "ada", &renewed, &totp), "proof");
}

#[test]
fn a_replaced_secret_is_a_sign_of_a_copied_device() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:rotate-secret", "on");
    let (_, renewed) = world.sign_in_and_offer("ada", &device);

    let asked = world.asked_for_device("ada", &device);
    let refused = world.prove_device("ada", &device, &asked["Session"], json!({})).unwrap_err();
    assert_eq!(refused.to_string(), "NotAuthorizedException: Incorrect username or password.");
    assert_eq!(
        challenges(&mut world, "ada", &renewed, &totp),
        "code",
        "the device is no longer remembered"
    );
    let listed = world.ok(
        Operation::AdminGetDevice,
        json!({"UserPoolId": world.pool, "Username": "ada", "DeviceKey": device.key}),
    );
    assert!(listed.to_string().contains("not_remembered"), "{listed}");
}

#[test]
fn a_wrong_proof_alone_does_not_end_remembering() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:rotate-secret", "on");
    // The secret was never replaced, so no copy of it can be out of date.
    let wrong = Device { password: "wrong".to_owned(), ..device.clone() };
    let asked = world.asked_for_device("ada", &wrong);
    world.prove_device("ada", &wrong, &asked["Session"], json!({})).unwrap_err();
    assert_eq!(challenges(&mut world, "ada", &device, &totp), "proof");
}

#[test]
fn two_sign_ins_at_once_raise_no_alarm() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:rotate-secret", "on");
    let [first, second] = [(), ()].map(|()| world.asked_for_device("ada", &device));
    let (answers, session) = world.device_claim("ada", &device, &second["Session"]).unwrap();
    let (entries, renewed) = offer(&mut world, &device);
    world.prove_device("ada", &device, &first["Session"], entries).unwrap();
    let late = world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers).unwrap_err();
    assert_eq!(
        late.to_string(),
        "NotAuthorizedException: Invalid session for the user, session is expired."
    );
    assert_eq!(
        challenges(&mut world, "ada", &renewed, &totp),
        "proof",
        "the device is still remembered"
    );
}

/// A sign-in by a secret that was replaced after `begun`, and what becomes of it and the device.
const OVERTAKEN: &str = "
begun                     answer        next-sign-in
before-the-replacement    expired       proof
after-the-replacement     incorrect     code
";

#[test]
fn only_a_sign_in_begun_after_a_rotation_is_a_clones() {
    for line in OVERTAKEN.trim().lines().skip(1) {
        let [begun, answer, next] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let mut world = World::opt_in();
        let (totp, device) = with_remembered_device(&mut world, "ada");
        world.tag("device:rotate-secret", "on");
        let early = world.asked_for_device("ada", &device);
        let (_, renewed) = world.sign_in_and_offer("ada", &device);
        let late = world.asked_for_device("ada", &device);
        let asked = if begun == "before-the-replacement" { early } else { late };
        // In both, the exchange itself begins after the replacement.
        let refused = world.prove_device("ada", &device, &asked["Session"], json!({})).unwrap_err();
        assert!(refused.to_string().to_lowercase().contains(answer), "{begun}: {refused}");
        assert_eq!(challenges(&mut world, "ada", &renewed, &totp), next, "{begun}");
    }
}

#[test]
fn an_overtaken_sign_in_passes_with_the_new_secret() {
    let mut world = World::opt_in();
    let (_, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:rotate-secret", "on");
    let early = world.asked_for_device("ada", &device);
    let (_, renewed) = world.sign_in_and_offer("ada", &device);
    world.prove_device("ada", &renewed, &early["Session"], json!({})).unwrap();
}

#[test]
fn the_challenge_after_a_proof_tells_of_the_rotation() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:rotate-secret", "on");
    world.seconds(DAY);
    let asked = world.asked_for_device("ada", &device);
    // While the device proves itself, the pool begins to ask for MFA more often.
    world.tag("device:mfa-every", "12h");
    let (entries, renewed) = offer(&mut world, &device);
    let asked = world.prove_device("ada", &device, &asked["Session"], entries).unwrap();
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    assert_eq!(asked["ChallengeParameters"]["DEVICE_SECRET_ROTATED"], "true");
    let code = world.code(&totp);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code,
        "DEVICE_KEY": device.key});
    let done = world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).unwrap();
    assert_eq!(done["ChallengeParameters"], json!({}), "it was told");
    assert_eq!(challenges(&mut world, "ada", &renewed, &totp), "proof");
}

#[test]
fn an_offer_that_does_not_parse_changes_nothing() {
    let mut world = World::opt_in();
    let (totp, device) = with_remembered_device(&mut world, "ada");
    world.tag("device:rotate-secret", "on");
    for entries in [
        json!({"device:new-salt": "c2FsdA=="}),
        json!({"device:new-salt": "c2FsdA==", "device:new-verifier": "?"}),
        json!({"device:new-salt": "c2FsdA==", "device:new-verifier": ""}),
    ] {
        let asked = world.asked_for_device("ada", &device);
        let refused = world.prove_device("ada", &device, &asked["Session"], entries).unwrap_err();
        assert_eq!(*refused.code(), ErrorCode::InvalidParameter, "{refused}");
    }
    assert_eq!(challenges(&mut world, "ada", &device, &totp), "proof");
}
