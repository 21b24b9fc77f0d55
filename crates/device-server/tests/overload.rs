//! More calls than the server can compute, over real HTTP.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_server::Limits;
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, Timestamp};
use device_test::{PASSWORD, SeededRng, TestServer};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The calls that may wait for the only turn, however long it takes.
const SPARED: usize = 8;

#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn pass(&self) {
        drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// Opens the gate when a test ends, even by a panic.
struct Opens(Arc<Gate>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// A server with one turn and the user `ada`, and clients that call it.
///
/// A call that sends a message holds its turn until the gate is open.
struct World {
    // Dropped in this order: a server whose thread waits at the gate could not stop.
    gate: Opens,
    server: TestServer,
    url: String,
    pool: String,
    client: String,
    /// Receives an event for each call that holds its turn.
    held: UnboundedReceiver<()>,
    answers: (UnboundedSender<Answer>, UnboundedReceiver<Answer>),
}

#[derive(Debug)]
struct Answer {
    operation: &'static str,
    status: u16,
    body: Value,
}

impl World {
    fn new() -> Self {
        let gate = Arc::new(Gate::default());
        let (tell, held) = unbounded_channel();
        let at_gate = Arc::clone(&gate);
        let observer = move |_: &[_]| {
            // The test may be over.
            let _ = tell.send(());
            at_gate.pass();
        };
        let mut limits = Limits::default();
        (limits.max_computing, limits.max_wait) = (1, Duration::ZERO);
        let server = TestServer::start_with(|service| {
            service.limits(limits).message_observer(Arc::new(observer))
        });
        let pool = server.create_pool(json!({ "AutoVerifiedAttributes": ["email"] }));
        let client = server.create_client(&pool, json!({}));
        server.create_user(&pool, "ada");
        let (url, gate) = (server.url(), Opens(gate));
        Self { gate, server, url, pool, client, held, answers: unbounded_channel() }
    }

    /// Holds the turn with a call that sends a message.
    async fn hold(&mut self) {
        let email = json!({ "Name": "email", "Value": "bob@example.com" });
        let body = json!({ "ClientId": self.client, "Username": "bob", "Password": PASSWORD,
            "UserAttributes": [email] });
        self.start("SignUp", &body);
        self.held.recv().await.unwrap();
    }

    /// Starts a call. Its answer will arrive in `self.answers`.
    fn start(&self, operation: &'static str, body: &Value) {
        let (request, answers) = (call(&self.url, operation, body), self.answers.0.clone());
        tokio::spawn(async move { answers.send(request.await).unwrap() });
    }

    fn opening(&self, a: &ClientEphemeral) -> Value {
        let parameters = json!({ "USERNAME": "ada", "SRP_A": a.public().to_hex() });
        json!({ "AuthFlow": "USER_SRP_AUTH", "ClientId": self.client,
            "AuthParameters": parameters })
    }

    /// The answer to a challenge for ada's password.
    fn proof(&self, a: &ClientEphemeral, asked: &Value) -> Value {
        let asked = |name: &str| asked["ChallengeParameters"][name].as_str().unwrap();
        let user_id = asked("USER_ID_FOR_SRP");
        let identity = Identity::user(self.pool.split_once('_').unwrap().1, user_id);
        let (salt, b) = (
            Salt::from_hex(asked("SALT")).unwrap(),
            PublicValue::from_hex(asked("SRP_B")).unwrap(),
        );
        let timestamp = Timestamp::from_unix_seconds(self.server.clock().now() / 1000).to_string();
        let block = STANDARD.decode(asked("SECRET_BLOCK")).unwrap();
        let key = a.session_key(&identity, PASSWORD, &salt, &b).unwrap();
        let answers = json!({
            "USERNAME": user_id, "TIMESTAMP": timestamp,
            "PASSWORD_CLAIM_SECRET_BLOCK": asked("SECRET_BLOCK"),
            "PASSWORD_CLAIM_SIGNATURE": key.sign(&identity, &block, &timestamp).to_base64(),
        });
        json!({ "ClientId": self.client, "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeResponses": answers })
    }

    async fn answer(&mut self) -> Answer {
        self.answers.1.recv().await.unwrap()
    }
}

fn call(url: &str, operation: &'static str, body: &Value) -> impl Future<Output = Answer> + use<> {
    let request = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(body.to_string());
    async move {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let body = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        Answer { operation, status, body }
    }
}

/// Runs the clients in their own runtime. The test server has its own too, and cannot be started
/// within another.
fn run(clients: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(clients);
}

#[test]
fn a_flood_is_refused_and_a_begun_sign_in_completed() {
    let mut world = World::new();
    run(async move {
        let a = ClientEphemeral::generate(&mut SeededRng::new(1));
        let asked = call(&world.url, "InitiateAuth", &world.opening(&a)).await.body;
        let proof = world.proof(&a, &asked);

        world.hold().await;
        (0..SPARED).for_each(|_| world.start("InitiateAuth", &world.opening(&a)));
        world.start("RespondToAuthChallenge", &proof);
        let refused = world.answer().await;
        assert_eq!((refused.operation, refused.status), ("InitiateAuth", 400));
        assert_eq!(
            refused.body,
            json!({ "__type": "TooManyRequestsException", "message": "Too many requests" })
        );

        world.gate.0.open();
        for _ in 0..=SPARED {
            let answer = world.answer().await;
            assert_eq!(answer.status, 200, "{answer:?}");
            if answer.operation == "RespondToAuthChallenge" {
                assert!(answer.body["AuthenticationResult"]["AccessToken"].is_string());
            }
        }
        let again = call(&world.url, "InitiateAuth", &world.opening(&a)).await;
        assert_eq!(again.status, 200, "the refused one is retried");
    });
}
