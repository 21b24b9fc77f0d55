//! Signing in: the client drives the state machine.

mod answers;
pub(crate) mod challenge;
pub(crate) mod outcome;

use std::time::{Duration, SystemTime};

use device_proto::{
    Credentials, DeviceOutcome, DeviceRecord, DeviceStatus, Outcome, RememberChoice,
    RememberPrompt, Reply, SecondFactor, SignIn, Step, ThisDevice,
};

use crate::client::{DeviceAuth, is_unknown_user};
use crate::error::Error;
use crate::events::Event;
use crate::session::Active;
use crate::store::{StoreError, Turn};
use crate::task::off_the_worker;
use challenge::{Attempt, Challenge};
use outcome::{SessionDevice, SignedIn, Warning};

/// The state of a sign-in.
#[derive(Debug)]
#[must_use = "a challenge waits for its answer"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a sign-in that did not fail has ended, or waits for its user"
)]
pub enum SignInStep {
    /// The user is signed in.
    Done(SignedIn),
    /// The user must answer a challenge first.
    Challenge(Challenge),
}

/// Choices for one sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SignInOptions {
    /// Whether to have this device remembered. It counts if the device is new and the pool leaves
    /// that to the user.
    pub remember: RememberChoice,
    /// Whether a remembered device may replace the second factor. With [`SecondFactor::Always`],
    /// this device takes no part in the sign-in. If the pool tracks devices, the session cannot
    /// refresh its tokens, since they belong to a device that is not registered.
    pub second_factor: SecondFactor,
}

impl From<RememberChoice> for SignInOptions {
    fn from(remember: RememberChoice) -> Self {
        Self { remember, ..Self::default() }
    }
}

impl From<SecondFactor> for SignInOptions {
    fn from(second_factor: SecondFactor) -> Self {
        Self { second_factor, ..Self::default() }
    }
}

impl DeviceAuth {
    /// Signs a user in. Every step includes this device's key; a new device is confirmed.
    ///
    /// # Errors
    /// [`Error::Service`] if the service refused, for instance for a wrong password;
    /// [`Error::Transport`]; [`Error::Protocol`]; [`Error::Store`] if device records could not be
    /// read. None of them ends an earlier session.
    pub async fn sign_in(&self, credentials: Credentials) -> Result<SignInStep, Error> {
        self.sign_in_with(credentials, RememberChoice::Ask).await
    }

    /// Signs a user in with choices: a [`RememberChoice`], a [`SecondFactor`], or both as
    /// [`SignInOptions`].
    ///
    /// ```no_run
    /// # use device_auth::{Credentials, DeviceAuth, Error, RememberChoice, SecondFactor};
    /// # type Done = Result<(), Error>;
    /// # async fn example(auth: DeviceAuth, ada: Credentials, again: Credentials) -> Done {
    /// let remembering = auth.sign_in_with(ada, RememberChoice::Remember).await?;
    /// // Before something that matters, whether or not this device is remembered:
    /// let with_a_code = auth.sign_in_with(again, SecondFactor::Always).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`sign_in`](Self::sign_in).
    pub async fn sign_in_with(
        &self,
        credentials: Credentials,
        options: impl Into<SignInOptions>,
    ) -> Result<SignInStep, Error> {
        let SignInOptions { remember, second_factor } = options.into();
        let alias = credentials.username().to_owned();
        let found = preferred(self.0.store.find(&self.owner(&alias)).await?);
        let mut device = ThisDevice::new()
            .remember(remember)
            .second_factor(second_factor)
            .with_record(found.clone());
        if let Some(name) = &self.0.device_name {
            device = device.named(name);
        }
        let config = self.0.config.clone();
        let start = move || SignIn::start(&config, credentials, device, &mut rand::rng());
        let next = off_the_worker(start).await;
        let attempt = Attempt { alias, found, username: None, warnings: Vec::new() };
        self.go_on(Box::new(attempt), next.into()).await
    }

    /// Continues until the user must answer or is signed in.
    async fn go_on(&self, mut attempt: Box<Attempt>, mut step: Step) -> Result<SignInStep, Error> {
        // Dropped before the user is asked, and otherwise after the record is saved.
        let mut turn: Option<Turn> = None;
        loop {
            step = match step {
                Step::Send(sign_in, request) => {
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
                        Ok(step) => step,
                        Err(error) => {
                            self.forget_if_deleted(&attempt, &error).await;
                            // The transport's error says more about a lost answer.
                            return Err(lost.map_or_else(|| error.into(), Error::from));
                        }
                    }
                }
                Step::Find(lookup) => {
                    attempt.username = Some(lookup.owner().username.clone());
                    let records = self.0.store.find(lookup.owner()).await?;
                    lookup.found(preferred(records))
                }
                Step::Reread(device) => {
                    // A sign-in that starts again has a turn.
                    drop(turn.take());
                    turn = Some(self.device_turn(&device.record().device_key).await);
                    let record = self.stored(device.record()).await.unwrap_or_else(|error| {
                        tracing::warn!(%error, "the device proves itself by an earlier record");
                        None
                    });
                    if let (Some(found), Some(record)) = (&mut attempt.found, &record)
                        && found.device_key == record.device_key
                    {
                        found.clone_from(record);
                    }
                    device.read(record)
                }
                Step::Keep(offer) => {
                    match self.0.store.save(offer.record(), &attempt.alias).await {
                        Ok(()) => {
                            attempt.found = Some(offer.record().clone());
                            offer.saved()
                        }
                        Err(error) => {
                            attempt.warnings.push(Warning::RecordNotSaved(error));
                            offer.not_saved()
                        }
                    }
                }
                Step::Discard { device, sign_in, request } => {
                    self.discard(&mut attempt, *device).await;
                    Step::Send(sign_in, request)
                }
                Step::Replaced { device, challenge } => {
                    match self.0.store.save(&device, &attempt.alias).await {
                        Ok(()) => attempt.found = Some(*device),
                        Err(error) => attempt.warnings.push(Warning::RecordNotSaved(error)),
                    }
                    Step::Ask(challenge)
                }
                Step::Ask(asked) => {
                    let challenge = Challenge::new(self.clone(), attempt, asked)?;
                    return Ok(SignInStep::Challenge(challenge));
                }
                Step::Done(outcome) => {
                    return Ok(SignInStep::Done(self.conclude(*attempt, *outcome, turn).await));
                }
            };
        }
    }

    /// Waits until no other sign-in that shares the store proves this device, within reason: a user
    /// waits here.
    async fn device_turn(&self, device_key: &str) -> Turn {
        Turn::within(Duration::from_secs(10), self.0.store.take_device_turn(device_key)).await
    }

    /// The record of this device as it is stored now.
    async fn stored(&self, record: &DeviceRecord) -> Result<Option<DeviceRecord>, StoreError> {
        let records = self.0.store.find(&record.owner).await?;
        Ok(records.into_iter().find(|found| found.device_key == record.device_key))
    }

    /// Deletes the record of a device that the service no longer accepts.
    async fn discard(&self, attempt: &mut Attempt, device: DeviceRecord) {
        let DeviceRecord { owner, device_key, .. } = device;
        tracing::debug!(device_key, "the service does not accept this device any more");
        if let Err(error) = self.0.store.remove(&owner, &device_key).await {
            attempt.warnings.push(Warning::RecordNotDeleted(error));
        }
        attempt.found = None;
        self.tell(&Event::DeviceForgotten { key: device_key });
    }

    /// Deletes the records of a user who no longer exists. The typed name counts only as an
    /// internal name: as an alias, it may belong to another user by now.
    async fn forget_if_deleted(&self, attempt: &Attempt, error: &device_proto::Error) {
        let username = attempt.username.as_ref().unwrap_or(&attempt.alias);
        if is_unknown_user(error.as_service_error())
            && let Err(error) = self.remove_records_of(username).await
        {
            tracing::warn!(%error, "the device record of a deleted user is still there");
        }
    }

    /// Saves the status of a device without a turn since its record was read: another sign-in may
    /// have replaced its secret meanwhile.
    async fn save_status(&self, record: &mut DeviceRecord, alias: &str) -> Result<(), StoreError> {
        let _turn = self.device_turn(&record.device_key).await;
        if let Some(mut stored) = self.stored(record).await? {
            stored.status = record.status;
            *record = stored;
        }
        self.0.store.save(record, alias).await
    }

    async fn conclude(&self, attempt: Attempt, outcome: Outcome, turn: Option<Turn>) -> SignedIn {
        let Attempt { alias, found, mut warnings, .. } = attempt;
        let Outcome { tokens, username, device, .. } = outcome;
        let (mut unconfirmed, mut is_new) = (None, false);
        let (mut record, ask) = match device {
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
        // Save the record before a session names the device: if this future is dropped in between,
        // no session names a device without a record. A record found under another name is saved
        // unchanged too, so that the typed name finds it from then on.
        if let Some(record) = &mut record
            && Some(&*record) != found.as_ref()
            && let Err(error) = if is_new || turn.is_some() {
                self.0.store.save(record, &alias).await
            } else {
                self.save_status(record, &alias).await
            }
        {
            warnings.push(Warning::RecordNotSaved(error));
        }
        drop(turn);
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

/// The record to present, if a user has several on this device. A remembered one replaces the
/// second factor, and the last saved one is the most likely to be valid.
fn preferred(records: Vec<DeviceRecord>) -> Option<DeviceRecord> {
    records.into_iter().max_by_key(|record| record.status == DeviceStatus::Remembered)
}
