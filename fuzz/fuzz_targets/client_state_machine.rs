//! A sign-in fed arbitrary responses: it ends, asks or goes on, and never panics.
#![no_main]

use std::time::{Duration, SystemTime};

use device_proto::{Config, Credentials, Reply, SignIn, Step};
use libfuzzer_sys::fuzz_target;
use rand::{SeedableRng, rngs::StdRng};

fuzz_target!(|responses: Vec<(bool, Vec<u8>)>| {
    let Ok(config) = Config::new("us-east-1_Pool1234", "client") else { return };
    let mut rng = StdRng::seed_from_u64(1);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_739_212_212);
    let (mut sign_in, _) =
        SignIn::start(&config, Credentials::srp("user", "password".to_owned()), None, &mut rng);
    for (ok, body) in responses {
        let reply = Reply::from_http(if ok { 200 } else { 400 }, &body, None);
        sign_in = match sign_in.handle(reply, now, &mut rng) {
            Ok(Step::Send(next, _) | Step::Discard { sign_in: next, .. }) => next,
            _ => return,
        };
    }
});
