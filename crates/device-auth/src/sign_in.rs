//! Signing in.

mod challenge;

use std::time::SystemTime;

use device_proto::{
    Credentials, DeviceOutcome, DeviceRecord, DeviceStatus, Outcome, RememberChoice,
    RememberPrompt, Reply, Request, SignIn, Step, ThisDevice,
};
use tokio::task::JoinHandle;

use crate::client::is_unknown_user;
use crate::session::Active;
use crate::{DeviceAuth, Error, Event, Session, StoreError};

pub use challenge::{Challenge, Pending};

/// How far a sign-in has come.
#[derive(Debug)]
#[must_use = "a challenge waits for its answer"]
#[expect(
    clippy::exhaustive_enums,
    reason = "there is no third way for a sign-in that did not fail"
)]
pub enum SignInStep {
    /// The user is signed in.
    Done(SignedIn),
    /// The user has to answer something first.
    Challenge(Challenge),
}

/// A completed sign-in.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The device that it belongs to.
    pub device: SessionDevice,
    /// What did not go as it should on the way, and does not stand against the session.
    pub warnings: Vec<Warning>,
}

/// The device that a session belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionDevice {
    /// None: the pool tracks no devices, the sign-in was of a kind that gives none, or confirming
    /// it failed.
    Untracked,
    /// It is known to the service.
    Tracked {
        /// Its key.
        key: String,
        /// Whether the user should be asked about remembering it: it is new, and the pool leaves it
        /// to the user.
        ask: bool,
    },
    /// It proves itself at each sign-in, and where the pool has it so stands in for the second
    /// factor.
    Remembered {
        /// Its key.
        key: String,
    },
}

/// What did not go as it should in a sign-in that succeeded.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning {
    /// The new device was not confirmed: [`DeviceAuth::confirm_device`] tries again.
    DeviceNotConfirmed(Error),
    /// The device was not remembered, as the user had chosen: [`DeviceAuth::remember_device`] tries
    /// again.
    DeviceNotRemembered(Error),
    /// The device's record could not be kept: the next sign-in will be as on a new device.
    RecordNotSaved(StoreError),
    /// The record of a device that the service does not accept any more could not be deleted. The
    /// next sign-in will find it out again.
    RecordNotDeleted(StoreError),
    /// The session could not be kept: the app's next start will find nobody signed in, or another
    /// session.
    SessionNotSaved(StoreError),
}

impl SignedIn {
    /// The key of the device that the session belongs to.
    #[must_use]
    pub fn device_key(&self) -> Option<&str> {
        self.device.key()
    }

    /// Whether the user should be asked about remembering this device.
    #[must_use]
    pub fn should_ask_to_remember(&self) -> bool {
        matches!(self.device, SessionDevice::Tracked { ask: true, .. })
    }
}

impl SessionDevice {
    /// The key of the device.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Untracked => None,
            Self::Tracked { key, .. } | Self::Remembered { key } => Some(key),
        }
    }

    pub(crate) fn of(record: &DeviceRecord, ask: bool) -> Self {
        let key = record.device_key.clone();
        match record.status {
            DeviceStatus::Remembered => Self::Remembered { key },
            DeviceStatus::NotRemembered => Self::Tracked { key, ask },
        }
    }
}

/// What the client knows of a sign-in under way beside its state.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// The name that was typed.
    alias: String,
    /// The record that was found under it.
    found: Option<DeviceRecord>,
    warnings: Vec<Warning>,
}

impl DeviceAuth {
    /// Signs a user in. This device goes along with every step, under what is kept of it; a new one
    /// is confirmed.
    ///
    /// # Errors
    /// [`Error::Service`] if the service refused, for instance for a wrong password;
    /// [`Error::Transport`]; [`Error::Protocol`]; [`Error::Store`] if device records could not be
    /// read. None of them ends a session that there was.
    pub async fn sign_in(&self, credentials: Credentials) -> Result<SignInStep, Error> {
        self.sign_in_with(credentials, RememberChoice::Ask).await
    }

    /// Signs a user in who has chosen whether to have this device remembered. The choice counts
    /// where the device is new and the pool leaves it to the user.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in).
    pub async fn sign_in_with(
        &self,
        credentials: Credentials,
        remember: RememberChoice,
    ) -> Result<SignInStep, Error> {
        let alias = credentials.username().to_owned();
        let found = self.0.store.find(&self.owner(&alias)).await?;
        let mut device = ThisDevice::new().remember(remember).with_record(found.clone());
        if let Some(name) = &self.0.device_name {
            device = device.named(name);
        }
        let config = self.0.config.clone();
        let start = move || SignIn::start(&config, credentials, device, &mut rand::rng());
        let next = off_the_worker(start).await;
        self.go_on(Attempt { alias, found, warnings: Vec::new() }, next).await
    }

    /// Goes on until the user is needed, or done.
    pub(crate) async fn go_on(
        &self,
        mut attempt: Attempt,
        (mut sign_in, mut request): (SignIn, Request),
    ) -> Result<SignInStep, Error> {
        loop {
            let sent = self.0.http.send(&request).await;
            let (step, lost) = off_the_worker(move || {
                let reply = match &sent {
                    Ok(body) => Reply::Answered(body),
                    Err(error) => error.reply(),
                };
                (sign_in.handle(reply, SystemTime::now(), &mut rand::rng()), sent.err())
            })
            .await;
            match step {
                Ok(Step::Send(next, with)) => (sign_in, request) = (next, with),
                Ok(Step::Discard { device, sign_in: next, request: with }) => {
                    tracing::debug!(
                        device_key = device.device_key,
                        "the service does not accept this device any more"
                    );
                    if let Err(error) = self.0.store.remove(&device.owner, &device.device_key).await
                    {
                        attempt.warnings.push(Warning::RecordNotDeleted(error));
                    }
                    attempt.found = None;
                    self.tell(&Event::DeviceForgotten { key: device.device_key });
                    (sign_in, request) = (next, with);
                }
                Ok(Step::Ask(asked)) => {
                    return Ok(SignInStep::Challenge(Challenge::new(
                        self.clone(),
                        attempt,
                        asked,
                    )?));
                }
                Ok(Step::Done(outcome)) => {
                    return Ok(SignInStep::Done(self.conclude(attempt, *outcome).await));
                }
                // What the transport has to say of a lost answer says more.
                Err(error) => {
                    self.forget_if_deleted(&attempt, &error).await;
                    return Err(lost.map_or_else(|| error.into(), Error::from));
                }
            }
        }
    }

    /// Deletes the record of a user whom the service does not know. An alias proves nothing: the
    /// user may have another by now.
    async fn forget_if_deleted(&self, attempt: &Attempt, error: &device_proto::Error) {
        let Some(record) = &attempt.found else { return };
        if record.owner.username == attempt.alias
            && is_unknown_user(error.as_service_error())
            && let Err(error) = self.0.store.remove(&record.owner, &record.device_key).await
        {
            tracing::warn!(%error, "the device record of a deleted user is still there");
        }
    }

    async fn conclude(&self, attempt: Attempt, outcome: Outcome) -> SignedIn {
        let Attempt { alias, found, mut warnings } = attempt;
        let Outcome { tokens, username, device, .. } = outcome;
        let (mut unconfirmed, mut is_new) = (None, false);
        let (record, ask) = match device {
            DeviceOutcome::Known(record) => (Some(record), false),
            DeviceOutcome::New { record, prompt } => {
                is_new = true;
                let ask = matches!(prompt, RememberPrompt::Ask);
                if let RememberPrompt::Failed(error) = prompt {
                    warnings.push(Warning::DeviceNotRemembered(error.into()));
                }
                (Some(record), ask)
            }
            DeviceOutcome::Unconfirmed { device, error } => {
                warnings.push(Warning::DeviceNotConfirmed(error.into()));
                unconfirmed = Some(device);
                (None, false)
            }
            _ => (None, false),
        };
        // Before there is a session that names the device: should this future be dropped meanwhile,
        // none names one without a record.
        if let Some(record) = &record
            && Some(record) != found.as_ref()
            && let Err(error) = self.0.store.save(record, &alias).await
        {
            warnings.push(Warning::RecordNotSaved(error));
        }
        let device_key = record.as_ref().map(|record| record.device_key.clone());
        let mut active = Active::new(tokens, username, device_key, alias, SystemTime::now());
        active.unconfirmed = unconfirmed;
        let session = active.session.clone();
        self.set_active(Some(active));
        if let Err(error) = self.persist(&session.username).await {
            warnings.push(Warning::SessionNotSaved(error));
        }
        self.tell(&Event::SignedIn { username: session.username.clone() });
        let device =
            record.map_or(SessionDevice::Untracked, |record| SessionDevice::of(&record, ask));
        if let SessionDevice::Remembered { key } = &device
            && is_new
        {
            self.tell(&Event::DeviceRemembered { key: key.clone() });
        }
        SignedIn { session, device, warnings }
    }
}

/// Does the arithmetic of a proof, milliseconds of it, where it keeps no other task waiting.
pub(crate) async fn off_the_worker<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    join_task(tokio::task::spawn_blocking(work)).await
}

/// What a task of our own ended in.
pub(crate) async fn join_task<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(done) => done,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is shutting down, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}
