//! `Debug` shows no secret during a sign-in. All other tests pass their steps to [`check`].

use std::fmt::Debug;

use device_proto::{Config, Credentials, DeviceOutcome, Reply, UnconfirmedDevice};
use device_wire::ErrorCode;

use super::*;

const SECRETS: [&str; 3] = [PASSWORD, CODE, "hush"];

pub(crate) fn check(value: &impl Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret:?} in {text}");
            // A list of the secret's bytes would reveal it too.
            let bytes = format!("{:?}", secret.as_bytes());
            assert!(!text.contains(bytes.trim_matches(['[', ']'])), "{secret:?} in {text}");
        }
    }
}

#[test]
fn the_check_finds_a_secret() {
    assert!(std::panic::catch_unwind(|| check(&PASSWORD)).is_err());
    assert!(std::panic::catch_unwind(|| check(&PASSWORD.as_bytes())).is_err());
}

#[test]
fn values_before_and_after_a_sign_in_show_no_secret() {
    check(&Config::new(POOL, CLIENT).unwrap().with_client_secret("clienthush"));
    check(&Reply::Answered(PASSWORD.as_bytes()));
    for credentials in [
        Credentials::srp(USER, PASSWORD),
        Credentials::password(USER, PASSWORD),
        Credentials::custom_after_srp(USER, PASSWORD),
        Credentials::choose_srp(USER, PASSWORD),
        Credentials::choose_password(USER, PASSWORD),
    ] {
        check(&credentials);
    }

    let mut pair = Pair::new(Devices::OptIn, Mfa::Off);
    let record = pair.known_device();
    let text = format!("{record:?} {:?}", ThisDevice::from(Some(record.clone())));
    assert!(!text.contains(record.password.as_str()));

    pair.service.fault("ConfirmDevice", Fault::Refuse(ErrorCode::InternalError, "later"));
    let DeviceOutcome::Unconfirmed { device, .. } = pair.sign_in(None).done().device else {
        panic!("confirmed")
    };
    shows_nothing_of_the_record(&device);
}

fn shows_nothing_of_the_record(device: &UnconfirmedDevice) {
    let (record, _) = device.handle(Reply::Answered(b"{}")).unwrap();
    assert!(!format!("{device:?}").contains(record.password.as_str()));
}
