//! A pool with users of all kinds, and the steps that anyone may take under any name.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use device_pool::store::Store;
use device_pool::{Engine, Invocation, Moment};
use device_server::{Administrators, Limits, PoolRates, Server, Service};
use device_test::{FakeClock, TestSigningKeys, config, totp_code};
use device_wire::Operation;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Names of each kind: one alone would be told by where it happens to stand in memory.
pub(crate) const NAMES: usize = 16;

const PASSWORD: &str = "Correct-horse-7";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Nobody,
    NobodyElse,
    Plain,
    ManyPasswords,
    LargeAttributes,
    SoftwareToken,
}

pub(crate) const KINDS: [Kind; 6] = [
    Kind::Nobody,
    Kind::NobodyElse,
    Kind::Plain,
    Kind::ManyPasswords,
    Kind::LargeAttributes,
    Kind::SoftwareToken,
];

impl Kind {
    pub(crate) fn name(self, number: usize) -> String {
        let letter = ["n", "o", "p", "m", "l", "s"][self as usize];
        format!("user-{letter}-{number:02}")
    }
}

/// A call that anyone may make for any name.
pub(crate) const STEPS: [&str; 4] =
    ["USER_SRP_AUTH", "USER_AUTH", "DEVICE_SRP_AUTH", "USER_PASSWORD_AUTH"];

/// A pool, and the ways to call it.
pub(crate) struct World {
    engine: Engine,
    connection: TcpStream,
    pub(crate) rng: StdRng,
    clock: FakeClock,
    pool: String,
    client: String,
    /// Runs the server for as long as this lives.
    _runtime: Runtime,
}

/// How a step reaches the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a call of the engine.
    InProcess,
    /// Over HTTP on the loopback interface, through one connection.
    Http,
}

/// A server of the records in `store`, and a connection to it.
fn serve(store: &Arc<dyn Store>, clock: &FakeClock) -> (Runtime, TcpStream) {
    let mut limits = Limits::default();
    limits.pool_rates = PoolRates { sign_ups: 0, code_requests: 0, failures: 0 };
    let service = Service::builder(Arc::clone(store), config("http://localhost:9229"))
        .administrators(Administrators::Nobody)
        .signing_keys(Arc::new(TestSigningKeys::default()))
        .clock(Arc::new(clock.clone()))
        .limits(limits)
        .build();
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::bind(([127, 0, 0, 1], 0).into())).unwrap();
    let address = server.local_addr().unwrap();
    runtime.spawn(server.serve(service, std::future::pending()));
    let connection = TcpStream::connect(address).unwrap();
    connection.set_nodelay(true).unwrap();
    (runtime, connection)
}

impl World {
    pub(crate) fn new(store: &Arc<dyn Store>) -> Self {
        let clock = FakeClock::new();
        let (keys, config) =
            (Arc::new(TestSigningKeys::default()), config("http://localhost:9229"));
        let (runtime, connection) = serve(store, &clock);
        let mut world = Self {
            engine: Engine::builder(Arc::clone(store), config, keys).build(),
            connection,
            rng: StdRng::seed_from_u64(7),
            clock,
            pool: String::new(),
            client: String::new(),
            _runtime: runtime,
        };
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
        let code = totp_code(made["SecretCode"].as_str().unwrap(), self.clock.now());
        let verify = json!({"AccessToken": token, "UserCode": code});
        self.call(Operation::VerifySoftwareToken, verify);
        let switch = json!({
            "AccessToken": token,
            "SoftwareTokenMfaSettings": {"Enabled": true, "PreferredMfa": true},
        });
        self.call(Operation::SetUserMFAPreference, switch);
    }

    fn call(&mut self, operation: Operation, body: Value) -> Value {
        let now = Moment::from_millis(self.clock.now());
        let mut invocation = Invocation::new(now, &mut self.rng);
        let outcome = self.engine.execute(operation, body, &mut invocation);
        outcome.unwrap_or_else(|error| panic!("{operation}: {error}")).body.unwrap_or_default()
    }

    /// Takes `step` under `name`; says how many nanoseconds that took.
    pub(crate) fn take(&mut self, way: Way, step: &str, name: &str) -> f64 {
        let (operation, body) = self.request(step, name);
        let (took, passed) = match way {
            Way::InProcess => self.take_in_process(operation, body),
            Way::Http => self.take_over_http(operation, &body),
        };
        assert_eq!(passed, matches!(step, "USER_SRP_AUTH" | "USER_AUTH"), "{step} {name}");
        took.as_secs_f64() * 1e9
    }

    fn take_in_process(&mut self, operation: Operation, body: Value) -> (Duration, bool) {
        let now = Moment::from_millis(self.clock.now());
        let mut invocation = Invocation::new(now, &mut self.rng);
        let begun = Instant::now();
        let answer = self.engine.execute(operation, body, &mut invocation);
        (begun.elapsed(), answer.is_ok())
    }

    fn take_over_http(&mut self, operation: Operation, body: &Value) -> (Duration, bool) {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-amz-json-1.1\r\n\
             x-amz-target: AWSCognitoIdentityProviderService.{operation}\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut answer = vec![0; 64 * 1024];
        let mut read = 0;
        let begun = Instant::now();
        self.connection.write_all(request.as_bytes()).unwrap();
        while !is_whole(&answer[..read]) {
            read += self.connection.read(&mut answer[read..]).unwrap();
        }
        (begun.elapsed(), answer.starts_with(b"HTTP/1.1 200 "))
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
                self.clock.advance(Duration::from_secs(366 * 24 * 60 * 60));
                json!({"USERNAME": name, "PASSWORD": "Wrong-horse-7"})
            }
        };
        let body = json!({
            "ClientId": self.client, "AuthFlow": step, "AuthParameters": parameters,
        });
        (Operation::InitiateAuth, body)
    }
}

/// Whether all bytes of an answer were read.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() == length.unwrap().parse::<usize>().unwrap()
}

fn custom_attribute(number: usize) -> Value {
    json!({
        "Name": format!("large{number:02}"), "AttributeDataType": "String", "Mutable": true,
        "StringAttributeConstraints": {"MaxLength": "2048", "MinLength": "0"},
    })
}
