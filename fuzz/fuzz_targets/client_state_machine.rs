//! A sign-in that receives arbitrary responses ends, asks or continues, and never panics.
#![no_main]

use std::time::{Duration, SystemTime};

use device_fuzz_inputs::{Replies, Reply as Body};
use device_proto::{Config, Credentials, Reply, SignIn, Step};
use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};

fuzz_target!(|replies: Replies| {
    let Ok(config) = Config::new("us-east-1_Pool1234", "client") else { return };
    let mut rng = StdRng::seed_from_u64(1);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_739_212_212);
    let mut step: Step =
        SignIn::start(&config, Credentials::srp("user", "password".to_owned()), None, &mut rng)
            .into();
    let mut replies = replies.0.into_iter();
    loop {
        step = match step {
            Step::Send(sign_in, _) | Step::Discard { sign_in, .. } => {
                let Some(Body { ok, body }) = replies.next() else { return };
                let reply =
                    if ok { Reply::Answered(&body) } else { Reply::from_error(&body, None) };
                match sign_in.handle(reply, now, &mut rng) {
                    Ok(step) => step,
                    Err(_) => return,
                }
            }
            Step::Find(lookup) => lookup.found(None),
            Step::Reread(device) => device.read(None),
            Step::Keep(offer) => offer.saved(),
            Step::Replaced { .. } | Step::Ask(_) | Step::Done(_) => return,
        };
    }
});
