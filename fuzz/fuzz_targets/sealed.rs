//! Sealed state changed by the client: sessions, secret blocks and tokens.
//!
//! The service never panics, never fails internally, and accepts only what it sealed. A changed
//! secret block comes with the right proof over it, so that only the seal can refuse it.
#![no_main]

use std::cell::RefCell;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use device_fuzz_inputs::SealedValue;
use device_pool::ServiceError;
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, SessionKey};
use device_wire::{ErrorCode, Operation::*};
use libfuzzer_sys::fuzz_target;
use rand::SeedableRng;
use serde_json::{Value, json};

use world::{Device, PASSWORD, World};

// The fixture of the engine's own tests.
#[allow(dead_code)]
#[path = "../../crates/device-pool/tests/engine/flows.rs"]
mod flows;
#[allow(dead_code)]
#[path = "../../crates/device-pool/tests/engine/world.rs"]
mod world;

thread_local! {
    static SERVICE: RefCell<Service> = RefCell::new(Service::new());
}

/// An exchange that its client can complete.
struct Exchange {
    key: SessionKey,
    block: String,
}

/// A service with running sign-ins, each of which its user could continue.
struct Service {
    world: World,
    device: Device,
    password_proof: Exchange,
    device_proof: Exchange,
    /// Sessions that wait for a code, the start of a device's proof, that proof, or the setup of a
    /// factor.
    sessions: [String; 4],
    access_token: String,
    id_token: String,
    refresh_token: String,
}

impl Service {
    fn new() -> Self {
        let mut world = World::opt_in();
        world.user("alice");
        let totp = world.enrol_totp("alice");
        let (device, signed_in) = world.confirmed_device("alice", Some(&totp));
        world.set_status("alice", &device, "remembered");
        let (_, password_proof) = exchange(&mut world, None);
        let asked_for_code = proven(&mut world, "alice", None);
        let asked_for_device = proven(&mut world, "alice", Some(&device));
        let waiting = proven(&mut world, "alice", Some(&device));
        let (offered, device_proof) = exchange(&mut world, Some((&device, &waiting)));
        world.set_mfa("ON");
        world.user("bob");
        let setting_up = proven(&mut world, "bob", None);
        let sessions = [&asked_for_code, &asked_for_device, &offered, &setting_up];
        let sessions = sessions.map(|answer| text(&answer["Session"]));
        let id_token = text(&signed_in.result["IdToken"]);
        let (access_token, refresh_token) = (signed_in.access_token(), signed_in.refresh_token());
        Self {
            world,
            device,
            password_proof,
            device_proof,
            sessions,
            access_token,
            id_token,
            refresh_token,
        }
    }

    /// The genuine value of a kind, and a second one to splice in.
    fn genuine(&self, kind: usize) -> (&str, &str) {
        let [code, device, proof, setup] = self.sessions.each_ref().map(String::as_str);
        match kind {
            0 => (code, device),
            1 => (device, code),
            2 => (proof, device),
            3 => (&self.password_proof.block, &self.device_proof.block),
            4 => (&self.device_proof.block, &self.password_proof.block),
            5 | 6 => (&self.access_token, &self.id_token),
            7 | 8 => (&self.refresh_token, &self.access_token),
            _ => (setup, code),
        }
    }

    /// Sends `forged` in place of the genuine value, and everything else as the client would.
    fn send(&mut self, kind: usize, forged: &str) -> Result<Value, ServiceError> {
        let (world, device) = (&mut self.world, &self.device);
        let (name, key) = ("alice", device.key.as_str());
        let session = json!(forged);
        match kind {
            0 => {
                let answers = json!({"USERNAME": name, "SOFTWARE_TOKEN_MFA_CODE": "123456"});
                world.respond("SOFTWARE_TOKEN_MFA", &session, answers)
            }
            1 => {
                let a = PublicValue::from_be_bytes(&[7]).unwrap().to_hex();
                let answers = json!({"USERNAME": name, "DEVICE_KEY": key, "SRP_A": a});
                world.respond("DEVICE_SRP_AUTH", &session, answers)
            }
            2 => {
                let identity = Identity::device(&device.group_key, key);
                let claim =
                    claim(world, &self.device_proof.key, &identity, &self.device_proof.block, key);
                world.respond("DEVICE_PASSWORD_VERIFIER", &session, claim)
            }
            3 => {
                let pool = world.pool.split_once('_').unwrap().1.to_owned();
                let claim = claim(
                    world,
                    &self.password_proof.key,
                    &Identity::user(&pool, name),
                    forged,
                    key,
                );
                world.respond("PASSWORD_VERIFIER", &Value::Null, claim)
            }
            4 => {
                let identity = Identity::device(&device.group_key, key);
                let claim = claim(world, &self.device_proof.key, &identity, forged, key);
                world.respond("DEVICE_PASSWORD_VERIFIER", &Value::Null, claim)
            }
            5 => world.call(GetUser, json!({"AccessToken": forged})),
            6 => world.call(ListDevices, json!({"AccessToken": forged})),
            7 => {
                let parameters = json!({"REFRESH_TOKEN": forged, "DEVICE_KEY": key});
                let (client, flow) = (&world.client, "REFRESH_TOKEN_AUTH");
                let body =
                    json!({"AuthFlow": flow, "ClientId": client, "AuthParameters": parameters});
                world.call(InitiateAuth, body)
            }
            8 => world.call(RevokeToken, json!({"Token": forged, "ClientId": world.client})),
            _ => world.call(AssociateSoftwareToken, json!({"Session": forged})),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The answer after the password was proven.
fn proven(world: &mut World, name: &str, device: Option<&Device>) -> Value {
    let mut claim = world.srp_claim(name, PASSWORD);
    if let Some(device) = device {
        claim["DEVICE_KEY"] = json!(device.key);
    }
    world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap()
}

/// An exchange up to the proof, either of the password or of a device.
fn exchange(world: &mut World, device: Option<(&Device, &Value)>) -> (Value, Exchange) {
    let ephemeral = ClientEphemeral::generate(&mut rand::rngs::StdRng::seed_from_u64(1));
    let a = ephemeral.public().to_hex();
    let pool = world.pool.split_once('_').unwrap().1.to_owned();
    let (offered, identity, password) = match device {
        None => {
            let parameters = json!({"USERNAME": "alice", "SRP_A": a});
            let (client, flow) = (&world.client, "USER_SRP_AUTH");
            let body = json!({"AuthFlow": flow, "ClientId": client, "AuthParameters": parameters});
            (world.ok(InitiateAuth, body), Identity::user(&pool, "alice"), PASSWORD)
        }
        Some((device, waiting)) => {
            let answers = json!({"USERNAME": "alice", "DEVICE_KEY": device.key, "SRP_A": a});
            let offered = world.respond("DEVICE_SRP_AUTH", &waiting["Session"], answers).unwrap();
            (offered, Identity::device(&device.group_key, &device.key), device.password.as_str())
        }
    };
    let parameters = &offered["ChallengeParameters"];
    let salt = Salt::from_hex(&text(&parameters["SALT"])).unwrap();
    let b = PublicValue::from_hex(&text(&parameters["SRP_B"])).unwrap();
    let key = ephemeral.session_key(&identity, password, &salt, &b).unwrap();
    let block = text(&parameters["SECRET_BLOCK"]);
    (offered, Exchange { key, block })
}

/// The answers with the proof over any secret block.
fn claim(
    world: &World,
    key: &SessionKey,
    identity: &Identity<'_>,
    block: &str,
    device_key: &str,
) -> Value {
    let (timestamp, signed) = (world.timestamp(), STANDARD.decode(block).unwrap_or_default());
    json!({
        "USERNAME": "alice", "DEVICE_KEY": device_key, "TIMESTAMP": timestamp,
        "PASSWORD_CLAIM_SECRET_BLOCK": block,
        "PASSWORD_CLAIM_SIGNATURE": key.sign(identity, &signed, &timestamp).to_base64(),
    })
}

fuzz_target!(|input: SealedValue| {
    let kind = input.kind();
    device_pool::fuzzing::seal_opens_only_its_own(&input.edits);
    SERVICE.with_borrow_mut(|service| {
        let (genuine, other) = service.genuine(kind);
        let forged = input.forge(genuine, other);
        // an empty session counts as absent, since some clients send one; the secret block then has
        // all state
        if forged != genuine && !forged.is_empty() {
            match service.send(kind, &forged) {
                Ok(answer) => panic!("{forged} was taken: {answer}"),
                Err(error) => {
                    assert_ne!(*error.code(), ErrorCode::InternalError, "{:?}", error.detail())
                }
            }
        }
    });
});
