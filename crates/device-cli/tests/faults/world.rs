//! A server with its data, one pool in which a second factor is due, and the time.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use device_http::{Client, ErrorKind, RetryPolicy};
use device_proto::{Config, Request, ServiceError};
use device_wire::Sensitive;
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use totp_rs::{Builder, Secret};

use crate::process::{Serving, command, exchange};
use crate::work::PATIENCE;

pub(crate) const PASSWORD: &str = "Correct-Horse-7";

/// The master key of servers on PostgreSQL.
const MASTER_KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The time for which a code of an authenticator app is shown.
pub(crate) const CODE_SECONDS: i64 = 30;

/// The longest wait of a client. Longer than a server waits for its database.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The time of server and clients, which a test moves.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    /// Moves the time by so many seconds, also backwards.
    pub(crate) fn step(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> SystemTime {
        let (step, now) = (self.0.load(Ordering::SeqCst), SystemTime::now());
        let by = Duration::from_secs(step.unsigned_abs());
        if step < 0 { now - by } else { now + by }
    }

    /// The number of the code that an authenticator app shows.
    ///
    /// The app is some seconds late, since the server is as late as it took to tell it the time.
    pub(crate) fn code_number(&self) -> i64 {
        (OffsetDateTime::from(self.now()).unix_timestamp() - 5) / CODE_SECONDS
    }
}

/// A directory that is kept if the test fails.
pub(crate) struct Directory(TempDir);

impl Directory {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.disable_cleanup(true);
            eprintln!("what the failure left is in {}", self.path().display());
        }
    }
}

/// Where the server keeps its data.
pub(crate) enum Place {
    Directory(PathBuf),
    Postgres(String),
}

/// How to start the server, and its pool.
pub(crate) struct World {
    place: Place,
    pub(crate) clock: Clock,
    pub(crate) pool: String,
    client: String,
}

/// A user who has enrolled an authenticator app.
pub(crate) struct Enrolled {
    pub(crate) username: String,
    secret: Sensitive<String>,
    /// The number of the code that enrolled it.
    pub(crate) used: i64,
}

impl Enrolled {
    /// The code of this number.
    pub(crate) fn code(&self, number: i64) -> String {
        let secret = Secret::try_from_base32(self.secret.as_str()).unwrap();
        let app = Builder::new().with_secret(secret).build_noncompliant();
        app.generate(u64::try_from(number * CODE_SECONDS).unwrap()).to_string()
    }
}

impl World {
    /// Creates the pool with its users. Each has a password and an authenticator app.
    pub(crate) fn new(place: Place, users: usize) -> (Self, Vec<Enrolled>) {
        let mut world =
            Self { place, clock: Clock::default(), pool: String::new(), client: String::new() };
        let server = world.start(|_| ());
        let pool = json!({
            "PoolName": "faults",
            "DeviceConfiguration": {
                "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true,
            },
        });
        world.pool = text(&server.ok("CreateUserPool", &pool)["UserPool"]["Id"]);
        let client = json!({
            "UserPoolId": world.pool, "ClientName": "faults", "EnableTokenRevocation": true,
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"],
            "RefreshTokenRotation": { "Feature": "ENABLED", "RetryGracePeriodSeconds": 0 },
            // No access token expires during a run.
            "AccessTokenValidity": 24, "IdTokenValidity": 24,
        });
        let client = server.ok("CreateUserPoolClient", &client);
        world.client = text(&client["UserPoolClient"]["ClientId"]);
        let mfa = |mode| {
            let mfa = json!({
                "UserPoolId": world.pool, "MfaConfiguration": mode,
                "SoftwareTokenMfaConfiguration": { "Enabled": true },
            });
            server.ok("SetUserPoolMfaConfig", &mfa);
        };
        mfa("OPTIONAL");
        let users = (0..users).map(|n| world.enrol(&server, format!("user{n}"))).collect();
        mfa("ON");
        assert_eq!(server.end("TERM").0, Some(0));
        (world, users)
    }

    fn enrol(&self, server: &Serving, username: String) -> Enrolled {
        let named = json!({ "UserPoolId": self.pool, "Username": username });
        let with = |mut body: Value, name: &str, value: Value| {
            body[name] = value;
            body
        };
        server.ok("AdminCreateUser", &with(named.clone(), "MessageAction", json!("SUPPRESS")));
        let password = with(with(named, "Password", json!(PASSWORD)), "Permanent", json!(true));
        server.ok("AdminSetUserPassword", &password);
        let sign_in = json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": self.client,
            "AuthParameters": { "USERNAME": username, "PASSWORD": PASSWORD },
        });
        let tokens = server.ok("InitiateAuth", &sign_in)["AuthenticationResult"].clone();
        let own = json!({ "AccessToken": tokens["AccessToken"] });
        let secret = text(&server.ok("AssociateSoftwareToken", &own)["SecretCode"]).into();
        let user = Enrolled { username, secret, used: self.clock.code_number() };
        let code = with(own.clone(), "UserCode", json!(user.code(user.used)));
        server.ok("VerifySoftwareToken", &code);
        let preferred = json!({ "Enabled": true, "PreferredMfa": true });
        server.ok("SetUserMFAPreference", &with(own, "SoftwareTokenMfaSettings", preferred));
        user
    }

    /// The command that starts the server.
    pub(crate) fn serve(&self) -> Command {
        let mut serve = command(&["--dev", "--listen", "127.0.0.1:0"]);
        // Tokens have it as their issuer, so it stays while addresses change.
        serve.args(["--public-url", "https://auth.example.com"]);
        serve.args(["--max-guesses-per-address", "0"]);
        match &self.place {
            Place::Directory(directory) => serve.arg("--data").arg(directory),
            Place::Postgres(url) => {
                serve.env("DEVICE_MASTER_KEY", MASTER_KEY);
                serve.arg("--store").arg(url)
            }
        };
        // Nothing reads the log, and a full pipe would block the server.
        serve.env("RUST_LOG", "off");
        serve
    }

    /// Starts the server, and sets its clock.
    pub(crate) fn start(&self, prepare: impl FnOnce(&mut Command)) -> Serving {
        let mut serve = self.serve();
        prepare(&mut serve);
        let server = Serving::start(serve);
        self.set_clock(&server);
        server
    }

    /// Sets the server's clock. It then removes what has expired.
    pub(crate) fn set_clock(&self, server: &Serving) {
        let now = OffsetDateTime::from(self.clock.now()).format(&Rfc3339).unwrap();
        let body = json!({ "set": now }).to_string();
        let request = format!(
            "POST /dev/clock HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, answer) = exchange(&server.address, &request).unwrap();
        assert_eq!(status, 200, "{answer}");
    }

    /// A change of the pool that concerns no user.
    pub(crate) fn tag(&self, value: usize) -> Value {
        let arn = format!("arn:aws:cognito-idp:us-east-1:000000000000:userpool/{}", self.pool);
        json!({ "ResourceArn": arn, "Tags": { "round": value.to_string() } })
    }

    /// A connection to the server for clients.
    pub(crate) fn link(&self, server: &Serving) -> Link {
        let http = Client::builder()
            .region("us-east-1")
            .endpoint_url(format!("http://{}", server.address))
            .timeout(TIMEOUT)
            .retry(RetryPolicy::never())
            // Dev mode accepts any key, and the client wants one.
            .credentials(Credentials::from_keys("any", "any", None))
            .build()
            .unwrap();
        let config = Config::new(&*self.pool, &*self.client).unwrap();
        let (acknowledged, stop) = (Arc::new(Semaphore::new(0)), Arc::default());
        Link { http, config, clock: self.clock.clone(), acknowledged, stop }
    }

    /// Verifies the stored data with the server's own tool.
    pub(crate) fn verify(&self) {
        let mut verify = Command::new(env!("CARGO_BIN_EXE_device"));
        verify.args(["store", "verify"]);
        match &self.place {
            Place::Directory(directory) => verify.arg("--data").arg(directory),
            Place::Postgres(url) => {
                verify.env("DEVICE_MASTER_KEY", MASTER_KEY).arg("--store").arg(url)
            }
        };
        let verified = verify.output().unwrap();
        let said = String::from_utf8_lossy(&verified.stdout);
        assert!(verified.status.success(), "{said}{}", String::from_utf8_lossy(&verified.stderr));
    }
}

/// Kills a process, and waits for its end.
pub(crate) fn kill(process: &mut Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}

/// A connection to a server.
#[derive(Clone)]
pub(crate) struct Link {
    http: Client,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    /// Counts the answers that clients got.
    acknowledged: Arc<Semaphore>,
    /// Whether users shall stop their work.
    pub(crate) stop: Arc<AtomicBool>,
}

/// What became of a request.
pub(crate) enum Reply {
    Answered(Vec<u8>),
    Refused(ServiceError),
    /// It may have been executed or not: there was no answer, or the server reported a failure.
    Lost,
}

impl Link {
    /// Waits until clients got so many answers.
    pub(crate) async fn answered(&self, answers: u32) {
        let answered = timeout(PATIENCE, self.acknowledged.acquire_many(answers)).await;
        let Ok(permits) = answered else { panic!("less than {answers} answers in {PATIENCE:?}") };
        permits.unwrap().forget();
    }

    pub(crate) async fn send(&self, request: &Request) -> Reply {
        let reply = match self.http.send(request).await {
            Ok(body) => Reply::Answered(body.to_vec()),
            Err(error) => match (error.kind(), error.service()) {
                (ErrorKind::Service, Some(refusal)) if !error.is_retryable() => {
                    Reply::Refused(refusal.clone())
                }
                (ErrorKind::Configuration | ErrorKind::Credentials, _) => panic!("{error}"),
                _ => Reply::Lost,
            },
        };
        if !matches!(reply, Reply::Lost) {
            self.acknowledged.add_permits(1);
        }
        reply
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
