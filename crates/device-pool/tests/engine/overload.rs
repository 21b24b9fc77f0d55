//! An overloaded server refuses a request without using anything up.

use device_pool::{Arithmetic, InPlace, ServiceError};
use device_srp::{ClientEphemeral, PublicValue, ServerEphemeral, SessionKey, Verifier};
use device_wire::{ErrorCode, Operation};
use rand_core::CryptoRng;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

struct Overloaded;

fn refusal<T>() -> Result<T, ServiceError> {
    Err(ServiceError::new(ErrorCode::TooManyRequests, "Too many requests"))
}

impl Arithmetic for Overloaded {
    fn open(&self, _: Verifier, _: &mut dyn CryptoRng) -> Result<ServerEphemeral, ServiceError> {
        refusal()
    }

    fn session_key(
        &self,
        _: ServerEphemeral,
        _: Verifier,
        _: PublicValue,
    ) -> Result<Option<SessionKey>, ServiceError> {
        refusal()
    }
}

/// Sends a request to an overloaded server, more often than a password may be wrong.
fn refused(world: &mut World, request: impl Fn(&mut World) -> Result<Value, ServiceError>) {
    world.set_arithmetic(Overloaded);
    for _ in 0..6 {
        assert_eq!(*request(world).unwrap_err().code(), ErrorCode::TooManyRequests);
    }
    world.set_arithmetic(InPlace);
}

#[test]
fn each_step_refused_for_overload_succeeds_when_repeated() {
    let mut world = World::with(json!({"ChallengeRequiredOnNewDevice": true}), "OPTIONAL");
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    let a = ClientEphemeral::generate(&mut world.rng).public().to_hex();

    let start = json!({
        "AuthFlow": "USER_SRP_AUTH", "ClientId": world.client, "AuthParameters": {"USERNAME": "ada",
        "SRP_A": a},
    });
    refused(&mut world, |world| world.call(Operation::InitiateAuth, start.clone()));
    let mut claim = world.srp_claim("ada", PASSWORD);
    claim["DEVICE_KEY"] = json!(device.key);

    let prove = |world: &mut World| world.respond("PASSWORD_VERIFIER", &Value::Null, claim.clone());
    refused(&mut world, prove);
    let session = prove(&mut world).unwrap()["Session"].take();

    let answers = json!({"USERNAME": "ada", "DEVICE_KEY": device.key, "SRP_A": a});
    refused(&mut world, |world| world.respond("DEVICE_SRP_AUTH", &session, answers.clone()));
    let (claim, session) = world.device_claim("ada", &device, &session).unwrap();

    let prove =
        |world: &mut World| world.respond("DEVICE_PASSWORD_VERIFIER", &session, claim.clone());
    refused(&mut world, prove);
    assert!(prove(&mut world).unwrap()["AuthenticationResult"]["AccessToken"].is_string());

    let events = json!({"UserPoolId": world.pool, "Username": "ada"});
    let events = world.ok(Operation::AdminListUserAuthEvents, events);
    let failed =
        events["AuthEvents"].as_array().unwrap().iter().filter(|e| e["EventResponse"] == "Fail");
    assert_eq!(failed.count(), 0, "the audit trail has no failure of the user");
}
