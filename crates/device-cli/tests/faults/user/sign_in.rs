//! Signing in, with what the user presents.

use std::collections::BTreeSet;

use device_proto::{
    Challenge, Credentials, DeviceOutcome, Outcome, Reply as Read, Request, SignIn, Step,
    ThisDevice,
};
use device_wire::Operation;
use rand::RngExt as _;

use super::{Device, Life, Lost, Session, State, User, operation_of};
use crate::world::{Link, PASSWORD, Reply};

/// What a user presents at a sign-in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Presented {
    Nothing,
    Device(usize),
    Forgotten(usize),
}

impl User {
    pub(super) async fn begin(&mut self, link: &Link) -> Result<(), Lost> {
        let has_code = self.code_number(link).is_some();
        let presented = if !self.forgotten.is_empty() && self.rng.random_range(0..8) == 0 {
            Presented::Forgotten(self.rng.random_range(0..self.forgotten.len()))
        } else if !self.devices.is_empty() && (!has_code || self.rng.random_range(0..4) > 0) {
            Presented::Device(self.rng.random_range(0..self.devices.len()))
        } else {
            Presented::Nothing
        };
        let needs_code = match presented {
            Presented::Device(at) => !self.devices[at].is(State::Remembered),
            _ => true,
        };
        if needs_code && !has_code {
            return self.list(link).await;
        }
        self.sign_in(link, presented).await
    }

    pub(super) async fn sign_in(&mut self, link: &Link, presented: Presented) -> Result<(), Lost> {
        let device = match presented {
            Presented::Nothing => None,
            Presented::Device(at) => Some(&self.devices[at]),
            Presented::Forgotten(at) => Some(&self.forgotten[at]),
        };
        let record = device.map(|device| device.record.clone());
        let may = device.map_or(BTreeSet::from([State::Absent]), |device| device.may.clone());
        self.note(&format!("sign-in with {presented:?} {may:?}"));
        let credentials = Credentials::srp(&*self.app.username, PASSWORD);
        let this_device = ThisDevice::from(record.clone());
        let (mut state, mut request) =
            SignIn::start(&link.config, credentials, this_device, &mut self.rng);
        let (mut code_asked, mut confirmation) = (false, None);
        let outcome = loop {
            let reply = link.send(&request).await;
            let is_once = matches!(
                request.step(),
                Some("PASSWORD_VERIFIER" | "SOFTWARE_TOKEN_MFA" | "DEVICE_PASSWORD_VERIFIER")
            );
            if matches!(reply, Reply::Lost) {
                self.lost(operation_of(&request));
            }
            match &reply {
                Reply::Answered(_) if is_once => self.used.push(request),
                Reply::Lost if is_once => self.in_doubt.push(request),
                _ if request.operation() == Operation::ConfirmDevice => {
                    confirmation = Some(request);
                }
                _ => {}
            }
            let read = match &reply {
                Reply::Answered(body) => Read::Answered(body),
                Reply::Refused(refusal) => Read::Refused(refusal.clone()),
                Reply::Lost if confirmation.is_some() => Read::Lost,
                Reply::Lost => return Err(Lost),
            };
            let mut step = match state.handle(read, link.clock.now(), &mut self.rng) {
                Ok(step) => step,
                Err(error) => self.fail(&format!("the sign-in was refused: {error}")),
            };
            let next = loop {
                step = match step {
                    Step::Send(state, request) => break Ok((state, request)),
                    Step::Find(lookup) => lookup.found(record.clone()),
                    Step::Discard { sign_in, request, .. } => {
                        self.demand(may.contains(&State::Absent), "a device is missing");
                        Step::Send(sign_in, request)
                    }
                    Step::Ask(Challenge::Code(code)) => {
                        self.demand(!code_asked, "a right code was refused");
                        let due = may.iter().any(|state| *state != State::Remembered);
                        self.demand(due, "a remembered device did not stand in for the code");
                        code_asked = true;
                        let Some(number) = self.code_number(link) else { return Ok(()) };
                        self.app.used = number;
                        code.answer(&self.app.code(number)).into()
                    }
                    Step::Done(outcome) => break Err(outcome),
                    other => self.fail(&format!("unexpected: {other:?}")),
                };
            };
            match next {
                Ok(next) => (state, request) = next,
                Err(outcome) => break *outcome,
            }
        };
        if !code_asked {
            self.demand(may.contains(&State::Remembered), "the second factor was skipped");
            if let Presented::Device(at) = presented {
                self.devices[at].set(State::Remembered);
            }
        }
        self.count("sign-ins");
        self.keep(outcome, confirmation)
    }

    /// Keeps the session of a sign-in, and its new device.
    pub(super) fn keep(
        &mut self,
        outcome: Outcome,
        confirmation: Option<Request>,
    ) -> Result<(), Lost> {
        let mut result = Ok(());
        match outcome.device {
            DeviceOutcome::Known(_) => {}
            DeviceOutcome::New { record, .. } => {
                self.count("confirmed devices");
                let may = [State::Tracked].into();
                self.devices.push(Device { record, confirmation, was_there: true, may });
            }
            DeviceOutcome::Unconfirmed { device, error } => {
                self.demand(error.as_service_error().is_none(), "a device was not confirmed");
                // The record as it is if the call was executed.
                let body = br#"{"UserConfirmationNecessary":true}"#;
                let (record, _) = device.handle(Read::Answered(body)).unwrap();
                let may = [State::Absent, State::Tracked].into();
                self.devices.push(Device { record, confirmation, was_there: false, may });
                result = Err(Lost);
            }
            other => self.fail(&format!("unexpected: {other:?}")),
        }
        let device_key = outcome.tokens.claims().device_key;
        let Some(refresh) = outcome.tokens.refresh else { self.fail("no refresh token") };
        let access = outcome.tokens.access;
        let life = Life::Goes;
        self.sessions.push(Session { access, refresh, device_key, life, replaced: false });
        result
    }
}
