//! What a client does: one whole act, by the project's own client, with the time of its calls.

use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use device_http::{Body, Client, Error, ErrorKind};
use device_proto::{
    Config, Credentials, DeviceOutcome, DeviceRecord, ListDevices, ListStep, Outcome, Refresh,
    RefreshStep, Reply, Request, SecondFactor, SignIn, Step, ThisDevice,
};
use device_wire::Sensitive;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// The acts that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Act {
    /// Sign in with a password and a remembered device: four calls, two proofs
    DeviceSignIn,
    /// Sign in with a password: two calls, one proof
    PasswordSignIn,
    /// Exchange a refresh token for new tokens
    Refresh,
    /// List the user's devices
    List,
}

impl Act {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::DeviceSignIn => "device-sign-in",
            Self::PasswordSignIn => "password-sign-in",
            Self::Refresh => "refresh",
            Self::List => "list",
        }
    }
}

/// A user with a remembered device, who is signed in.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: Sensitive<String>,
    pub(crate) device: DeviceRecord,
    pub(crate) access_token: Sensitive<String>,
    pub(crate) refresh_token: Sensitive<String>,
}

/// The kind of a failure: a code of the service, or why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    /// The service's answer to a call too many.
    pub(crate) const REFUSED: &'static str = "TooManyRequestsException";

    fn unexpected(step: &str) -> Self {
        Self(format!("unexpected step: {step}"))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(match (error.code(), error.kind()) {
            (Some(code), _) => code.to_string(),
            (None, ErrorKind::Connect) => "no connection".to_owned(),
            (None, ErrorKind::Timeout) => "no answer in time".to_owned(),
            (None, ErrorKind::Interrupted) => "connection lost".to_owned(),
            (None, kind) => format!("{kind:?}"),
        })
    }
}

impl From<device_proto::Error> for Failure {
    fn from(error: device_proto::Error) -> Self {
        Self(error.to_string())
    }
}

/// A device sign-in whose first request is computed, and not yet sent.
pub(crate) struct Opened(SignIn, Request);

impl Opened {
    pub(crate) fn new(config: &Config, user: &User) -> Self {
        let credentials = Credentials::srp(&user.name, user.password.clone());
        let device = ThisDevice::from(Some(user.device.clone()));
        let (state, request) = SignIn::start(config, credentials, device, &mut rand::rng());
        Self(state, request)
    }
}

/// The clients' arithmetic that runs at a time.
static COMPUTING: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(thread::available_parallelism().map_or(1, usize::from)));

/// Computes on a thread of its own: the workers would notice answers too late meanwhile, and the
/// latency of calls would be that of the bench.
async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let _permit = COMPUTING.acquire().await;
    spawn_blocking(work).await.map_err(|_| Failure("the client panicked".to_owned()))
}

/// A client in one act. It adds up the time of its calls, without its own arithmetic.
pub(crate) struct Acting<'a> {
    pub(crate) http: &'a Client,
    pub(crate) config: &'a Config,
    pub(crate) calls: Duration,
}

impl<'a> Acting<'a> {
    pub(crate) fn new(http: &'a Client, config: &'a Config) -> Self {
        Self { http, config, calls: Duration::ZERO }
    }

    /// Does the whole act; returns the time of its calls.
    pub(crate) async fn run(mut self, act: Act, user: &User) -> Result<Duration, Failure> {
        match act {
            Act::DeviceSignIn => {
                let opened = Opened::new(self.config, user);
                return self.complete(opened).await;
            }
            Act::PasswordSignIn => {
                // So no device is presented and no new one is registered.
                let device = ThisDevice::new().second_factor(SecondFactor::Always);
                self.sign_in(&user.name, &user.password, device).await?;
            }
            Act::Refresh => self.refresh(user).await?,
            Act::List => self.list(user).await?,
        }
        Ok(self.calls)
    }

    /// Completes a device sign-in; returns the time of its calls.
    pub(crate) async fn complete(mut self, opened: Opened) -> Result<Duration, Failure> {
        let Opened(state, request) = opened;
        let outcome = self.go_on(state, request).await?;
        // Otherwise the service asked for no proof, and less was measured.
        if !matches!(outcome.device, DeviceOutcome::Known(_)) {
            return Err(Failure("the device was not recognized".to_owned()));
        }
        Ok(self.calls)
    }

    /// Signs in with the password, and with what the device has.
    pub(crate) async fn sign_in(
        &mut self,
        username: &str,
        password: &Sensitive<String>,
        device: ThisDevice,
    ) -> Result<Outcome, Failure> {
        let credentials = Credentials::srp(username, password.clone());
        let (state, request) = SignIn::start(self.config, credentials, device, &mut rand::rng());
        self.go_on(state, request).await
    }

    async fn go_on(&mut self, mut state: SignIn, mut request: Request) -> Result<Outcome, Failure> {
        loop {
            let answer = self.send(&request).await?;
            let handle =
                move || state.handle(Reply::Answered(&answer), SystemTime::now(), &mut rand::rng());
            let mut step = computed(handle).await??;
            (state, request) = loop {
                step = match step {
                    Step::Send(state, request) => break (state, request),
                    Step::Find(lookup) => lookup.found(None),
                    Step::Done(outcome) => return Ok(*outcome),
                    Step::Ask(challenge) => {
                        return Err(Failure::unexpected(challenge.name().as_str()));
                    }
                    Step::Discard { .. } => return Err(Failure::unexpected("a refused device")),
                    _ => return Err(Failure::unexpected("a new device secret")),
                };
            };
        }
    }

    async fn refresh(&mut self, user: &User) -> Result<(), Failure> {
        let (token, key) = (user.refresh_token.clone(), user.device.device_key.clone());
        let (mut state, mut request) = Refresh::start(self.config, &user.name, token, Some(key));
        loop {
            let answer = self.send(&request).await?;
            match state.handle(Reply::Answered(&answer))? {
                RefreshStep::Send(next, following) => (state, request) = (next, following),
                RefreshStep::Done(_) => return Ok(()),
            }
        }
    }

    async fn list(&mut self, user: &User) -> Result<(), Failure> {
        let (mut state, mut request) = ListDevices::start(user.access_token.clone(), None);
        loop {
            let answer = self.send(&request).await?;
            match state.handle(Reply::Answered(&answer))? {
                ListStep::Send(next, following) => (state, request) = (next, following),
                ListStep::Done(_) => return Ok(()),
            }
        }
    }

    async fn send(&mut self, request: &Request) -> Result<Body, Failure> {
        let started = Instant::now();
        let answer = self.http.send(request).await;
        self.calls += started.elapsed();
        Ok(answer?)
    }
}
