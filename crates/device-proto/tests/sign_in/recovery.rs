//! Recovery: the service does not accept the device, or an answer is lost.

use device_proto::{Consent, Repeat, Reply};
use device_wire::ErrorCode;

use super::*;

const UNKNOWN: Fault = Fault::Refuse(ErrorCode::ResourceNotFound, "Device does not exist.");

/// Signs in on a remembered device while the step has that fault. Answers every request for a code.
fn sign_in_with_fault(mfa: Mfa, step: &str, fault: Fault) -> (Pair, Stop) {
    let mut pair = Pair::new(Devices::Always, mfa).with_secret();
    let record = pair.known_device();
    pair.service.fault(step, fault);
    let mut stop = pair.sign_in(Some(record));
    while matches!(&stop, Stop::Ask(Challenge::Code(_))) {
        stop = pair.give_code(stop);
    }
    (pair, stop)
}

/// Asserts that the device was discarded once and a new one took its place.
fn replaced(mut pair: Pair, stop: Stop, steps: &[&str]) {
    let outcome = stop.done();
    let DeviceOutcome::New { record, .. } = outcome.device else { panic!("{outcome:?}") };
    assert_eq!(pair.discarded.len(), 1);
    assert_ne!(record.device_key, pair.discarded[0].device_key);
    assert_eq!(pair.service.take_steps(), steps);
}

#[test]
fn a_device_unknown_at_the_password_is_left_out() {
    let (pair, stop) = sign_in_with_fault(Mfa::Suppressed, "PASSWORD_VERIFIER", UNKNOWN);
    let answers: Vec<_> =
        pair.service.log.iter().filter(|(step, _)| step == "PASSWORD_VERIFIER").collect();
    let [first, second] = answers[..] else { panic!("{} answers", answers.len()) };
    let (first, second) = (&first.1["ChallengeResponses"], &second.1["ChallengeResponses"]);
    assert!(first["DEVICE_KEY"].is_string() && second.get("DEVICE_KEY").is_none());
    for same in
        ["PASSWORD_CLAIM_SECRET_BLOCK", "PASSWORD_CLAIM_SIGNATURE", "TIMESTAMP", "SECRET_HASH"]
    {
        assert_eq!(first[same], second[same], "{same}");
    }
    replaced(
        pair,
        stop,
        &[
            "USER_SRP_AUTH",
            "PASSWORD_VERIFIER",
            "PASSWORD_VERIFIER",
            "SOFTWARE_TOKEN_MFA",
            "ConfirmDevice",
        ],
    );
}

#[test]
fn a_device_that_was_forgotten_elsewhere_is_replaced() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let record = pair.known_device();
    pair.service.forget_devices();
    let stop = pair.sign_in(Some(record));
    replaced(
        pair,
        stop,
        &["USER_SRP_AUTH", "PASSWORD_VERIFIER", "PASSWORD_VERIFIER", "ConfirmDevice"],
    );
}

#[test]
fn a_device_unknown_at_the_start_starts_it_again() {
    let (mut pair, stop) = sign_in_with_fault(Mfa::Suppressed, "USER_SRP_AUTH", UNKNOWN);
    let outcome = stop.done();
    assert!(matches!(outcome.device, DeviceOutcome::New { .. }), "{outcome:?}");
    assert_eq!(
        pair.service.take_steps(),
        [
            "USER_SRP_AUTH",
            "USER_SRP_AUTH",
            "PASSWORD_VERIFIER",
            "SOFTWARE_TOKEN_MFA",
            "ConfirmDevice"
        ]
    );
    assert_eq!(pair.discarded.len(), 1, "the device is discarded once its user has signed in");
}

#[test]
fn a_device_is_discarded_only_once_its_user_has_signed_in() {
    for (owner, discarded) in [(USER, 1), ("bob", 0)] {
        let mut pair = Pair::new(Devices::Always, Mfa::Off);
        let mut record = pair.known_device();
        record.owner.username = owner.to_owned();
        pair.service.forget_devices();
        pair.service.fault("USER_PASSWORD_AUTH", UNKNOWN);
        pair.service.fault(
            "USER_PASSWORD_AUTH",
            Fault::Refuse(ErrorCode::NotAuthorized, "Incorrect username or password."),
        );
        let credentials = || Credentials::password(USER, PASSWORD);
        pair.sign_in_with(credentials(), Some(record.clone())).failed();
        assert!(
            pair.discarded.is_empty(),
            "a failed sign-in discards no device, since anyone can type a name"
        );
        let outcome = pair.sign_in_with(credentials(), Some(record)).done();
        assert!(matches!(outcome.device, DeviceOutcome::New { .. }), "{outcome:?}");
        assert_eq!(pair.discarded.len(), discarded, "{owner}");
    }
}

#[test]
fn a_device_unknown_at_the_code_is_left_out() {
    let (pair, stop) = sign_in_with_fault(Mfa::Asked, "SOFTWARE_TOKEN_MFA", UNKNOWN);
    replaced(
        pair,
        stop,
        &[
            "USER_SRP_AUTH",
            "PASSWORD_VERIFIER",
            "SOFTWARE_TOKEN_MFA",
            "SOFTWARE_TOKEN_MFA",
            "ConfirmDevice",
        ],
    );
}

#[test]
fn a_refused_device_step_starts_the_sign_in_again() {
    let rejected = || Fault::Refuse(ErrorCode::NotAuthorized, "Incorrect username or password.");
    let again = ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA", "ConfirmDevice"];
    let lost = Fault::Refuse(ErrorCode::NotAuthorized, "Invalid session for the user.");
    for fault in [UNKNOWN, rejected(), lost] {
        let (pair, stop) = sign_in_with_fault(Mfa::Suppressed, "DEVICE_SRP_AUTH", fault);
        let steps =
            [&["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH"], &again[..]].concat();
        replaced(pair, stop, &steps);
    }
    for fault in [UNKNOWN, rejected()] {
        let (pair, stop) = sign_in_with_fault(Mfa::Suppressed, "DEVICE_PASSWORD_VERIFIER", fault);
        let first =
            ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"];
        replaced(pair, stop, &[&first, &again[..]].concat());
    }
}

#[test]
fn a_device_secret_that_no_longer_fits_is_replaced() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let mut record = pair.known_device();
    record.password = "another".into();
    let stop = pair.sign_in(Some(record));
    let first =
        ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"];
    let again = ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "ConfirmDevice"];
    replaced(pair, stop, &[&first, &again[..]].concat());
}

/// A name can be reassigned to another user, and names that differ only in case can belong to two
/// users.
#[test]
fn another_users_device_is_set_aside_and_not_discarded() {
    let rejected = || Fault::Refuse(ErrorCode::NotAuthorized, "Incorrect username or password.");
    for (step, fault) in [("PASSWORD_VERIFIER", UNKNOWN), ("DEVICE_PASSWORD_VERIFIER", rejected())]
    {
        let mut pair = Pair::new(Devices::Always, Mfa::Off);
        let mut record = pair.known_device();
        record.owner.username = "Ada".into();
        pair.service.fault(step, fault);
        let outcome = pair.sign_in(Some(record)).done();
        let DeviceOutcome::New { record, .. } = outcome.device else { panic!("{outcome:?}") };
        assert_eq!(record.owner.username, USER);
        assert!(pair.discarded.is_empty(), "{step}");
    }
}

#[test]
fn tokens_of_one_user_leave_the_record_of_another_alone() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let mut record = pair.known_device();
    record.owner.username = "Ada".into();
    let outcome = pair.sign_in(Some(record)).done();
    assert!(matches!(outcome.device, DeviceOutcome::Untracked), "{outcome:?}");
}

#[test]
fn it_starts_again_with_the_new_password() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let record = pair.known_device();
    pair.service.temporary = true;
    pair.service.fault("DEVICE_SRP_AUTH", UNKNOWN);
    let stop = pair.sign_in_with(Credentials::password(USER, PASSWORD), Some(record));
    let Challenge::NewPassword(asked) = stop.challenge() else { panic!("another challenge") };
    let _ = pair.go_on(asked.answer("another password"));
    assert_eq!(
        pair.service.last("USER_PASSWORD_AUTH")["AuthParameters"]["PASSWORD"],
        "another password"
    );
}

#[test]
fn a_second_refusal_is_an_error() {
    for step in ["USER_SRP_AUTH", "PASSWORD_VERIFIER"] {
        let mut pair = Pair::new(Devices::Always, Mfa::Off);
        let record = pair.known_device();
        pair.service.fault(step, UNKNOWN);
        pair.service.fault(step, UNKNOWN);
        let error = pair.sign_in(Some(record)).failed();
        assert!(error.as_service_error().unwrap().is_unknown_device(), "{step}");
        assert_eq!(pair.discarded.len(), usize::from(step == "PASSWORD_VERIFIER"), "{step}");
    }
}

#[test]
fn nothing_else_drops_a_device() {
    for (step, code, message) in [
        ("USER_SRP_AUTH", ErrorCode::NotAuthorized, "Incorrect username or password."),
        ("PASSWORD_VERIFIER", ErrorCode::NotAuthorized, "Incorrect username or password."),
        (
            "PASSWORD_VERIFIER",
            ErrorCode::ResourceNotFound,
            "User pool client client-id does not exist.",
        ),
        ("PASSWORD_VERIFIER", ErrorCode::TooManyRequests, "Rate exceeded"),
        ("DEVICE_SRP_AUTH", ErrorCode::InternalError, "Something went wrong"),
        (
            "DEVICE_SRP_AUTH",
            ErrorCode::NotAuthorized,
            "Invalid session for the user, session is expired.",
        ),
        (
            "DEVICE_PASSWORD_VERIFIER",
            ErrorCode::NotAuthorized,
            "Invalid session for the user, session can only be used once.",
        ),
        ("DEVICE_PASSWORD_VERIFIER", ErrorCode::TooManyRequests, "Rate exceeded"),
        ("DEVICE_PASSWORD_VERIFIER", ErrorCode::NotAuthorized, "Password attempts exceeded"),
        ("DEVICE_PASSWORD_VERIFIER", ErrorCode::NotAuthorized, "User is disabled."),
    ] {
        let (pair, stop) =
            sign_in_with_fault(Mfa::Suppressed, step, Fault::Refuse(code.clone(), message));
        assert_eq!(stop.failed().as_service_error().unwrap().code(), &code, "{step}");
        assert!(pair.discarded.is_empty(), "{step}");
    }
}

#[test]
fn a_lost_answer_ends_the_sign_in_and_leaves_the_device() {
    for step in
        ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"]
    {
        let (pair, stop) = sign_in_with_fault(Mfa::Suppressed, step, Fault::Lose);
        assert!(matches!(stop.failed(), Error::NoAnswer(_)), "{step}");
        assert!(pair.discarded.is_empty(), "{step}");
    }
    let (pair, stop) = sign_in_with_fault(Mfa::Asked, "SOFTWARE_TOKEN_MFA", Fault::Lose);
    assert!(matches!(stop.failed(), Error::NoAnswer(_)));
    assert!(pair.discarded.is_empty());
}

#[test]
fn a_sign_in_succeeds_and_confirming_is_retried() {
    for fault in
        [Fault::Refuse(ErrorCode::InvalidParameter, "Invalid device key given."), Fault::Lose]
    {
        let served = matches!(fault, Fault::Lose);
        let mut pair = Pair::new(Devices::OptIn, Mfa::Off);
        pair.service.fault("ConfirmDevice", fault);
        let outcome = pair.sign_in(None).done();
        let DeviceOutcome::Unconfirmed { device, error } = &outcome.device else {
            panic!("{outcome:?}")
        };
        assert_eq!(matches!(error, Error::NoAnswer(_)), served);

        // If the first request arrived, this one finds the device confirmed.
        let request = device.request(&outcome.tokens.access);
        assert_eq!(request.repeat(), Repeat::Always);
        let answer = pair.service.serve(request.operation(), request.body());
        assert_eq!(answer.is_err(), served);
        let reply = match &answer {
            Ok(body) => Reply::Answered(body),
            Err(error) => Reply::Refused(error.clone().unwrap()),
        };
        let (record, consent) = device.handle(reply).unwrap();
        assert_eq!(consent, Consent::Needed);
        known(pair.sign_in(Some(record)).done());
    }
}
