//! Measures whether the time of an answer tells who exists, where a client hides its users.
//!
//! ```text
//! cargo bench -p device-pool --bench hidden_users
//! ```
//!
//! Names of six kinds start sign-ins in random turns: two kinds that nobody has, plain users, users
//! with 24 earlier passwords, users with 40 kB of attributes, and users with a software token. Each
//! kind is compared with the first by Welch's t-test, over all samples and over those below five
//! percentiles, as dudect does; the second kind of nobody shows what the machine makes of equals.
//! The largest |t| counts. Beyond 4.5 two kinds are told apart, and the bench fails.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the terminal, which measures time"
)]

use std::sync::Arc;
use std::time::Instant;

use device_pool::store::Store;
use device_pool::{Config, Engine, Invocation, Moment, Retention};
use device_store::{MemoryStore, SqliteStore};
use device_test::{TestSigningKeys, totp_code};
use device_wire::Operation;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

/// Samples of each kind and step.
const SAMPLES: usize = 10_000;
/// Names of each kind: one alone would be told by where it happens to stand in memory.
const NAMES: usize = 16;
/// Beyond this dudect calls two distributions different.
const THRESHOLD: f64 = 4.5;
/// The slowest samples are those that something else interrupted.
const PERCENTILES: [f64; 6] = [1.0, 0.95, 0.9, 0.8, 0.65, 0.5];

const START: i64 = 1_790_000_000_000;
const PASSWORD: &str = "Correct-horse-7";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Nobody,
    NobodyElse,
    Plain,
    ManyPasswords,
    LargeAttributes,
    SoftwareToken,
}

const KINDS: [Kind; 6] = [
    Kind::Nobody,
    Kind::NobodyElse,
    Kind::Plain,
    Kind::ManyPasswords,
    Kind::LargeAttributes,
    Kind::SoftwareToken,
];

impl Kind {
    fn name(self, number: usize) -> String {
        let letter = ["n", "o", "p", "m", "l", "s"][self as usize];
        format!("user-{letter}-{number:02}")
    }
}

/// A call that anyone may make for any name.
const STEPS: [&str; 4] = ["USER_SRP_AUTH", "USER_AUTH", "DEVICE_SRP_AUTH", "USER_PASSWORD_AUTH"];

struct World {
    engine: Engine,
    rng: StdRng,
    now: i64,
    pool: String,
    client: String,
}

impl World {
    fn new(store: Arc<dyn Store>) -> Self {
        let config = Config {
            region: "eu-test-1".into(),
            account_id: "000000000000".into(),
            public_base_url: "http://localhost:9229".into(),
            retention: Retention::default(),
        };
        let engine = Engine::builder(store, config, Arc::new(TestSigningKeys::default())).build();
        let rng = StdRng::seed_from_u64(7);
        let (pool, client) = (String::new(), String::new());
        let mut world = Self { engine, rng, now: START, pool, client };
        let settings = json!({
            "PoolName": "people",
            "Policies": {"PasswordPolicy": {"MinimumLength": 8, "PasswordHistorySize": 24}},
            "DeviceConfiguration": {
                "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true,
            },
            "Schema": (0..20).map(custom_attribute).collect::<Vec<_>>(),
        });
        let made = world.call(Operation::CreateUserPool, settings);
        world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
        let mfa = json!({
            "UserPoolId": world.pool, "MfaConfiguration": "OPTIONAL",
            "SoftwareTokenMfaConfiguration": {"Enabled": true},
        });
        world.call(Operation::SetUserPoolMfaConfig, mfa);
        world.client = world.make_client("ENABLED");
        for kind in KINDS {
            (0..NAMES).for_each(|number| world.make(kind, &kind.name(number)));
        }
        world
    }

    fn make_client(&mut self, hides: &str) -> String {
        let settings = json!({
            "UserPoolId": self.pool, "ClientName": "app", "PreventUserExistenceErrors": hides,
            "ExplicitAuthFlows": [
                "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH",
            ],
        });
        let made = self.call(Operation::CreateUserPoolClient, settings);
        made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
    }

    fn make(&mut self, kind: Kind, name: &str) {
        if matches!(kind, Kind::Nobody | Kind::NobodyElse) {
            return;
        }
        let mut attributes = vec![
            json!({"Name": "email", "Value": format!("{name}@mail.example")}),
            json!({"Name": "email_verified", "Value": "true"}),
        ];
        if kind == Kind::LargeAttributes {
            let large =
                |n| json!({"Name": format!("custom:large{n:02}"), "Value": "v".repeat(2000)});
            attributes.extend((0..20).map(large));
        }
        let user = json!({
            "UserPoolId": self.pool, "Username": name, "MessageAction": "SUPPRESS",
            "UserAttributes": attributes,
        });
        self.call(Operation::AdminCreateUser, user);
        if kind == Kind::ManyPasswords {
            (0..24).for_each(|n| self.set_password(name, &format!("Earlier-horse-{n}")));
        }
        self.set_password(name, PASSWORD);
        if kind == Kind::SoftwareToken {
            self.enrol(name);
        }
    }

    fn set_password(&mut self, name: &str, password: &str) {
        let body = json!({
            "UserPoolId": self.pool, "Username": name, "Password": password, "Permanent": true,
        });
        self.call(Operation::AdminSetUserPassword, body);
    }

    fn enrol(&mut self, name: &str) {
        let body = json!({
            "ClientId": self.client, "AuthFlow": "USER_PASSWORD_AUTH",
            "AuthParameters": {"USERNAME": name, "PASSWORD": PASSWORD},
        });
        let token =
            self.call(Operation::InitiateAuth, body)["AuthenticationResult"]["AccessToken"].take();
        let made = self.call(Operation::AssociateSoftwareToken, json!({"AccessToken": token}));
        let code = totp_code(made["SecretCode"].as_str().unwrap(), self.now);
        let verify = json!({"AccessToken": token, "UserCode": code});
        self.call(Operation::VerifySoftwareToken, verify);
        let switch = json!({
            "AccessToken": token,
            "SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true},
        });
        self.call(Operation::SetUserMFAPreference, switch);
    }

    fn call(&mut self, operation: Operation, body: Value) -> Value {
        let now = Moment::from_millis(self.now);
        let mut invocation = Invocation::new(now, &mut self.rng);
        let outcome = self.engine.execute(operation, body, &mut invocation);
        outcome.unwrap_or_else(|error| panic!("{operation}: {error}")).body.unwrap_or_default()
    }

    /// Takes `step` under `name`; says how many nanoseconds that took.
    fn take(&mut self, step: &str, name: &str) -> f64 {
        let (operation, body) = self.request(step, name);
        let now = Moment::from_millis(self.now);
        let mut invocation = Invocation::new(now, &mut self.rng);
        let begun = Instant::now();
        let answer = self.engine.execute(operation, body, &mut invocation);
        let took = begun.elapsed();
        assert_eq!(answer.is_ok(), matches!(step, "USER_SRP_AUTH" | "USER_AUTH"), "{step} {name}");
        took.as_secs_f64() * 1e9
    }

    fn request(&mut self, step: &str, name: &str) -> (Operation, Value) {
        let a = format!("{:0256x}", self.rng.random::<u128>());
        if step == "DEVICE_SRP_AUTH" {
            let body = json!({
                "ClientId": self.client, "ChallengeName": step,
                "ChallengeResponses": {
                    "USERNAME": name, "SRP_A": a,
                    "DEVICE_KEY": "eu-test-1_00000000-0000-4000-8000-000000000000",
                },
            });
            return (Operation::RespondToAuthChallenge, body);
        }
        let parameters = match step {
            "USER_SRP_AUTH" => json!({"USERNAME": name, "SRP_A": a}),
            "USER_AUTH" => json!({"USERNAME": name}),
            _ => {
                // No attempt is locked out by those before it.
                self.now += 366 * 24 * 60 * 60 * 1000;
                json!({"USERNAME": name, "PASSWORD": "Wrong-horse-7"})
            }
        };
        let body = json!({
            "ClientId": self.client, "AuthFlow": step, "AuthParameters": parameters,
        });
        (Operation::InitiateAuth, body)
    }
}

fn custom_attribute(number: usize) -> Value {
    json!({
        "Name": format!("large{number:02}"), "AttributeDataType": "String", "Mutable": true,
        "StringAttributeConstraints": {"MaxLength": "2048", "MinLength": "0"},
    })
}

/// Welch's t of two samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |samples: &[f64]| {
        let n = samples.len() as f64;
        let mean = samples.iter().sum::<f64>() / n;
        let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        (mean, variance / n)
    };
    let ((mean_a, error_a), (mean_b, error_b)) = (moments(a), moments(b));
    (mean_a - mean_b) / (error_a + error_b).sqrt()
}

/// The largest |t|, over all samples and over those below each percentile of both together.
fn largest_t(a: &[f64], b: &[f64]) -> f64 {
    let mut both = [a, b].concat();
    both.sort_by(f64::total_cmp);
    let below = |part: f64| {
        let limit = both[((both.len() as f64 * part) as usize).min(both.len() - 1)];
        let cropped = |samples: &[f64]| -> Vec<f64> {
            samples.iter().copied().filter(|sample| *sample <= limit).collect()
        };
        welch(&cropped(a), &cropped(b)).abs()
    };
    PERCENTILES.map(below).into_iter().fold(0.0, f64::max)
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn main() {
    // As criterion's benchmarks, which with this flag only show that they run.
    let trial = std::env::args().any(|arg| arg == "--test");
    let samples = if trial { 20 } else { SAMPLES };
    let directory = std::env::temp_dir().join(format!("hidden-users-{}", std::process::id()));
    let sqlite = SqliteStore::open(&directory).unwrap();
    let stores: [(&str, Arc<dyn Store>); 2] =
        [("memory", Arc::new(MemoryStore::new())), ("SQLite", Arc::new(sqlite))];
    let mut told = false;
    println!("| store | step | names | median us | largest abs t |");
    println!("|---|---|---|---|---|");
    for (store_name, store) in stores {
        let mut world = World::new(store);
        for step in STEPS {
            // A failed password is written down, which a disk takes its own time for.
            if step == "USER_PASSWORD_AUTH" && store_name == "SQLite" {
                continue;
            }
            let mut took = [const { Vec::new() }; KINDS.len()];
            for _ in 0..samples {
                let mut turns = KINDS;
                turns.shuffle(&mut world.rng);
                for kind in turns {
                    let name = kind.name(world.rng.random_range(0..NAMES));
                    took[kind as usize].push(world.take(step, &name));
                }
            }
            for kind in KINDS {
                let own = &took[kind as usize];
                let t = largest_t(own, &took[Kind::Nobody as usize]);
                told |= t > THRESHOLD;
                let us = median(own) / 1000.0;
                println!("| {store_name} | {step} | {kind:?} | {us:.1} | {t:.1} |");
            }
        }
    }
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(trial || !told, "some names are told apart by time");
}
