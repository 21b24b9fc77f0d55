//! Signs in over a blocking HTTP client, and prints the device record to keep.
//!
//! ```text
//! cargo run -p device-proto --example blocking -- <endpoint> <pool> <client> <user> <password>
//! ```
//!
//! The endpoint is `https://cognito-idp.<region>.amazonaws.com/`, or your own server. ureq is built
//! without TLS here; with its default features it supports `https` too.
#![allow(
    clippy::disallowed_methods,
    reason = "the caller provides clock and randomness, and this is the caller"
)]

use std::error::Error;
use std::io::stdin;
use std::time::SystemTime;

use device_proto::{Challenge, Config, Credentials, DeviceOutcome, Reply, Request, SignIn, Step};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, pool, client, username, password] = &arguments[..] else {
        return Err(
            "usage: blocking <endpoint> <pool id> <client id> <user name> <password>".into()
        );
    };
    let http = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .new_agent();
    let config = Config::new(pool, client)?;
    let credentials = Credentials::srp(username, password.as_str());
    let rng = &mut rand::rng();
    let mut step = Step::from(SignIn::start(&config, credentials, None, rng));
    let outcome = loop {
        step = match step {
            Step::Send(sign_in, request) => {
                let post = http
                    .post(endpoint)
                    .content_type(Request::CONTENT_TYPE)
                    .header("x-amz-target", request.target());
                let mut response = post.send(request.body())?;
                let body = response.body_mut().read_to_vec()?;
                let reply = match response.status().as_u16() {
                    200 => Reply::Answered(&body),
                    _ => Reply::from_error(&body, None),
                };
                sign_in.handle(reply, SystemTime::now(), rng)?
            }
            // This program keeps no records: each run is a new device.
            Step::Find(lookup) => lookup.found(None),
            Step::Reread(device) => device.read(None),
            Step::Keep(offer) => offer.not_saved(),
            Step::Replaced { challenge, .. } => Step::Ask(challenge),
            Step::Discard { sign_in, request, .. } => Step::Send(sign_in, request),
            Step::Ask(Challenge::Code(code)) => {
                println!("Code from {:?}:", code.prompt().source);
                let mut line = String::new();
                stdin().read_line(&mut line)?;
                code.answer(&line).into()
            }
            Step::Ask(other) => return Err(format!("{} is not answered here", other.name()).into()),
            Step::Done(outcome) => break outcome,
        };
    };
    println!("{} is signed in.", outcome.username);
    if let DeviceOutcome::New { record, .. } = &outcome.device {
        println!("Keep for the next sign-in: {}", serde_json::to_string(record)?);
    }
    Ok(())
}
