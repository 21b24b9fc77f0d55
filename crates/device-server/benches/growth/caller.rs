//! Users' calls to a pool, whose own arithmetic is timed apart.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, Timestamp, Verifier};
use device_test::PASSWORD;
use rand::{SeedableRng, rngs::StdRng};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use tower::ServiceExt;

const DEVICE_PASSWORD: &str = "what the device keeps";

/// Microseconds of one act: its calls, and the CPU time of the client's arithmetic.
#[derive(Default)]
pub(crate) struct Spent {
    pub(crate) calls: f64,
    pub(crate) computing: f64,
}

/// A pool and its app client, called in this process.
pub(crate) struct Caller {
    router: Router,
    pub(crate) pool: String,
    pub(crate) client: String,
}

/// A user's confirmed device.
pub(crate) struct Device {
    pub(crate) username: String,
    pub(crate) key: String,
    group_key: String,
}

impl Caller {
    /// Creates a pool that always remembers devices, with these further settings.
    pub(crate) async fn new(router: Router, mut settings: Value) -> Self {
        let mut caller = Self { router, pool: String::new(), client: String::new() };
        settings["PoolName"] = json!("p");
        settings["DeviceConfiguration"] = json!({ "ChallengeRequiredOnNewDevice": true });
        let made = caller.call("CreateUserPool", settings).await;
        caller.pool = text(&made["UserPool"]["Id"]);
        let flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let client =
            json!({ "UserPoolId": caller.pool, "ClientName": "c", "ExplicitAuthFlows": flows });
        let made = caller.call("CreateUserPoolClient", client).await;
        caller.client = text(&made["UserPoolClient"]["ClientId"]);
        caller
    }

    /// Creates a user with a remembered device.
    pub(crate) async fn remembered(&self, username: &str, attributes: Value) -> Device {
        let create = json!({ "UserPoolId": self.pool, "Username": username,
            "UserAttributes": attributes, "MessageAction": "SUPPRESS" });
        self.call("AdminCreateUser", create).await;
        let password = json!({ "UserPoolId": self.pool, "Username": username,
            "Password": PASSWORD, "Permanent": true });
        self.call("AdminSetUserPassword", password).await;
        self.confirm(&self.sign_in_anew(username).await, &mut Spent::default()).await
    }

    /// A sign-in without a device, which answers with a key for one.
    pub(crate) async fn sign_in_anew(&self, username: &str) -> Value {
        self.prove_password(username, None, &mut Spent::default()).await
    }

    /// Confirms the device whose key this answer has.
    pub(crate) async fn confirm(&self, answer: &Value, spent: &mut Spent) -> Device {
        let result = &answer["AuthenticationResult"];
        let metadata = &result["NewDeviceMetadata"];
        let (key, group_key) = (text(&metadata["DeviceKey"]), text(&metadata["DeviceGroupKey"]));
        let salt = Salt::from_hex("5a17").unwrap();
        let mut verifier = None;
        spent.computing += cpu_microseconds(|| {
            let identity = Identity::device(&group_key, &key);
            verifier = Some(Verifier::derive(&identity, DEVICE_PASSWORD, &salt));
        });
        let config = json!({
            "Salt": STANDARD.encode(salt.padded()),
            "PasswordVerifier": STANDARD.encode(verifier.unwrap().padded()),
        });
        let confirm = json!({
            "AccessToken": result["AccessToken"], "DeviceKey": key,
            "DeviceSecretVerifierConfig": config,
        });
        self.timed("ConfirmDevice", confirm, spent).await;
        Device { username: text(&answer["Username"]), key, group_key }
    }

    /// A sign-in with a remembered device; returns the access token.
    pub(crate) async fn sign_in(&self, device: &Device, spent: &mut Spent) -> String {
        let Device { username, key, group_key } = device;
        let asked = self.prove_password(username, Some(key), spent).await;
        let a = client(spent);
        let answers =
            json!({ "USERNAME": username, "DEVICE_KEY": key, "SRP_A": a.public().to_hex() });
        let asked = self.respond("DEVICE_SRP_AUTH", &asked["Session"], answers, spent).await;
        let mut answers =
            self.claim(&Identity::device(group_key, key), DEVICE_PASSWORD, &a, &asked, spent);
        answers["USERNAME"] = json!(username);
        answers["DEVICE_KEY"] = json!(key);
        let done =
            self.respond("DEVICE_PASSWORD_VERIFIER", &asked["Session"], answers, spent).await;
        text(&done["AuthenticationResult"]["AccessToken"])
    }

    /// Proves the password; the answer also has the user's name.
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
        let (_, pool_name) = self.pool.split_once('_').unwrap();
        let mut answers =
            self.claim(&Identity::user(pool_name, &user_id), PASSWORD, &a, &asked, spent);
        answers["USERNAME"] = json!(user_id);
        answers["DEVICE_KEY"] = json!(device);
        let mut answer = self.respond("PASSWORD_VERIFIER", &Value::Null, answers, spent).await;
        answer["Username"] = json!(username);
        answer
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
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let timestamp = Timestamp::from_unix_seconds(now.try_into().unwrap()).to_string();
        let mut signature = String::new();
        spent.computing += cpu_microseconds(|| {
            let (salt, b) = (
                Salt::from_hex(asked("SALT")).unwrap(),
                PublicValue::from_hex(asked("SRP_B")).unwrap(),
            );
            let block = STANDARD.decode(asked("SECRET_BLOCK")).unwrap();
            let key = a.session_key(identity, password, &salt, &b).unwrap();
            signature = key.sign(identity, &block, &timestamp).to_base64();
        });
        json!({
            "PASSWORD_CLAIM_SECRET_BLOCK": asked("SECRET_BLOCK"),
            "PASSWORD_CLAIM_SIGNATURE": signature,
            "TIMESTAMP": timestamp,
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

    pub(crate) async fn timed(&self, operation: &str, body: Value, spent: &mut Spent) -> Value {
        let started = Instant::now();
        let answer = self.call(operation, body).await;
        spent.calls += started.elapsed().as_secs_f64() * 1e6;
        answer
    }

    pub(crate) async fn call(&self, operation: &str, body: Value) -> Value {
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

/// The CPU time of a call on this thread.
fn cpu_microseconds(run: impl FnOnce()) -> f64 {
    let started = microseconds(ClockId::ThreadCPUTime);
    run();
    microseconds(ClockId::ThreadCPUTime) - started
}

pub(crate) fn microseconds(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// The quantile `part` (0 to 1).
pub(crate) fn quantile(mut times: Vec<f64>, part: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() as f64 * part) as usize]
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
