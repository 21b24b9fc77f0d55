//! More sign-ins than the server can compute, over real HTTP.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::convert::Infallible;
use std::net::TcpStream;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_pool::{Arithmetic, ServiceError};
use device_server::HandshakeBatcher;
use device_srp::{
    ClientEphemeral, Identity, PublicValue, Salt, ServerEphemeral, SessionKey, Timestamp, Verifier,
};
use device_test::{PASSWORD, SeededRng, TestServer};
use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The number of handshakes that may wait.
const WAITING: usize = 2;

/// A [`HandshakeBatcher`] that gets no randomness while the gate is closed, which blocks it.
struct Gated {
    handshake_batcher: HandshakeBatcher,
    gate: Arc<Gate>,
    /// Receives an event for each handshake that starts.
    came: UnboundedSender<Came>,
}

#[derive(Debug, PartialEq)]
enum Came {
    In,
    /// At the gate. Only a handshake that is being computed gets there.
    ToTheGate,
}

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
}

/// Opens the gate when a test ends, even by a panic.
struct Opens(Arc<Gate>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.open();
    }
}

impl Arithmetic for Gated {
    fn open(
        &self,
        verifier: Verifier,
        rng: &mut dyn CryptoRng,
    ) -> Result<ServerEphemeral, ServiceError> {
        self.came.send(Came::In).unwrap();
        self.handshake_batcher.open(verifier, &mut Randomness { rng, gated: self })
    }

    fn session_key(
        &self,
        ephemeral: ServerEphemeral,
        verifier: Verifier,
        a: PublicValue,
    ) -> Result<Option<SessionKey>, ServiceError> {
        self.handshake_batcher.session_key(ephemeral, verifier, a)
    }
}

/// A generator that waits for the gate.
struct Randomness<'a> {
    rng: &'a mut dyn CryptoRng,
    gated: &'a Gated,
}

impl TryRng for Randomness<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.rng.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.rng.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        let _ = self.gated.came.send(Came::ToTheGate);
        let gate = &self.gated.gate;
        drop(gate.opened.wait_while(gate.open.lock().unwrap(), |open| !*open).unwrap());
        self.rng.fill_bytes(bytes);
        Ok(())
    }
}

impl TryCryptoRng for Randomness<'_> {}

/// A server with the user `ada`, and clients that sign her in.
struct World {
    // Dropped in this order: a server whose threads wait at the gate could not stop.
    gate: Opens,
    server: TestServer,
    url: String,
    pool: String,
    client: String,
    came: UnboundedReceiver<Came>,
    answers: (UnboundedSender<Answer>, UnboundedReceiver<Answer>),
}

#[derive(Debug)]
struct Answer {
    status: u16,
    body: Value,
}

impl World {
    fn new() -> Self {
        let gate = Arc::new(Gate::default());
        let (tell, came) = unbounded_channel();
        let gated = Gated {
            handshake_batcher: HandshakeBatcher::new(WAITING),
            gate: Arc::clone(&gate),
            came: tell,
        };
        let server = TestServer::start_with(|service| service.arithmetic(Arc::new(gated)));
        let pool = server.create_pool(json!({}));
        let client = server.create_client(&pool, json!({}));
        server.create_user(&pool, "ada");
        let (url, gate) = (server.url(), Opens(gate));
        Self { gate, server, url, pool, client, came, answers: unbounded_channel() }
    }

    /// Starts as many sign-ins as the server computes at a time, and waits until all are at the
    /// gate. Returns their number.
    async fn keep_busy(&mut self) -> usize {
        let busy = thread::available_parallelism().unwrap().get();
        (0..busy).for_each(|_| self.start());
        let mut stopped = 0;
        while stopped < busy {
            stopped += usize::from(self.came.recv().await.unwrap() == Came::ToTheGate);
        }
        busy
    }

    /// Starts a sign-in. Its answer will arrive in `self.answers`.
    fn start(&self) {
        let a = ClientEphemeral::generate(&mut SeededRng::new(1));
        let request = call(&self.url, "InitiateAuth", &self.opening(&a));
        let answers = self.answers.0.clone();
        tokio::spawn(async move { answers.send(request.await).unwrap() });
    }

    fn opening(&self, a: &ClientEphemeral) -> Value {
        let parameters = json!({ "USERNAME": "ada", "SRP_A": a.public().to_hex() });
        json!({ "AuthFlow": "USER_SRP_AUTH", "ClientId": self.client,
            "AuthParameters": parameters })
    }

    async fn answer(&mut self) -> Answer {
        self.answers.1.recv().await.unwrap()
    }
}

fn call(url: &str, operation: &str, body: &Value) -> impl Future<Output = Answer> + use<> {
    let request = reqwest::Client::new()
        .post(url)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", format!("AWSCognitoIdentityProviderService.{operation}"))
        .body(body.to_string());
    async move {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        Answer { status, body: serde_json::from_slice(&response.bytes().await.unwrap()).unwrap() }
    }
}

/// Runs the clients in their own runtime. The test server has its own too, and cannot be started
/// within another.
fn run(clients: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(clients);
}

#[test]
fn a_sign_in_refused_under_load_succeeds_when_retried() {
    let mut world = World::new();
    run(async move {
        let busy = world.keep_busy().await;
        (0..=WAITING).for_each(|_| world.start());
        let refused = world.answer().await;
        assert_eq!(refused.status, 400);
        assert_eq!(
            refused.body,
            json!({ "__type": "TooManyRequestsException", "message": "Too many requests" })
        );

        world.gate.0.open();
        for _ in 0..busy + WAITING {
            assert_eq!(world.answer().await.status, 200, "the accepted sign-ins succeed");
        }
        let a = ClientEphemeral::generate(&mut SeededRng::new(1));
        let asked = call(&world.url, "InitiateAuth", &world.opening(&a)).await.body;
        let asked = |name: &str| asked["ChallengeParameters"][name].as_str().unwrap();
        let user_id = asked("USER_ID_FOR_SRP");
        let identity = Identity::user(world.pool.split_once('_').unwrap().1, user_id);
        let (salt, b) = (
            Salt::from_hex(asked("SALT")).unwrap(),
            PublicValue::from_hex(asked("SRP_B")).unwrap(),
        );
        let timestamp = Timestamp::from_unix_seconds(world.server.clock().now() / 1000).to_string();
        let block = STANDARD.decode(asked("SECRET_BLOCK")).unwrap();
        let key = a.session_key(&identity, PASSWORD, &salt, &b).unwrap();
        let answers = json!({
            "USERNAME": user_id, "TIMESTAMP": timestamp,
            "PASSWORD_CLAIM_SECRET_BLOCK": asked("SECRET_BLOCK"),
            "PASSWORD_CLAIM_SIGNATURE": key.sign(&identity, &block, &timestamp).to_base64(),
        });
        let body = json!({ "ClientId": world.client, "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeResponses": answers });
        let done = call(&world.url, "RespondToAuthChallenge", &body).await.body;
        assert!(done["AuthenticationResult"]["AccessToken"].is_string(), "{done}");
    });
}

#[test]
fn waiting_sign_ins_are_answered_before_the_end() {
    let mut world = World::new();
    run(async move {
        let busy = world.keep_busy().await;
        for _ in 0..WAITING {
            world.start();
            assert_eq!(world.came.recv().await.unwrap(), Came::In);
        }
        let World { gate, server, mut answers, .. } = world;
        let addr = server.addr();
        let stopping = thread::spawn(move || drop(server));
        // Once it accepts no connection, it has begun to stop.
        while TcpStream::connect(addr).is_ok() {}
        gate.0.open();
        for _ in 0..busy + WAITING {
            assert_eq!(answers.1.recv().await.unwrap().status, 200);
        }
        stopping.join().unwrap();
    });
}
