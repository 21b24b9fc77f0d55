//! If a client hides its users, neither answers nor the work for them reveal who exists.
//!
//! The bench `hidden_users` of `device-server` measures the time.

use std::sync::{Arc, Mutex};

use device_pool::store::{Change, Key, Store as _, Table, Write};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::meddled::{Call, Meddled};
use crate::world::{PASSWORD, World};

/// Counts of the calls to a store, and of the bytes that it returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asked {
    found: usize,
    missed: usize,
    bytes: usize,
    scans: usize,
    puts: usize,
    deletes: usize,
}

impl Asked {
    fn count(&mut self, call: &Call<'_>) {
        match call {
            Call::Get(_, Some(record)) => {
                self.found += 1;
                self.bytes += record.body.len();
            }
            Call::Get(_, None) => self.missed += 1,
            Call::Scan(..) | Call::GetAll => self.scans += 1,
            Call::Apply(change) => {
                let is_delete = |(_, write): &&(Key, Write)| matches!(write, Write::Delete);
                let deletes = change.writes.iter().filter(is_delete).count();
                self.deletes += deletes;
                self.puts += change.writes.len() - deletes;
            }
        }
    }
}

/// A store whose calls are counted.
#[derive(Default)]
struct Watched {
    store: Arc<Meddled>,
    asked: Arc<Mutex<Asked>>,
}

impl Watched {
    fn take(&self) -> Asked {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

const NAMES: [&str; 2] = ["ada", "eve"];

/// A service in which the first of [`NAMES`] is a user and the second is unknown.
fn world() -> (World, Watched) {
    let store = Watched::default();
    let asked = store.asked.clone();
    store.store.meddle(move |call| {
        asked.lock().unwrap().count(call);
        Ok(())
    });
    let mut world = World::over(store.store.clone(), 10);
    world.user(NAMES[0]);
    world.client = world.make_client(json!({
        "PreventUserExistenceErrors": "ENABLED",
        "ExplicitAuthFlows": [
            "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH",
            "ALLOW_CUSTOM_AUTH",
        ],
    }));
    // The first unknown name in a pool creates the records that stand in for users in lookups.
    Step::Start.take(&mut world, "mallory");
    (world, store)
}

/// A step of a sign-in that an attacker can take.
#[derive(Clone, Copy, Debug)]
enum Step {
    Start,
    Choice,
    Device,
    Proof,
    Password,
    /// In a service without hooks.
    Custom,
}

impl Step {
    const ALL: [Self; 6] =
        [Self::Start, Self::Choice, Self::Device, Self::Proof, Self::Password, Self::Custom];

    /// Takes the step with a wrong password; returns the answer, or the refusal.
    fn take(self, world: &mut World, name: &str) -> Value {
        // No step is locked out by the previous ones.
        world.seconds(366 * 24 * 60 * 60);
        let initiate = |flow: &str, parameters: Value, world: &World| {
            let body =
                json!({"AuthFlow": flow, "ClientId": world.client, "AuthParameters": parameters});
            (Operation::InitiateAuth, body)
        };
        let (operation, body) = match self {
            Self::Start => {
                initiate("USER_SRP_AUTH", json!({"USERNAME": name, "SRP_A": "5"}), world)
            }
            Self::Choice => initiate("USER_AUTH", json!({"USERNAME": name}), world),
            Self::Custom => initiate("CUSTOM_AUTH", json!({"USERNAME": name}), world),
            Self::Device => {
                let body = json!({
                    "ClientId": world.client, "ChallengeName": "DEVICE_SRP_AUTH",
                    "ChallengeResponses": {"USERNAME": name, "SRP_A": "5", "DEVICE_KEY": "any"},
                });
                (Operation::RespondToAuthChallenge, body)
            }
            Self::Password => initiate(
                "USER_PASSWORD_AUTH",
                json!({"USERNAME": name, "PASSWORD": "Wrong-horse-7"}),
                world,
            ),
            Self::Proof => {
                let claim = world.srp_claim(name, "Wrong-horse-7");
                let body = json!({
                    "ClientId": world.client, "ChallengeName": "PASSWORD_VERIFIER",
                    "ChallengeResponses": claim,
                });
                (Operation::RespondToAuthChallenge, body)
            }
        };
        world.call(operation, body).unwrap_or_else(|error| json!(error.to_string()))
    }
}

/// An answer in which the length of each string replaces the string. Lengths are rounded, because
/// a number whose highest bit is set has one more byte.
fn shape(answer: &Value) -> Value {
    match answer {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::String(text) => json!(text.len().div_ceil(8)),
        other => other.clone(),
    }
}

#[test]
fn answers_have_the_same_shape_and_refusals_the_same_words() {
    let (mut world, _) = world();
    for step in Step::ALL {
        let [known, unknown] = NAMES.map(|name| step.take(&mut world, name));
        assert_eq!(shape(&known), shape(&unknown), "{step:?}");
        if !matches!(step, Step::Start | Step::Choice) {
            let code = match step {
                Step::Custom => "InvalidParameterException: ",
                _ => "NotAuthorizedException: ",
            };
            assert!(known.as_str().unwrap().starts_with(code), "{step:?}");
            assert_eq!(unknown, known, "{step:?}");
        }
    }
}

#[test]
fn a_session_is_as_long_for_a_decoy_as_for_a_user() {
    let (mut world, _) = world();
    world.client = world.make_client(json!({
        "PreventUserExistenceErrors": "ENABLED", "ExplicitAuthFlows": ["ALLOW_USER_AUTH"],
    }));
    let [known, unknown] = NAMES.map(|name| {
        let body = json!({
            "AuthFlow": "USER_AUTH", "ClientId": world.client, "AuthParameters": {"USERNAME": name},
        });
        let asked = world.ok(Operation::InitiateAuth, body);
        assert_eq!(asked["ChallengeName"], "SELECT_CHALLENGE");
        asked["Session"].as_str().unwrap().len()
    });
    assert_eq!(known, unknown);
}

/// The calls to the store that a step makes.
fn asked(world: &mut World, store: &Watched, step: Step, name: &str) -> Asked {
    let claimed = matches!(step, Step::Proof).then(|| world.srp_claim(name, "Wrong-horse-7"));
    store.take();
    match claimed {
        Some(claim) => drop(world.respond("PASSWORD_VERIFIER", &Value::Null, claim)),
        None => drop(step.take(world, name)),
    }
    store.take()
}

#[test]
fn the_store_calls_are_the_same() {
    let (mut world, store) = world();
    world.set_attributes(NAMES[0], &[("email", "ada@mail.example"), ("email_verified", "true")]);
    for step in Step::ALL {
        let [known, unknown] = NAMES.map(|name| asked(&mut world, &store, step, name));
        assert!(known.found >= 4 && known.missed > 0, "{known:?}");
        // Records are as long as the names and addresses in them.
        assert!(known.bytes.abs_diff(unknown.bytes) < 100, "{step:?}: {known:?} {unknown:?}");
        assert_eq!(Asked { bytes: 0, ..known }, Asked { bytes: 0, ..unknown }, "{step:?}");
    }
}

#[test]
fn old_passwords_and_attributes_are_not_read() {
    let (mut world, store) = world();
    let attributes: Vec<Value> = (0..20)
        .map(|n| {
            json!({"Name": format!("large{n}"), "AttributeDataType": "String",
            "Mutable": true, "StringAttributeConstraints": {"MaxLength": "2048"}})
        })
        .collect();
    let add = json!({"UserPoolId": world.pool, "CustomAttributes": attributes});
    world.ok(Operation::AddCustomAttributes, add);
    world.set_pool("Policies", json!({"PasswordPolicy": {"PasswordHistorySize": 24}}));
    for name in ["bob", "cyd"] {
        world.user(name);
    }
    for n in 0..24 {
        let password = format!("Earlier-horse-{n}");
        let body = json!({"UserPoolId": world.pool, "Username": "bob", "Password": password,
            "Permanent": true});
        world.ok(Operation::AdminSetUserPassword, body);
    }
    let large = "v".repeat(2000);
    let names: Vec<String> = (0..20).map(|n| format!("custom:large{n}")).collect();
    let given: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*large)).collect();
    world.set_attributes("cyd", &given);
    for step in Step::ALL {
        let [plain, many_passwords, large_attributes] =
            ["ada", "bob", "cyd"].map(|name| asked(&mut world, &store, step, name));
        for other in [many_passwords, large_attributes] {
            // A number whose highest bit is set has one more byte.
            assert!(plain.bytes.abs_diff(other.bytes) < 20, "{step:?}: {plain:?} {other:?}");
            assert_eq!(Asked { bytes: 0, ..plain }, Asked { bytes: 0, ..other }, "{step:?}");
        }
    }
    let again = json!({"UserPoolId": world.pool, "Username": "bob",
        "Password": "Earlier-horse-0", "Permanent": true});
    let refused = world.refused(Operation::AdminSetUserPassword, again);
    assert!(refused.starts_with("PasswordHistoryPolicyViolationException"), "{refused}");
}

#[test]
fn a_custom_sender_does_not_tell_who_exists() {
    let (mut world, store) = world();
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let sender = json!({"CustomEmailSender": {"LambdaVersion": "V1_0", "LambdaArn": arn}});
    world.set_pool("LambdaConfig", sender);
    let verified = [("email", "ada@example.com"), ("email_verified", "true")];
    world.set_attributes(NAMES[0], &verified);
    let [known, unknown] = NAMES.map(|name| {
        store.take();
        let body = json!({"ClientId": world.client, "Username": name});
        world.ok(Operation::ForgotPassword, body);
        assert_eq!(world.outbox.len(), usize::from(name == NAMES[0]));
        store.take()
    });
    assert!(known.found > 0);
    assert_eq!(Asked { bytes: 0, ..known }, Asked { bytes: 0, ..unknown });
}

#[test]
fn codes_are_requested_and_redeemed_alike() {
    let (mut world, store) = world();
    world.set_attributes(NAMES[0], &[("email", "ada@example.com"), ("email_verified", "true")]);
    let by_mail = json!({"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"}]});
    world.set_pool("AccountRecoverySetting", by_mail);
    let reset = |code: &str| json!({"ConfirmationCode": code, "Password": "Another-horse-8"});
    for (operation, members) in [
        (Operation::ConfirmForgotPassword, reset("000000")),
        (Operation::ForgotPassword, json!({})),
        (Operation::ForgotPassword, json!({})),
        (Operation::ConfirmForgotPassword, reset("12345x")),
    ] {
        let [known, unknown] = NAMES.map(|name| {
            let mut body = members.clone();
            body["ClientId"] = json!(world.client);
            body["Username"] = json!(name);
            store.take();
            let answer =
                world.call(operation, body).unwrap_or_else(|error| json!(error.to_string()));
            (shape(&answer), store.take())
        });
        assert!(known.1.found > 0);
        let [known, unknown] =
            [known, unknown].map(|(shape, asked)| (shape, Asked { bytes: 0, ..asked }));
        assert_eq!(known, unknown, "{operation}");
    }
}

#[test]
fn the_right_password_still_signs_in() {
    let (mut world, _) = world();
    assert!(world.sign_in(NAMES[0], None, None).challenges.is_empty());
    let claim = world.srp_claim(NAMES[1], PASSWORD);
    assert!(world.respond("PASSWORD_VERIFIER", &Value::Null, claim).is_err());
}

#[test]
fn a_confirmed_user_is_answered_like_an_unknown_one() {
    let (mut world, _) = world();
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    world.set_attributes(NAMES[0], &[("email", "ada@mail.example"), ("email_verified", "true")]);
    world.ok(
        Operation::AdminCreateUser,
        json!({"UserPoolId": world.pool, "Username": "new", "MessageAction": "SUPPRESS"}),
    );
    world.ok(
        Operation::SignUp,
        json!({"ClientId": world.client, "Username": "bob", "Password": PASSWORD,
            "UserAttributes": [{"Name": "email", "Value": "bob@mail.example"}]}),
    );
    let confirm = json!({"ConfirmationCode": "12345x"});
    for (operation, members) in [
        (Operation::ConfirmSignUp, &confirm),
        (Operation::ResendConfirmationCode, &json!({})),
        (Operation::ConfirmSignUp, &confirm),
    ] {
        let answers = ["ada", "new", "bob", "eve"].map(|name| {
            let mut body = members.clone();
            body["ClientId"] = json!(world.client);
            body["Username"] = json!(name);
            shape(&world.call(operation, body).unwrap_or_else(|error| json!(error.to_string())))
        });
        assert!(answers.iter().all(|answer| *answer == answers[3]), "{operation}: {answers:?}");
    }
}

#[test]
fn only_the_right_code_is_reported_as_expired() {
    let (mut world, _) = world();
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    world.ok(
        Operation::SignUp,
        json!({"ClientId": world.client, "Username": "bob", "Password": PASSWORD,
            "UserAttributes": [{"Name": "email", "Value": "bob@mail.example"}]}),
    );
    let code = world.outbox[0].code.to_string();
    world.seconds(24 * 60 * 60);
    for (given, answer) in [(code.as_str(), "ExpiredCode"), ("12345x", "CodeMismatch")] {
        let body = json!({"ClientId": world.client, "Username": "bob", "ConfirmationCode": given});
        let refused = world.refused(Operation::ConfirmSignUp, body);
        assert!(refused.starts_with(answer), "{refused}");
    }
}

/// The internal name and the salt in the first answer to a name.
fn internal_name(world: &mut World, name: &str) -> [String; 2] {
    let answer = Step::Start.take(world, name);
    ["USER_ID_FOR_SRP", "SALT"]
        .map(|member| answer["ChallengeParameters"][member].as_str().unwrap().to_owned())
}

#[test]
fn an_unknown_address_leads_to_a_name_as_users_have() {
    let mut world = alias_world();
    for (known, unknown) in [("vic@mail.example", "vid@mail.example"), ("+15550100", "+15550101")] {
        let found = internal_name(&mut world, known)[0].clone();
        let made_up = internal_name(&mut world, unknown);
        assert_eq!(found, "vic");
        assert!(made_up[0].len() < 12 && !is_uuid(&made_up[0]), "{made_up:?}");
        // A user has one name, one salt and one address, whichever name is asked for first.
        assert_eq!(internal_name(&mut world, &made_up[0]), made_up);
        let [by_address, by_name] = [unknown, made_up[0].as_str()].map(|name| {
            let body = json!({"ClientId": world.client, "Username": name});
            world.ok(Operation::ForgotPassword, body)
        });
        assert_eq!(by_address, by_name, "{unknown}");
        let shown = by_address["CodeDeliveryDetails"]["Destination"].as_str().unwrap();
        let like = if unknown.contains('@') { "v***@m***" } else { "0101" };
        assert!(shown.ends_with(like), "{shown}");
    }
}

/// A pool with addresses as aliases and without users.
fn empty_alias_world() -> World {
    let (mut world, _) = world();
    let settings = json!({"PoolName": "aliases", "AliasAttributes": ["email", "phone_number"],
        "AutoVerifiedAttributes": ["email"]});
    let made = world.ok(Operation::CreateUserPool, settings);
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED",
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}));
    world
}

/// A pool with addresses as aliases, where the user `vic` has two.
fn alias_world() -> World {
    let mut world = empty_alias_world();
    world.user("vic");
    let addresses = [
        ("email", "vic@mail.example"),
        ("email_verified", "true"),
        ("phone_number", "+15550100"),
        ("phone_number_verified", "true"),
    ];
    world.set_attributes("vic", &addresses);
    world
}

/// Whether a name looks like a UUID.
fn is_uuid(name: &str) -> bool {
    name.len() == 36 && name.split('-').count() == 5
}

#[test]
fn if_usernames_are_ids_decoys_have_ids() {
    let mut world = empty_alias_world();
    world.user("2b8c7a44-5d0a-4b59-9f0c-3b1f1f1f1f1f");
    let [name, _] = internal_name(&mut world, "vid@mail.example");
    assert!(is_uuid(&name), "{name}");
}

#[test]
fn decoys_have_the_case_that_users_would_have() {
    for (case_sensitive, asked, shown) in
        [(true, "AdAm", "AdAm"), (true, "adam", "adam"), (false, "AdAm", "adam")]
    {
        let (mut world, _) = world();
        let settings = json!({"PoolName": "other",
            "UsernameConfiguration": {"CaseSensitive": case_sensitive}});
        let made = world.ok(Operation::CreateUserPool, settings);
        world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
        world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED",
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}));
        assert_eq!(internal_name(&mut world, asked)[0], shown);
        world.user(asked);
        assert_eq!(internal_name(&mut world, asked)[0], shown, "a user has the same name");
    }
}

#[test]
fn a_record_of_an_earlier_release_is_split_when_used() {
    let (mut world, store) = world();
    let key = |table| Key { table, id: format!("{}/ada", world.pool) };
    let (user, profile) = (key(Table::User), key(Table::UserProfile));
    let stored = |key: &Key| -> Value {
        serde_json::from_slice(&store.store.get(key).unwrap().unwrap().body).unwrap()
    };
    let mut old = stored(&user);
    old["attributes"] = json!({"email": "ada@mail.example", "name": "Ada"});
    old["earlier_passwords"] = json!([old["password"]]);
    let put = Write::Put { body: serde_json::to_vec(&old).unwrap(), expires_at: None };
    let writes = vec![(user.clone(), put), (profile.clone(), Write::Delete)];
    store.store.apply(Change { expect: Vec::new(), writes }).unwrap();

    let list = json!({"UserPoolId": world.pool, "Filter": "name = \"Ada\""});
    let listed = world.ok(Operation::ListUsers, list.clone());
    assert_eq!(listed["Users"].as_array().unwrap().len(), 1);
    assert_eq!(stored(&user), old, "a list changes nothing");

    Step::Password.take(&mut world, "ada");
    assert_eq!(stored(&user)["attributes"], json!({"email": "ada@mail.example"}));
    assert_eq!(stored(&profile)["attributes"], json!({"name": "Ada"}));
    assert_eq!(world.ok(Operation::ListUsers, list), listed);
    world.set_pool("Policies", json!({"PasswordPolicy": {"PasswordHistorySize": 2}}));
    let mut again = json!({"UserPoolId": world.pool, "Username": "ada", "Permanent": true});
    for (password, taken) in [("Another-horse-8", false), (PASSWORD, true)] {
        again["Password"] = json!(password);
        let set = world.call(Operation::AdminSetUserPassword, again.clone());
        assert_eq!(set.is_err(), taken, "{password}");
    }
}
