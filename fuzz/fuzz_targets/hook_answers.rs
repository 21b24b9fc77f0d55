//! Arbitrary answers of the operator's hook during a sign-in.
//!
//! The service never fails internally, and issues tokens only if the hook said so.
#![no_main]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Mutex;

use device_fuzz_inputs::{HookAnswer, HookAnswers, Input};
use device_pool::{HookError, Hooks};
use device_wire::{ErrorCode, Operation};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

use world::World;

// The world that the engine's own tests live in.
#[allow(dead_code)]
#[path = "../../crates/device-pool/tests/engine/flows.rs"]
mod flows;
#[allow(dead_code)]
#[path = "../../crates/device-pool/tests/engine/world.rs"]
mod world;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(world());
}

fn world() -> World {
    let mut world = World::new();
    world.user("alice");
    world
}

/// Answers one event after another; there is no hook once they are used up.
struct Canned(Mutex<VecDeque<HookAnswer>>);

impl Hooks for Canned {
    fn call(&self, _: Option<&str>, _: &Value) -> Result<Value, HookError> {
        match self.0.lock().unwrap().pop_front() {
            Some(HookAnswer::Answered(answer)) => Ok(answer),
            Some(HookAnswer::Noise(_)) => Err(HookError::Failed("its answer is no JSON".into())),
            Some(HookAnswer::Refused(reason)) => Err(HookError::Refused(reason)),
            Some(HookAnswer::Failed(reason)) => Err(HookError::Failed(reason)),
            Some(HookAnswer::Busy) => Err(HookError::Busy),
            Some(HookAnswer::Missing) | None => Err(HookError::Missing),
        }
    }
}

fn issues_tokens(answer: &HookAnswer) -> bool {
    matches!(answer, HookAnswer::Answered(answer) if answer["response"]["issueTokens"] == true)
}

fuzz_target!(|data: &[u8]| {
    let Some(HookAnswers(answers)) = HookAnswers::decode(data) else { return };
    WORLD.with_borrow_mut(|world| {
        let may_sign_in = answers.iter().any(issues_tokens);
        world.set_hooks(Canned(Mutex::new(answers.into())));
        // further apart than any limit of attempts looks back
        world.seconds(86_400);
        let start = json!({"AuthFlow": "CUSTOM_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": "alice"}});
        let mut step = world.call(Operation::InitiateAuth, start);
        while let Ok(answer) = &step {
            if answer["ChallengeName"] != "CUSTOM_CHALLENGE" {
                break;
            }
            let session = answer["Session"].clone();
            let given = json!({"USERNAME": "alice", "ANSWER": "green"});
            step = world.respond("CUSTOM_CHALLENGE", &session, given);
        }
        match step {
            Ok(answer) => assert!(
                may_sign_in || answer["AuthenticationResult"].is_null(),
                "tokens that no hook allowed: {answer}"
            ),
            Err(error) => {
                assert_ne!(*error.code(), ErrorCode::InternalError, "{:?}", error.detail());
            }
        }
    });
});
