//! Whole sign-ins by password and remembered device, with the arithmetic in place and batched.
//!
//! For several numbers of concurrent clients, the benchmark prints the server's CPU time per
//! sign-in, the sign-ins per second and core, and the latency. Server and clients are in one
//! process and exchange JSON without sockets, over SQLite in a temporary directory. The clients'
//! arithmetic is excluded from the CPU time, but competes for the cores like another process, so
//! the latencies are those of a busy machine. The two ways alternate, round by round.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the terminal"
)]

use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_pool::{Arithmetic, InPlace};
use device_server::{DEFAULT_MAX_WAITING, HandshakeBatcher, app};
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, Timestamp, Verifier};
use device_store::SqliteStore;
use device_test::{FakeClock, PASSWORD, TestSigningKeys, config, service_in};
use rand::{SeedableRng, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tower::ServiceExt;

const CLIENTS: [usize; 5] = [1, 4, 8, 16, 64];
const ROUNDS: usize = 11;
/// Sign-ins in a round, by all clients together.
const SIGN_INS: usize = 128;
const DEVICE_PASSWORD: &str = "what the device keeps";

fn main() {
    // As in criterion's benchmarks, this flag only shows that everything runs.
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { ROUNDS };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let ways: [(&str, Arc<dyn Arithmetic + Send + Sync>); 2] = [
            ("in place", Arc::new(InPlace)),
            ("gathered", Arc::new(HandshakeBatcher::new(DEFAULT_MAX_WAITING))),
        ];
        let mut pools = Vec::new();
        for (name, arithmetic) in ways {
            pools.push((name, Arc::new(Pool::new(arithmetic).await)));
        }
        println!(
            "| clients | arithmetic | CPU us a sign-in | sign-ins a second and core | p50 ms | p99 \
             ms |"
        );
        println!("|---|---|---|---|---|---|");
        for clients in CLIENTS {
            let mut taken = vec![Taken::default(); pools.len()];
            for _ in 0..rounds {
                for ((_, pool), taken) in pools.iter().zip(&mut taken) {
                    pool.round(clients, taken).await;
                }
            }
            for ((name, _), Taken { cpu, latencies }) in pools.iter().zip(taken) {
                let each = quantile(cpu, 0.5);
                let [p50, p99] = [0.5, 0.99].map(|part| quantile(latencies.clone(), part) / 1e3);
                println!(
                    "| {clients} | {name} | {each:.0} | {:.0} | {p50:.1} | {p99:.1} \
                          |",
                    1e6 / each
                );
            }
        }
    });
}

/// Microseconds: the server's CPU time for a sign-in in each round, and the time of each sign-in's
/// calls.
#[derive(Clone, Default)]
struct Taken {
    cpu: Vec<f64>,
    latencies: Vec<f64>,
}

/// The quantile `part` (0 to 1).
fn quantile(mut times: Vec<f64>, part: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() as f64 * part) as usize]
}

/// The CPU time of a call on this thread.
fn cpu_microseconds(run: impl FnOnce()) -> f64 {
    let started = microseconds(ClockId::ThreadCPUTime);
    run();
    microseconds(ClockId::ThreadCPUTime) - started
}

fn microseconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// One client's sign-in: the time of its calls, and the CPU time of the client's arithmetic.
#[derive(Default)]
struct Spent {
    calls: f64,
    computing: f64,
}

/// A pool whose users each have a remembered device.
struct Pool {
    router: Router,
    name: String,
    client: String,
    timestamp: String,
    devices: Vec<Device>,
    _directory: tempfile::TempDir,
}

struct Device {
    username: String,
    key: String,
    group_key: String,
}

impl Pool {
    async fn new(arithmetic: Arc<dyn Arithmetic + Send + Sync>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = FakeClock::new();
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        let keys = Arc::new(TestSigningKeys::default());
        let service = service_in(store, config("http://pool.test"), keys, &clock);
        let mut pool = Self {
            router: app(service.arithmetic(arithmetic).build()),
            name: String::new(),
            client: String::new(),
            timestamp: Timestamp::from_unix_seconds(clock.now() / 1000).to_string(),
            devices: Vec::new(),
            _directory: directory,
        };
        let tracked = json!({ "ChallengeRequiredOnNewDevice": true });
        let made = pool
            .call("CreateUserPool", json!({ "PoolName": "p", "DeviceConfiguration": tracked }))
            .await;
        let id = text(&made["UserPool"]["Id"]);
        pool.name = id.split_once('_').unwrap().1.to_owned();
        let flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let client = json!({ "UserPoolId": id, "ClientName": "c", "ExplicitAuthFlows": flows });
        pool.client =
            text(&pool.call("CreateUserPoolClient", client).await["UserPoolClient"]["ClientId"]);
        for i in 0..CLIENTS.into_iter().max().unwrap() {
            let device = pool.remembered(&id, format!("user{i}")).await;
            pool.devices.push(device);
        }
        pool
    }

    async fn remembered(&self, pool_id: &str, username: String) -> Device {
        let create =
            json!({ "UserPoolId": pool_id, "Username": username, "MessageAction": "SUPPRESS" });
        self.call("AdminCreateUser", create).await;
        let password = json!({ "UserPoolId": pool_id, "Username": username,
            "Password": PASSWORD, "Permanent": true });
        self.call("AdminSetUserPassword", password).await;
        let answer = self.prove_password(&username, None, &mut Spent::default()).await;
        let result = &answer["AuthenticationResult"];
        let metadata = &result["NewDeviceMetadata"];
        let (key, group_key) = (text(&metadata["DeviceKey"]), text(&metadata["DeviceGroupKey"]));
        let salt = Salt::from_hex("5a17").unwrap();
        let verifier =
            Verifier::derive(&Identity::device(&group_key, &key), DEVICE_PASSWORD, &salt);
        let config = json!({
            "Salt": STANDARD.encode(salt.padded()),
            "PasswordVerifier": STANDARD.encode(verifier.padded()),
        });
        let confirm = json!({
            "AccessToken": result["AccessToken"], "DeviceKey": key,
            "DeviceSecretVerifierConfig": config,
        });
        self.call("ConfirmDevice", confirm).await;
        Device { username, key, group_key }
    }

    /// Runs all sign-ins of a round with this number of clients. Each starts its next sign-in when
    /// the previous one is done.
    async fn round(self: &Arc<Self>, clients: usize, taken: &mut Taken) {
        let started = microseconds(ClockId::ProcessCPUTime);
        let all = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..clients)
            .map(|client| {
                let (pool, all) = (Arc::clone(self), Arc::clone(&all));
                tokio::spawn(async move {
                    for _ in 0..SIGN_INS / clients {
                        let spent = pool.sign_in(&pool.devices[client]).await;
                        all.lock().unwrap().push(spent);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let cpu = microseconds(ClockId::ProcessCPUTime) - started;
        let all = all.lock().unwrap();
        let clients: f64 = all.iter().map(|spent| spent.computing).sum();
        taken.cpu.push((cpu - clients) / all.len() as f64);
        taken.latencies.extend(all.iter().map(|spent| spent.calls));
    }

    async fn sign_in(&self, device: &Device) -> Spent {
        let mut spent = Spent::default();
        let Device { username, key, group_key } = device;
        let asked = self.prove_password(username, Some(key), &mut spent).await;
        let a = client(&mut spent);
        let answers =
            json!({ "USERNAME": username, "DEVICE_KEY": key, "SRP_A": a.public().to_hex() });
        let asked = self.respond("DEVICE_SRP_AUTH", &asked["Session"], answers, &mut spent).await;
        let mut answers =
            self.claim(&Identity::device(group_key, key), DEVICE_PASSWORD, &a, &asked, &mut spent);
        answers["USERNAME"] = json!(username);
        answers["DEVICE_KEY"] = json!(key);
        let done =
            self.respond("DEVICE_PASSWORD_VERIFIER", &asked["Session"], answers, &mut spent).await;
        assert!(done["AuthenticationResult"]["AccessToken"].is_string());
        spent
    }

    async fn prove_password(
        &self,
        username: &str,
        device: Option<&str>,
        spent: &mut Spent,
    ) -> Value {
        let a = client(spent);
        let parameters =
            json!({ "USERNAME": username, "SRP_A": a.public().to_hex(), "DEVICE_KEY": device });
        let body = json!({ "AuthFlow": "USER_SRP_AUTH", "ClientId": self.client,
            "AuthParameters": parameters });
        let asked = self.timed("InitiateAuth", body, spent).await;
        let user_id = text(&asked["ChallengeParameters"]["USER_ID_FOR_SRP"]);
        let mut answers =
            self.claim(&Identity::user(&self.name, &user_id), PASSWORD, &a, &asked, spent);
        answers["USERNAME"] = json!(user_id);
        answers["DEVICE_KEY"] = json!(device);
        self.respond("PASSWORD_VERIFIER", &Value::Null, answers, spent).await
    }

    fn claim(
        &self,
        identity: &Identity<'_>,
        password: &str,
        a: &ClientEphemeral,
        asked: &Value,
        spent: &mut Spent,
    ) -> Value {
        let asked = |name: &str| asked["ChallengeParameters"][name].as_str().unwrap();
        let mut signature = String::new();
        spent.computing += cpu_microseconds(|| {
            let (salt, b) = (
                Salt::from_hex(asked("SALT")).unwrap(),
                PublicValue::from_hex(asked("SRP_B")).unwrap(),
            );
            let block = STANDARD.decode(asked("SECRET_BLOCK")).unwrap();
            let key = a.session_key(identity, password, &salt, &b).unwrap();
            signature = key.sign(identity, &block, &self.timestamp).to_base64();
        });
        json!({
            "PASSWORD_CLAIM_SECRET_BLOCK": asked("SECRET_BLOCK"),
            "PASSWORD_CLAIM_SIGNATURE": signature,
            "TIMESTAMP": self.timestamp,
        })
    }

    async fn respond(
        &self,
        challenge: &str,
        session: &Value,
        answers: Value,
        spent: &mut Spent,
    ) -> Value {
        let body = json!({
            "ClientId": self.client, "ChallengeName": challenge, "Session": session,
            "ChallengeResponses": answers,
        });
        self.timed("RespondToAuthChallenge", body, spent).await
    }

    async fn timed(&self, operation: &str, body: Value, spent: &mut Spent) -> Value {
        let started = Instant::now();
        let answer = self.call(operation, body).await;
        spent.calls += started.elapsed().as_secs_f64() * 1e6;
        answer
    }

    async fn call(&self, operation: &str, body: Value) -> Value {
        let request = Request::post("/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
            .body(Body::from(body.to_string()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let ok = response.status().is_success();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(ok, "{operation}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_default()
    }
}

/// A secret of 256 bits from a fixed seed; its value does not matter here.
fn client(spent: &mut Spent) -> ClientEphemeral {
    let mut client = None;
    spent.computing += cpu_microseconds(|| {
        client = Some(ClientEphemeral::generate(&mut StdRng::seed_from_u64(1)))
    });
    client.unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
