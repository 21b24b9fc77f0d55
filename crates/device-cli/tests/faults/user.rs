//! A user at random work, who knows every answer and checks every later one against them.

mod sessions;
mod sign_in;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use device_proto::{DeviceRecord, DeviceStatus, Reply as Read, Request, ServiceError};
use device_wire::requests::{
    AdminListDevicesRequest, AdminUpdateDeviceStatusRequest, ForgetDeviceRequest,
    UpdateDeviceStatusRequest,
};
use device_wire::{ErrorCode, Sensitive, sentence};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use self::sign_in::Presented;
use crate::world::{Enrolled, Link, Reply};

/// The ended sessions that are tried again from time to time.
const ENDED: usize = 20;
/// The lines of a user's history that are shown if a check fails.
const HISTORY: usize = 40;

/// An answer is missing, so what was asked for was done or not.
pub(crate) struct Lost;

/// What a device may be at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Absent,
    Tracked,
    Remembered,
}

struct Device {
    record: DeviceRecord,
    /// The body of the call that confirmed it.
    confirmation: Option<Request>,
    /// Whether it was ever seen at the server.
    was_there: bool,
    /// One state, and more only while an answer is missing.
    may: BTreeSet<State>,
}

impl Device {
    fn is(&self, state: State) -> bool {
        self.may.len() == 1 && self.may.contains(&state)
    }

    fn set(&mut self, state: State) {
        self.was_there |= state != State::Absent;
        self.may = BTreeSet::from([state]);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Goes,
    Ended,
    /// The answer to a revocation is missing.
    InDoubt,
}

struct Session {
    access: Sensitive<String>,
    refresh: Sensitive<String>,
    device_key: Option<String>,
    life: Life,
    /// The answer to a refresh is missing, so the refresh token may have been replaced.
    replaced: bool,
}

pub(crate) struct User {
    app: Enrolled,
    rng: StdRng,
    devices: Vec<Device>,
    forgotten: Vec<Device>,
    sessions: Vec<Session>,
    /// Sessions that have ended since the last check.
    ending: Vec<Session>,
    ended: VecDeque<Session>,
    /// Accepted proofs and codes since the last check.
    used: Vec<Request>,
    /// Proofs and codes whose answer is missing.
    in_doubt: Vec<Request>,
    history: VecDeque<String>,
    /// How often each kind of thing happened.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl User {
    pub(crate) fn new(app: Enrolled, seed: u64) -> Self {
        Self {
            app,
            rng: StdRng::seed_from_u64(seed),
            devices: Vec::new(),
            forgotten: Vec::new(),
            sessions: Vec::new(),
            ending: Vec::new(),
            ended: VecDeque::new(),
            used: Vec::new(),
            in_doubt: Vec::new(),
            history: VecDeque::new(),
            counts: BTreeMap::new(),
        }
    }

    /// Does one thing, chosen at random, and checks its answer.
    pub(crate) async fn act(&mut self, link: &Link) -> Result<(), Lost> {
        match self.rng.random_range(0..100) {
            0..30 => self.begin(link).await,
            30..46 => self.remember(link).await,
            46..53 => self.forget(link).await,
            53..75 => self.refresh(link).await,
            75..79 => self.revoke(link).await,
            79..81 => self.sign_out(link).await,
            81..88 => self.use_again(link).await,
            88..92 => self.refresh_ended(link).await,
            92..95 => self.confirm_forgotten(link).await,
            _ => self.list(link).await,
        }
    }

    /// Settles what was in doubt, and checks that everything acknowledged is still so.
    ///
    /// No call of this user may be under way.
    pub(crate) async fn check(&mut self, link: &Link) -> Result<(), Lost> {
        while let Some(request) = self.in_doubt.pop() {
            self.settle(link, request).await?;
        }
        self.list(link).await?;
        for at in 0..self.sessions.len() {
            if self.sessions[at].life == Life::InDoubt {
                self.sessions[at].life = self.life(link, at).await?;
                self.note("a session in doubt is settled");
            }
        }
        while !self.used.is_empty() {
            self.use_again(link).await?;
        }
        // Backwards, since one that has ended is removed.
        for at in (0..self.sessions.len()).rev() {
            if self.go_on(link, at).await?.is_some() {
                self.count("sessions that went on after a fault");
            }
        }
        while let Some(session) = self.ending.pop() {
            let outcome = self.refresh_of_ended(link, &session).await;
            self.ended.push_back(session);
            outcome?;
        }
        self.ended.drain(..self.ended.len().saturating_sub(ENDED));
        self.refresh_ended(link).await
    }

    /// Sends a proof or code again whose first answer is missing. From then on it is used.
    async fn settle(&mut self, link: &Link, request: Request) -> Result<(), Lost> {
        match link.send(&request).await {
            Reply::Answered(body) => {
                self.note("a proof in doubt was not used yet");
                let ends = request.step() == Some("PASSWORD_VERIFIER")
                    && request.next_step(&body).is_none();
                self.demand(!ends, "a password alone was enough");
                self.used.push(request);
            }
            Reply::Refused(refusal) if is_spent(&refusal) => {
                self.note("a proof in doubt was used");
                self.used.push(request);
            }
            Reply::Refused(refusal) => {
                let step = operation_of(&request);
                self.demand(is_outdated(&refusal), &format!("{step} in doubt: {refusal}"));
            }
            Reply::Lost => {
                self.in_doubt.push(request);
                return Err(Lost);
            }
        }
        Ok(())
    }

    /// Signs in with every device there is: each has its secret, and stands in for the code.
    pub(crate) async fn check_devices(&mut self, link: &Link) -> Result<(), Lost> {
        for at in 0..self.devices.len() {
            if self.devices[at].is(State::Tracked) {
                let key = self.devices[at].record.device_key.clone();
                let (pool, name) = (link.config.user_pool_id(), self.app.username.clone());
                let update = AdminUpdateDeviceStatusRequest {
                    device_remembered_status: Some(DeviceStatus::Remembered.into()),
                    ..AdminUpdateDeviceStatusRequest::new(pool, name, key)
                };
                self.done(link, &Request::new(&update)).await?;
                self.devices[at].set(State::Remembered);
            }
            self.sign_in(link, Presented::Device(at)).await?;
            self.count("devices proven at the end");
        }
        for _ in 0..self.ended.len() {
            self.refresh_ended(link).await?;
        }
        Ok(())
    }

    async fn remember(&mut self, link: &Link) -> Result<(), Lost> {
        let (Some(session), false) = (self.session(), self.devices.is_empty()) else {
            return self.begin(link).await;
        };
        let at = self.rng.random_range(0..self.devices.len());
        let (status, state) = match self.rng.random_range(0..3) {
            0 => (DeviceStatus::NotRemembered, State::Tracked),
            _ => (DeviceStatus::Remembered, State::Remembered),
        };
        let key = &self.devices[at].record.device_key;
        let update = UpdateDeviceStatusRequest {
            device_remembered_status: Some(status.into()),
            ..UpdateDeviceStatusRequest::new(self.sessions[session].access.clone(), key)
        };
        self.note(&format!("device {at} is {state:?}"));
        match self.change(link, &Request::new(&update), at).await {
            Ok(true) => self.devices[at].set(state),
            Ok(false) => {}
            Err(Lost) => {
                self.devices[at].may.insert(state);
                return Err(Lost);
            }
        }
        Ok(())
    }

    async fn forget(&mut self, link: &Link) -> Result<(), Lost> {
        let Some(session) = self.session().filter(|_| self.devices.len() > 1) else {
            return self.begin(link).await;
        };
        let at = self.rng.random_range(0..self.devices.len());
        let forget = ForgetDeviceRequest {
            access_token: Some(self.sessions[session].access.clone()),
            ..ForgetDeviceRequest::new(&self.devices[at].record.device_key)
        };
        self.note(&format!("forgets device {at}"));
        match self.change(link, &Request::new(&forget), at).await {
            Ok(true) => {
                self.count("forgotten devices");
                self.devices[at].set(State::Absent);
                self.bury();
            }
            Ok(false) => {}
            Err(Lost) => {
                self.devices[at].may.insert(State::Absent);
                return Err(Lost);
            }
        }
        Ok(())
    }

    /// Sends a change of a device. Returns whether it was made; the device must be there.
    async fn change(&mut self, link: &Link, request: &Request, at: usize) -> Result<bool, Lost> {
        match link.send(request).await {
            Reply::Answered(_) => Ok(true),
            Reply::Refused(refusal) if refusal.is_unknown_device() => {
                let may_lack = self.devices[at].may.contains(&State::Absent);
                self.demand(may_lack, "a device is missing");
                self.devices[at].set(State::Absent);
                self.bury();
                Ok(false)
            }
            Reply::Refused(refusal) => self.refused(request, &refusal),
            Reply::Lost => {
                self.lost(operation_of(request));
                Err(Lost)
            }
        }
    }

    /// Sends an accepted proof or code again.
    async fn use_again(&mut self, link: &Link) -> Result<(), Lost> {
        let Some(request) = self.used.pop() else { return self.list(link).await };
        match link.send(&request).await {
            Reply::Answered(_) => {
                self.fail(&format!("{} was accepted twice", operation_of(&request)))
            }
            Reply::Refused(refusal) => {
                let step = operation_of(&request);
                self.demand(is_spent(&refusal), &format!("{step} again: {refusal}"));
                self.count("used proofs refused");
                Ok(())
            }
            Reply::Lost => {
                self.used.push(request);
                Err(Lost)
            }
        }
    }

    /// Confirms a forgotten device again, with the call that confirmed it.
    async fn confirm_forgotten(&mut self, link: &Link) -> Result<(), Lost> {
        let confirmation = self.forgotten.iter().rev().find_map(|it| it.confirmation.as_ref());
        let Some(confirmation) = confirmation else { return self.list(link).await };
        match link.send(confirmation).await {
            Reply::Answered(_) => self.fail("a forgotten device came back"),
            Reply::Refused(refusal) if refusal.is_revoked_access_token() => {
                // The session that the call belongs to has ended, so it says nothing of the device.
                self.count("forgotten devices with ended sessions");
                Ok(())
            }
            Reply::Refused(refusal) => {
                let is_forgotten = *refusal.code() == ErrorCode::InvalidParameter
                    && refusal.message() == "Invalid device key given.";
                self.demand(is_forgotten, &format!("a forgotten device: {refusal}"));
                self.count("forgotten devices refused");
                Ok(())
            }
            Reply::Lost => Err(Lost),
        }
    }

    /// Compares the list of devices with what was acknowledged.
    async fn list(&mut self, link: &Link) -> Result<(), Lost> {
        let (pool, name) = (link.config.user_pool_id(), &*self.app.username);
        let request = Request::new(&AdminListDevicesRequest::new(pool, name));
        let body = self.done(link, &request).await?;
        let list = Read::Answered(&body).read::<AdminListDevicesRequest>().unwrap();
        let mut listed = BTreeMap::new();
        for device in list.devices.unwrap_or_default() {
            let attributes = device.device_attributes.unwrap_or_default();
            let status = attributes
                .iter()
                .find(|it| it.name == "dev:device_remembered_status")
                .and_then(|it| it.value.as_ref())
                .map(|value| value.as_str().to_owned());
            let state = match status.as_deref() {
                Some("remembered") => State::Remembered,
                Some("not_remembered") => State::Tracked,
                other => self.fail(&format!("a device is {other:?}: {attributes:?}")),
            };
            listed.insert(device.device_key.unwrap_or_default(), state);
        }
        for at in 0..self.devices.len() {
            let device = &self.devices[at];
            let found = listed.remove(&device.record.device_key).unwrap_or(State::Absent);
            let expected = format!("device {at} is {found:?}, and not {:?}", device.may);
            self.demand(device.may.contains(&found), &expected);
            self.devices[at].set(found);
        }
        for device in &self.forgotten {
            let is_back = listed.contains_key(&device.record.device_key);
            self.demand(!is_back, "a forgotten device is back");
        }
        self.demand(listed.is_empty(), &format!("nobody confirmed {listed:?}"));
        self.count("lists compared");
        self.bury();
        Ok(())
    }

    /// Moves devices that are gone to the forgotten ones. One that was never there was not
    /// confirmed.
    fn bury(&mut self) {
        let gone = self.devices.extract_if(.., |device| device.is(State::Absent));
        self.forgotten.extend(gone.filter(|device| device.was_there));
    }

    fn end(&mut self, session: Session) {
        self.ending.push(Session { life: Life::Ended, ..session });
    }

    /// A session that certainly goes on.
    fn session(&mut self) -> Option<usize> {
        let going = |at: &usize| self.sessions[*at].life == Life::Goes;
        let all: Vec<usize> = (0..self.sessions.len()).filter(going).collect();
        if all.is_empty() { None } else { Some(all[self.rng.random_range(0..all.len())]) }
    }

    /// What the device of a session may be. Without it, the session does not go on.
    fn device_of(&self, session: &Session) -> BTreeSet<State> {
        let is_its = |it: &&Device| Some(&it.record.device_key) == session.device_key.as_ref();
        let device = self.devices.iter().find(is_its);
        device.map_or([State::Absent].into(), |device| device.may.clone())
    }

    /// The answer to a request that must succeed.
    async fn done(&mut self, link: &Link, request: &Request) -> Result<Vec<u8>, Lost> {
        match link.send(request).await {
            Reply::Answered(body) => Ok(body),
            Reply::Refused(refusal) => self.refused(request, &refusal),
            Reply::Lost => Err(Lost),
        }
    }

    /// The number of a code that was not used yet and is right now.
    fn code_number(&self, link: &Link) -> Option<i64> {
        let now = link.clock.code_number();
        Some(now.max(self.app.used + 1)).filter(|number| *number <= now + 1)
    }

    fn lost(&mut self, operation: &'static str) {
        self.note(&format!("no answer to {operation}"));
        self.count(operation);
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn note(&mut self, line: &str) {
        self.history.push_back(line.to_owned());
        if self.history.len() > HISTORY {
            self.history.pop_front();
        }
    }

    fn demand(&self, holds: bool, else_what: &str) {
        if !holds {
            self.fail(else_what);
        }
    }

    fn refused(&self, request: &Request, refusal: &ServiceError) -> ! {
        self.fail(&format!("{} was refused: {refusal}", operation_of(request)))
    }

    fn fail(&self, what: &str) -> ! {
        let history: Vec<&str> = self.history.iter().map(String::as_str).collect();
        panic!("{}: {what}. Before:\n{}", self.app.username, history.join("\n"))
    }
}

/// Whether a refusal says that a proof or code was used before.
fn is_spent(refusal: &ServiceError) -> bool {
    // A step of the clock may have made it too old as well.
    let sentences = [sentence::USED_SESSION, sentence::EXPIRED_SESSION];
    *refusal.code() == ErrorCode::NotAuthorized && sentences.contains(&refusal.message())
}

/// Whether a refusal says that a proof came too late, whether it was used before or not: its device
/// was forgotten, its sessions were ended, its code is old, or a later code was used.
fn is_outdated(refusal: &ServiceError) -> bool {
    refusal.is_unknown_device()
        || matches!(refusal.code(), ErrorCode::CodeMismatch | ErrorCode::ExpiredCode)
        || *refusal.code() == ErrorCode::NotAuthorized
            && refusal.message() == "Invalid session for the user."
}

/// The name under which a missing answer is counted.
fn operation_of(request: &Request) -> &'static str {
    match request.step() {
        Some("PASSWORD_VERIFIER") => "PASSWORD_VERIFIER",
        Some("SOFTWARE_TOKEN_MFA") => "SOFTWARE_TOKEN_MFA",
        Some("DEVICE_PASSWORD_VERIFIER") => "DEVICE_PASSWORD_VERIFIER",
        Some(_) => "other steps",
        None => request.operation().name(),
    }
}
