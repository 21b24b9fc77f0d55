//! Replays transcripts that were written from the protocol's description.
//!
//! The client must send exactly the transcript's requests, proofs included. The answers are legal
//! but unusual.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::convert::Infallible;
use std::time::{Duration, UNIX_EPOCH};

use device_proto::{
    Challenge, Config, Credentials, DeviceOutcome, DeviceRecord, Error, ListDevices, ListStep,
    Outcome, Reply, Request, SignIn, Step, ThisDevice,
};
use device_wire::Timestamp;
use device_wire::enums::ChallengeNameType;
use rand_core::{TryCryptoRng, TryRng};
use serde_json::{Value, json};

/// A transcript, read from the start.
struct Transcript {
    whole: Value,
    steps: std::vec::IntoIter<Value>,
}

impl Transcript {
    fn load(name: &str) -> Self {
        let file = format!("{}/vectors/transcripts/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let whole: Value = serde_json::from_str(&text).unwrap();
        let steps = whole["steps"].as_array().unwrap().clone().into_iter();
        Self { whole, steps }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.whole[name].as_str()
    }

    fn next(&mut self) -> Value {
        self.steps.next().expect("the client goes on past the end")
    }

    /// Compares a request with the one that is due, and returns its answer.
    fn exchange(&mut self, request: &Request) -> Value {
        let due = self.next();
        assert_eq!(due["send"], request.operation().name());
        assert_eq!(serde_json::from_slice::<Value>(request.body()).unwrap(), due["body"]);
        self.next()
    }

    fn credentials(&self) -> Credentials {
        let given = &self.whole["credentials"];
        let text = |name: &str| given[name].as_str().unwrap();
        match text("flow") {
            "srp" => Credentials::srp(text("username"), text("password")),
            "password" => Credentials::password(text("username"), text("password")),
            "custom" => Credentials::custom(text("username")),
            other => panic!("{other}"),
        }
    }

    fn device(&self) -> ThisDevice {
        let record: Option<DeviceRecord> =
            serde_json::from_value(self.whole["record"].clone()).unwrap();
        let device = ThisDevice::new().with_record(record);
        match self.text("device_name") {
            Some(name) => device.named(name),
            None => device,
        }
    }

    /// Signs in. Asserts that all steps and all random bytes of the transcript were used.
    fn sign_in(mut self) -> Result<Outcome, Error> {
        let mut config =
            Config::new(self.text("pool").unwrap(), self.text("client").unwrap()).unwrap();
        if let Some(secret) = self.text("client_secret") {
            config = config.with_client_secret(secret);
        }
        let now = UNIX_EPOCH + Duration::from_secs(self.whole["now"].as_u64().unwrap());
        let mut rng = Scripted::new(&self.whole["random"]);
        let mut step = SignIn::start(&config, self.credentials(), self.device(), &mut rng).into();
        let outcome = loop {
            step = match step {
                Step::Send(sign_in, request) => {
                    let answer = self.exchange(&request);
                    match sign_in.handle(reply(&answer), now, &mut rng) {
                        Ok(step) => step,
                        Err(error) => break Err(error),
                    }
                }
                Step::Find(lookup) => lookup.found(None),
                Step::Reread(device) => device.read(None),
                Step::Keep(offer) => offer.saved(),
                Step::Replaced { challenge, .. } => Step::Ask(challenge),
                Step::Discard { device, sign_in, request } => {
                    assert_eq!(self.next()["discard"], device.device_key);
                    Step::Send(sign_in, request)
                }
                Step::Ask(challenge) => {
                    let due = self.next();
                    assert_eq!(due["ask"], challenge.name().as_str());
                    answer_to(challenge, due["answer"].as_str().unwrap()).into()
                }
                Step::Done(outcome) => break Ok(*outcome),
            };
        };
        assert_eq!(self.steps.as_slice(), [] as [Value; 0]);
        assert!(rng.0.is_empty(), "the client draws less than it should");
        outcome
    }
}

fn reply(answer: &Value) -> Reply<'_> {
    let body = answer["receive"].as_str().unwrap().as_bytes();
    match answer["status"].as_u64().unwrap() {
        200 => Reply::Answered(body),
        _ => Reply::from_error(body, answer["error_type"].as_str()),
    }
}

fn answer_to(challenge: Challenge, answer: &str) -> (SignIn, Request) {
    match challenge {
        Challenge::Code(asked) => asked.answer(answer),
        Challenge::Custom(asked) => asked.answer(answer),
        Challenge::SelectMfa(asked) => asked.choose(&ChallengeNameType::from(answer)),
        other => panic!("{other:?}"),
    }
}

/// A generator that returns the transcript's draws, in their order and lengths.
struct Scripted(Vec<Vec<u8>>);

impl Scripted {
    fn new(draws: &Value) -> Self {
        let unhex = |text: &str| -> Vec<u8> {
            let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(digits).collect()
        };
        Self(
            draws
                .as_array()
                .unwrap()
                .iter()
                .rev()
                .map(|draw| unhex(draw.as_str().unwrap()))
                .collect(),
        )
    }
}

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        panic!("secrets are drawn whole")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        panic!("secrets are drawn whole")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0.pop().expect("the client draws more than it should"));
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

#[track_caller]
fn sign_in(name: &str) {
    let transcript = Transcript::load(name);
    let due = transcript.whole["outcome"].clone();
    let outcome = match transcript.sign_in() {
        Ok(Outcome { username, device, .. }) => {
            let (device, record) = match device {
                DeviceOutcome::New { record, .. } => ("new", Some(record)),
                DeviceOutcome::Known(record) => ("known", Some(record)),
                DeviceOutcome::Untracked => ("untracked", None),
                other => panic!("{other:?}"),
            };
            let mut outcome = json!({ "username": username, "device": device });
            if let Some(record) = record {
                outcome["record"] = serde_json::to_value(record).unwrap();
            }
            outcome
        }
        Err(error) => json!({ "error": error.to_string() }),
    };
    assert_eq!(outcome, due);
}

#[test]
fn a_new_device_among_odd_answers() {
    sign_in("new-device");
}

#[test]
fn a_remembered_device_without_sessions() {
    sign_in("remembered-device");
}

#[test]
fn an_unknown_device_is_replaced() {
    sign_in("unknown-device");
}

#[test]
fn custom_auth_that_ends_in_the_device() {
    sign_in("custom-device");
}

#[test]
fn a_second_factor_is_selected() {
    sign_in("selected-mfa");
}

#[test]
fn an_unknown_challenge_is_refused_by_name() {
    sign_in("unknown-challenge");
}

#[test]
fn devices_with_dates_in_every_form() {
    let mut transcript = Transcript::load("list-devices");
    let current = transcript.text("current").map(str::to_owned);
    let (mut list, mut request) = ListDevices::start("access".into(), current);
    let devices = loop {
        let answer = transcript.exchange(&request);
        match list.handle(reply(&answer)).unwrap() {
            ListStep::Send(next, with) => (list, request) = (next, with),
            ListStep::Done(devices) => break devices,
        }
    };
    let millis = |moment: Option<Timestamp>| moment.map(Timestamp::as_millis);
    let seen: Vec<Value> = devices
        .into_iter()
        .map(|device| {
            json!({
                "key": device.key, "name": device.name, "is_current": device.is_current,
                "created": millis(device.created), "last_modified": millis(device.last_modified),
                "last_authenticated": millis(device.last_authenticated),
            })
        })
        .collect();
    assert_eq!(json!(seen), transcript.whole["devices"]);
    assert!(transcript.steps.next().is_none());
}
