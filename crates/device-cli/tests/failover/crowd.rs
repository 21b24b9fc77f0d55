//! Clients that sign in all the time, and know what was acknowledged.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials as Keys;
use device_http::{Body, Client, ErrorKind, RetryPolicy};
use device_proto::{
    Config, Credentials, DeviceOutcome, DeviceRecord, ListDevices, ListStep, Outcome, Refresh,
    RefreshStep, Reply, Request, SignIn, Step, ThisDevice,
};
use device_wire::Sensitive;
use device_wire::requests::{ForgetDeviceRequest, RevokeTokenRequest};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::process::Serving;

const PASSWORD: &str = "Correct-Horse-7";

/// Longer than the server waits for its database.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The longest wait for sign-ins that must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// The pause after a failure, as an app would make.
const PAUSE: Duration = Duration::from_millis(100);

/// The sessions of a user that are checked: fewer than a server keeps.
const SESSIONS: usize = 500;

/// All clients of a server.
pub(crate) struct Crowd {
    runtime: Runtime,
    users: Vec<User>,
    stop: Arc<AtomicBool>,
    working: JoinSet<User>,
    completed: Completed,
}

/// When sign-ins were completed.
type Completed = Arc<Mutex<Vec<Instant>>>;

/// What a check found.
#[derive(Default)]
pub(crate) struct Findings {
    /// Acknowledged changes that were looked for.
    pub(crate) checked: usize,
    /// What is not as it was acknowledged.
    pub(crate) missing: Vec<String>,
    /// Acts without the expected answer, since the last check.
    pub(crate) failed: usize,
}

impl Crowd {
    /// Creates a pool and its users, each with a remembered device.
    pub(crate) fn new(server: &Serving, users: usize) -> Self {
        let runtime = Runtime::new().unwrap();
        let id = |answer: &Value| answer.as_str().unwrap().to_owned();
        let pool = json!({
            "PoolName": "failover", "DeviceConfiguration": {
                "ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": false,
            },
        });
        let pool = id(&server.ok("CreateUserPool", &pool)["UserPool"]["Id"]);
        let client = json!({
            "UserPoolId": pool, "ClientName": "failover", "EnableTokenRevocation": true,
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        });
        let client = id(&server.ok("CreateUserPoolClient", &client)["UserPoolClient"]["ClientId"]);
        let config = Config::new(&*pool, &*client).unwrap();
        let http = Client::builder()
            .region("us-east-1")
            .endpoint_url(format!("http://{}", server.address))
            .timeout(TIMEOUT)
            // A lost answer is to be counted.
            .retry(RetryPolicy::never())
            // Dev mode accepts any key, and the client wants one.
            .credentials(Keys::from_keys("any", "any", None))
            .build()
            .unwrap();
        let completed = Completed::default();
        let users = (0..users).map(|number| {
            let name = format!("user{number}");
            let user = json!({ "UserPoolId": pool, "Username": name, "MessageAction": "SUPPRESS" });
            server.ok("AdminCreateUser", &user);
            let password = json!({
                "UserPoolId": pool, "Username": name, "Password": PASSWORD, "Permanent": true,
            });
            server.ok("AdminSetUserPassword", &password);
            let app = App { http: http.clone(), config: config.clone(), name };
            runtime.block_on(User::enrol(app, Arc::clone(&completed)))
        });
        let users = users.collect();
        Self { runtime, users, stop: Arc::default(), working: JoinSet::new(), completed }
    }

    /// All users work until [`stop`](Self::stop).
    pub(crate) fn start(&mut self) {
        self.stop.store(false, Ordering::Relaxed);
        for mut user in self.users.drain(..) {
            let stop = Arc::clone(&self.stop);
            let work = async move {
                while !stop.load(Ordering::Relaxed) {
                    if user.act().await.is_err() {
                        user.failed += 1;
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                user
            };
            self.working.spawn_on(work, self.runtime.handle());
        }
    }

    /// Ends the work, and checks all that was acknowledged.
    pub(crate) fn stop(&mut self) -> Findings {
        self.stop.store(true, Ordering::Relaxed);
        let mut findings = Findings::default();
        self.runtime.block_on(async {
            while let Some(user) = self.working.join_next().await {
                let mut user = user.unwrap();
                user.check(&mut findings).await;
                self.users.push(user);
            }
        });
        findings
    }

    /// Waits for so many more sign-ins.
    pub(crate) fn wait_for(&self, more: usize) {
        let started = Instant::now();
        let completed = || self.completed.lock().unwrap().len();
        let wanted = completed() + more;
        while completed() < wanted {
            let missing = wanted.saturating_sub(completed());
            assert!(started.elapsed() < PATIENCE, "{missing} sign-ins missing after {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The longest time without a sign-in since then, and the number of them.
    pub(crate) fn longest_gap(&self, since: Instant) -> (Duration, usize) {
        let completed = self.completed.lock().unwrap();
        let first = completed.partition_point(|moment| *moment < since).saturating_sub(1);
        let moments = &completed[first..];
        let gaps = moments.windows(2).map(|pair| pair[1] - pair[0]);
        (gaps.max().unwrap_or_default(), moments.len())
    }
}

/// There was no answer, or not the expected one.
struct Failed;

/// What a user signs in with.
struct App {
    http: Client,
    config: Config,
    name: String,
}

impl App {
    async fn send(&self, request: &Request) -> Result<Body, Failed> {
        self.http.send(request).await.map_err(|error| {
            // The server may fail, and must not refuse what is right.
            assert!(
                error.kind() != ErrorKind::Service || error.is_retryable(),
                "{}: {:?} was refused: {error}",
                self.name,
                request.operation()
            );
            Failed
        })
    }

    /// Whether the service refuses a request. It may do so for any reason.
    async fn is_refused(&self, request: &Request) -> Result<bool, Failed> {
        match self.http.send(request).await {
            Ok(_) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Service && !error.is_retryable() => Ok(true),
            Err(_) => Err(Failed),
        }
    }

    async fn sign_in(&self, device: ThisDevice) -> Result<Outcome, Failed> {
        let credentials = Credentials::srp(&*self.name, PASSWORD);
        let (mut state, mut request) =
            SignIn::start(&self.config, credentials, device, &mut rand::rng());
        loop {
            let body = self.send(&request).await?;
            let step = state.handle(Reply::Answered(&body), SystemTime::now(), &mut rand::rng());
            let mut step = step.unwrap();
            (state, request) = loop {
                step = match step {
                    Step::Send(state, request) => break (state, request),
                    Step::Find(lookup) => lookup.found(None),
                    Step::Done(outcome) => return Ok(*outcome),
                    other => panic!("{}: unexpected: {other:?}", self.name),
                };
            };
        }
    }

    async fn list(&self, access: &Sensitive<String>) -> Result<BTreeSet<String>, Failed> {
        let (mut state, mut request) = ListDevices::start(access.clone(), None);
        loop {
            let body = self.send(&request).await?;
            match state.handle(Reply::Answered(&body)).unwrap() {
                ListStep::Send(next, following) => (state, request) = (next, following),
                ListStep::Done(devices) => {
                    return Ok(devices.into_iter().map(|it| it.key).collect());
                }
            }
        }
    }

    fn refresh(&self, session: &Session) -> (Refresh, Request) {
        let key = Some(session.device_key.clone());
        Refresh::start(&self.config, &*self.name, session.refresh.clone(), key)
    }
}

#[derive(Clone)]
struct Session {
    refresh: Sensitive<String>,
    device_key: String,
}

struct User {
    app: App,
    completed: Completed,
    /// The device of most sign-ins, which is never forgotten.
    device: DeviceRecord,
    round: usize,
    /// Acknowledged and neither ended nor in doubt.
    sessions: Vec<Session>,
    ended: Vec<Session>,
    confirmed: BTreeSet<String>,
    forgotten: BTreeSet<String>,
    failed: usize,
}

impl User {
    async fn enrol(app: App, completed: Completed) -> Self {
        let Ok(Outcome { device: DeviceOutcome::New { record, .. }, .. }) =
            app.sign_in(ThisDevice::new()).await
        else {
            panic!("{}: no device", app.name)
        };
        let confirmed = BTreeSet::from([record.device_key.clone()]);
        Self {
            app,
            completed,
            device: record,
            round: 0,
            sessions: Vec::new(),
            ended: Vec::new(),
            confirmed,
            forgotten: BTreeSet::new(),
            failed: 0,
        }
    }

    async fn sign_in(&mut self, device: ThisDevice) -> Result<Outcome, Failed> {
        let outcome = self.app.sign_in(device).await?;
        self.completed.lock().unwrap().push(Instant::now());
        Ok(outcome)
    }

    /// Signs in with the remembered device, and changes something.
    async fn act(&mut self) -> Result<(), Failed> {
        let known = ThisDevice::from(Some(self.device.clone()));
        let outcome = self.sign_in(known).await?;
        assert!(
            matches!(outcome.device, DeviceOutcome::Known(_)),
            "{}: a remembered device is missing: {:?}",
            self.app.name,
            outcome.device
        );
        let session = Session {
            refresh: outcome.tokens.refresh.unwrap(),
            device_key: self.device.device_key.clone(),
        };
        self.sessions.push(session);
        self.round += 1;
        match self.round % 4 {
            1 => self.confirm().await,
            2 => self.forget(outcome.tokens.access).await,
            3 => self.revoke().await,
            _ => Ok(()),
        }
    }

    async fn confirm(&mut self) -> Result<(), Failed> {
        match self.sign_in(ThisDevice::new()).await?.device {
            DeviceOutcome::New { record, .. } => {
                self.confirmed.insert(record.device_key);
                Ok(())
            }
            other => panic!("{}: unexpected: {other:?}", self.app.name),
        }
    }

    async fn forget(&mut self, access: Sensitive<String>) -> Result<(), Failed> {
        let is_other = |key: &&String| **key != self.device.device_key;
        let Some(key) = self.confirmed.iter().find(is_other).cloned() else { return Ok(()) };
        // In doubt until there is an answer.
        self.confirmed.remove(&key);
        let forget =
            ForgetDeviceRequest { access_token: Some(access), ..ForgetDeviceRequest::new(&*key) };
        self.app.send(&Request::new(&forget)).await?;
        self.forgotten.insert(key);
        Ok(())
    }

    async fn revoke(&mut self) -> Result<(), Failed> {
        let session = self.sessions.swap_remove(0);
        let client = self.app.config.client_id();
        let revoke = RevokeTokenRequest::new(session.refresh.clone(), client);
        self.app.send(&Request::new(&revoke)).await?;
        self.ended.push(session);
        Ok(())
    }

    /// Checks that all acknowledged changes are there. No failure may be in the way.
    async fn check(&mut self, findings: &mut Findings) {
        let name = self.app.name.clone();
        let unanswered = || panic!("{name}: no answer without a failure");
        let known = ThisDevice::from(Some(self.device.clone()));
        let Ok(outcome) = self.app.sign_in(known).await else { return unanswered() };
        let Ok(listed) = self.app.list(&outcome.tokens.access).await else { return unanswered() };
        let mut missing = |what: String| findings.missing.push(format!("{name}: {what}"));
        self.confirmed.difference(&listed).for_each(|key| missing(format!("no device {key}")));
        let back = self.forgotten.intersection(&listed);
        back.for_each(|key| missing(format!("the forgotten device {key} is back")));
        let latest = |sessions: &[Session]| sessions.iter().rev().take(SESSIONS).cloned().collect();
        self.sessions = latest(&self.sessions);
        for session in &self.sessions {
            let (refresh, request) = self.app.refresh(session);
            match self.app.http.send(&request).await {
                Ok(body) => match refresh.handle(Reply::Answered(&body)) {
                    Ok(RefreshStep::Done(_)) => {}
                    _ => panic!("{name}: unexpected answer to a refresh"),
                },
                Err(error) => missing(format!("a session is missing: {error}")),
            }
        }
        self.ended = latest(&self.ended);
        for session in &self.ended {
            match self.app.is_refused(&self.app.refresh(session).1).await {
                Ok(true) => {}
                Ok(false) => missing("a revoked session goes on".to_owned()),
                Err(Failed) => return unanswered(),
            }
        }
        findings.checked += self.confirmed.len() + self.forgotten.len();
        findings.checked += self.sessions.len() + self.ended.len();
        findings.failed += std::mem::take(&mut self.failed);
        // Each is checked once: what the last failure left is not lost by the next one unnoticed,
        // since devices are kept.
        self.sessions.clear();
        self.ended.clear();
    }
}
