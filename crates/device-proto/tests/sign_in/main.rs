//! Whole sign-ins against a fake service: flows, names, refused devices, broken answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod service;

mod flows;
mod names;
mod odd_answers;
mod recovery;
mod secrets;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use device_proto::{
    Asked, Challenge, CodePrompt, Config, Credentials, DeviceOutcome, DeviceRecord, Error, Outcome,
    Reply, Request, SignIn, Step, ThisDevice,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use service::{CLIENT, CODE, Devices, Fault, Mfa, PASSWORD, POOL, Service, USER};

/// A client and its pool.
struct Pair {
    service: Service,
    config: Config,
    /// The records that a lookup finds.
    kept: Vec<DeviceRecord>,
    /// The names that the client looked records up by.
    lookups: Vec<String>,
    /// The records that the client was told to delete.
    discarded: Vec<DeviceRecord>,
    /// The records that the client was told to save before a question.
    replaced: Vec<DeviceRecord>,
    rng: StdRng,
}

/// Where a sign-in stops: it needs its user, is done, or has failed.
#[derive(Debug)]
enum Stop {
    Ask(Challenge),
    Done(Box<Outcome>),
    Failed(Error),
}

impl Pair {
    fn new(devices: Devices, mfa: Mfa) -> Self {
        Self {
            service: Service::new(devices, mfa, StdRng::seed_from_u64(1)),
            config: Config::new(POOL, CLIENT).unwrap(),
            kept: Vec::new(),
            lookups: Vec::new(),
            discarded: Vec::new(),
            replaced: Vec::new(),
            rng: StdRng::seed_from_u64(2),
        }
    }

    fn with_secret(mut self) -> Self {
        self.service.client_secret = Some("clienthush");
        self.config = self.config.with_client_secret("clienthush");
        self
    }

    fn sign_in(&mut self, device: impl Into<ThisDevice>) -> Stop {
        self.sign_in_with(Credentials::srp(USER, PASSWORD), device)
    }

    fn sign_in_with(&mut self, credentials: Credentials, device: impl Into<ThisDevice>) -> Stop {
        let next = SignIn::start(&self.config, credentials, device, &mut self.rng);
        self.go_on(next)
    }

    fn go_on(&mut self, next: (SignIn, Request)) -> Stop {
        let mut step = Step::from(next);
        loop {
            secrets::check(&step);
            step = match step {
                Step::Send(sign_in, request) => match self.exchange(sign_in, &request) {
                    Ok(step) => step,
                    Err(error) => return Stop::Failed(error),
                },
                Step::Find(lookup) => {
                    self.lookups.push(lookup.owner().username.clone());
                    let found = self.kept.iter().find(|record| record.owner == *lookup.owner());
                    lookup.found(found.cloned())
                }
                Step::Reread(device) => {
                    let is_same =
                        |record: &&DeviceRecord| record.device_key == device.record().device_key;
                    let found = self.kept.iter().find(is_same).cloned();
                    device.read(found)
                }
                Step::Keep(offer) => offer.saved(),
                Step::Replaced { device, challenge } => {
                    self.replaced.push(*device);
                    Step::Ask(challenge)
                }
                Step::Discard { device, sign_in, request } => {
                    self.discarded.push(*device);
                    Step::Send(sign_in, request)
                }
                Step::Ask(challenge) => return Stop::Ask(challenge),
                Step::Done(outcome) => return Stop::Done(outcome),
            };
        }
    }

    fn exchange(&mut self, sign_in: SignIn, request: &Request) -> Result<Step, Error> {
        let answer = self.service.serve(request.operation(), request.body());
        let reply = match &answer {
            Ok(body) => Reply::Answered(body),
            Err(Some(error)) => Reply::Refused(error.clone()),
            Err(None) => Reply::Lost,
        };
        // Mon Feb 10 18:30:12 UTC 2025
        let now: SystemTime = UNIX_EPOCH + Duration::from_secs(1_739_212_212);
        let step = sign_in.handle(reply, now, &mut self.rng);
        secrets::check(&step);
        step
    }

    /// Answers the challenge for a code, and continues.
    fn give_code(&mut self, stop: Stop) -> Stop {
        let next = stop.code().answer(CODE);
        self.go_on(next)
    }

    /// The record of a device that signed in before. Empties the log.
    fn known_device(&mut self) -> DeviceRecord {
        let mut stop = self.sign_in(None);
        if self.service.mfa != Mfa::Off {
            stop = self.give_code(stop);
        }
        self.service.take_steps();
        match stop.done().device {
            DeviceOutcome::New { record, .. } => record,
            other => panic!("{other:?}"),
        }
    }

    /// The record of a remembered device that signed in before. Empties the log.
    fn remembered_device(&mut self) -> DeviceRecord {
        let devices = std::mem::replace(&mut self.service.devices, Devices::Always);
        let record = self.known_device();
        self.service.devices = devices;
        record
    }
}

impl Stop {
    fn done(self) -> Outcome {
        match self {
            Self::Done(outcome) => *outcome,
            other => panic!("{other:?}"),
        }
    }

    fn challenge(self) -> Challenge {
        match self {
            Self::Ask(challenge) => challenge,
            other => panic!("{other:?}"),
        }
    }

    fn code(self) -> Asked<CodePrompt> {
        match self.challenge() {
            Challenge::Code(asked) => asked,
            other => panic!("{other:?}"),
        }
    }

    fn failed(self) -> Error {
        match self {
            Self::Failed(error) => error,
            other => panic!("{other:?}"),
        }
    }
}

fn known(outcome: Outcome) -> DeviceRecord {
    match outcome.device {
        DeviceOutcome::Known(record) => record,
        other => panic!("{other:?}"),
    }
}
