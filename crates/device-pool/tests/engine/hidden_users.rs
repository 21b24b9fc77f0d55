//! If a client hides its users, neither answers nor work nor time reveal who exists.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use device_pool::store::{Change, Key, Record, Store, StoreError, Table, Write};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

/// A store that records the calls to it.
#[derive(Default)]
struct Watched {
    store: MemoryStore,
    asked: Mutex<Vec<(&'static str, Table)>>,
}

impl Watched {
    fn note(&self, what: &'static str, table: Table) {
        self.asked.lock().unwrap().push((what, table));
    }

    fn take(&self) -> Vec<(&'static str, Table)> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Store for Watched {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        self.note("get", key.table);
        self.store.get(key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        self.note("scan", table);
        self.store.scan(table, prefix, after, limit)
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        for (key, write) in &change.writes {
            self.note(if matches!(write, Write::Delete) { "delete" } else { "put" }, key.table);
        }
        self.store.apply(change)
    }

    fn purge(&self, now_millis: i64) -> Result<usize, StoreError> {
        self.store.purge(now_millis)
    }
}

const NAMES: [&str; 2] = ["ada", "eve"];

/// A service in which the first of [`NAMES`] is a user and the second is unknown.
fn world() -> (World, Arc<Watched>) {
    let store = Arc::new(Watched::default());
    let mut world = World::over(store.clone(), 9);
    world.user(NAMES[0]);
    world.client = world.make_client(json!({
        "PreventUserExistenceErrors": "ENABLED",
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"],
    }));
    (world, store)
}

/// A step of a sign-in that an attacker can take.
#[derive(Clone, Copy, Debug)]
enum Step {
    Start,
    Proof,
    Password,
}

impl Step {
    const ALL: [Self; 3] = [Self::Start, Self::Proof, Self::Password];

    /// Takes the step with a wrong password; returns the answer and the time it took.
    #[expect(clippy::disallowed_methods, reason = "the time that passes is what is measured")]
    fn take(self, world: &mut World, name: &str) -> (Value, Duration) {
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
        let begun = Instant::now();
        let answer = world.call(operation, body);
        let took = begun.elapsed();
        (answer.unwrap_or_else(|error| json!(error.to_string())), took)
    }
}

/// An answer with every text in it replaced by its length.
fn shape(answer: &Value) -> Value {
    match answer {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::String(text) => json!(text.len()),
        other => other.clone(),
    }
}

#[test]
fn answers_have_the_same_shape_and_refusals_the_same_words() {
    let (mut world, _) = world();
    for step in Step::ALL {
        let [known, unknown] = NAMES.map(|name| step.take(&mut world, name).0);
        assert_eq!(shape(&known), shape(&unknown), "{step:?}");
        if !matches!(step, Step::Start) {
            assert_eq!(
                known, "NotAuthorizedException: Incorrect username or password.",
                "{step:?}"
            );
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

#[test]
fn the_store_calls_are_the_same() {
    let (mut world, store) = world();
    for step in Step::ALL {
        let [known, unknown] = NAMES.map(|name| {
            let claimed =
                matches!(step, Step::Proof).then(|| world.srp_claim(name, "Wrong-horse-7"));
            store.take();
            match claimed {
                Some(claim) => drop(world.respond("PASSWORD_VERIFIER", &Value::Null, claim)),
                None => drop(step.take(&mut world, name)),
            }
            store.take()
        });
        assert!(known.iter().any(|(_, table)| *table == Table::Login), "{known:?}");
        assert_eq!(known, unknown, "{step:?}");
    }
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
        assert!(!known.1.is_empty());
        assert_eq!(known, unknown, "{operation}");
    }
}

/// The allowed difference in time. Skipping an exponentiation for unknown names would change the
/// time by more than a third; skipping a record changed the first step's time by a seventh.
const TOLERANCE: f64 = 0.05;

/// The time of a step for an unknown name, relative to the time for a user.
///
/// The two are measured alternately, so that other load on the machine affects both, and by their
/// fastest tenth, which it affects least.
fn compared(world: &mut World, step: Step) -> f64 {
    const PAIRS: usize = 100;
    let mut took = [Vec::new(), Vec::new()];
    for pair in 0..2 * PAIRS {
        let which = (pair + pair / 2) % 2;
        took[which].push(step.take(world, NAMES[which]).1);
    }
    let [known, unknown] = took.map(|mut times| {
        times.sort_unstable();
        times[PAIRS / 10].as_secs_f64()
    });
    unknown / known
}

#[test]
fn the_time_is_the_same() {
    let (mut world, _) = world();
    for step in Step::ALL {
        // Load can spoil a round; a real difference shows in every round.
        let rounds: Vec<f64> = (0..5)
            .map(|_| compared(&mut world, step))
            .scan(false, |met, part| {
                (!std::mem::replace(met, (part - 1.0).abs() < TOLERANCE)).then_some(part)
            })
            .collect();
        assert!(
            rounds.iter().any(|part| (part - 1.0).abs() < TOLERANCE),
            "{step:?}: for nobody it takes {rounds:.3?} of what it takes for a user"
        );
    }
}

#[test]
fn the_right_password_still_signs_in() {
    let (mut world, _) = world();
    assert!(world.sign_in(NAMES[0], None, None).challenges.is_empty());
    let claim = world.srp_claim(NAMES[1], PASSWORD);
    assert!(world.respond("PASSWORD_VERIFIER", &Value::Null, claim).is_err());
}
