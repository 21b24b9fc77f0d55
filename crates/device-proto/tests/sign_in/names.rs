//! One user with several names, several users on one device, one user on several devices.

use device_proto::DeviceStatus;
use device_wire::ErrorCode;
use serde_json::json;

use super::*;
use service::{ALIAS, PHONE};

const UNKNOWN: Fault = Fault::Refuse(ErrorCode::ResourceNotFound, "Device does not exist.");

const ORDERS: [[&str; 3]; 6] = [
    [USER, ALIAS, PHONE],
    [USER, PHONE, ALIAS],
    [ALIAS, USER, PHONE],
    [ALIAS, PHONE, USER],
    [PHONE, USER, ALIAS],
    [PHONE, ALIAS, USER],
];

/// Signs in like a caller that stores records by internal name only. Returns the device's record,
/// and whether a code was asked for.
fn sign_in_as(pair: &mut Pair, name: &str) -> (DeviceRecord, bool) {
    let known = pair.kept.iter().find(|record| record.owner.username == name).cloned();
    let mut stop = pair.sign_in_with(Credentials::srp(name, PASSWORD), known);
    let asked = matches!(stop, Stop::Ask(_));
    if asked {
        stop = pair.give_code(stop);
    }
    let (DeviceOutcome::New { record, .. } | DeviceOutcome::Known(record)) = stop.done().device
    else {
        panic!("no device")
    };
    for discarded in pair.discarded.drain(..) {
        pair.kept.retain(|kept| *kept != discarded);
    }
    pair.kept.retain(|kept| kept.device_key != record.device_key);
    pair.kept.push(record.clone());
    (record, asked)
}

#[test]
fn one_device_serves_every_name_of_its_user() {
    for names in ORDERS {
        let mut pair = Pair::new(Devices::Always, Mfa::Suppressed).with_secret();
        let (first, asked) = sign_in_as(&mut pair, names[0]);
        assert!(asked, "{names:?}: a new device");
        for name in [names[1], names[2], names[0]] {
            let (again, asked) = sign_in_as(&mut pair, name);
            assert_eq!((again.device_key, asked), (first.device_key.clone(), false), "{name}");
        }
        assert_eq!(pair.service.tracked(), [first.device_key], "{names:?}");
    }
}

#[test]
fn the_record_is_asked_for_before_the_proof_goes_out() {
    let mut pair = Pair::new(Devices::Always, Mfa::Suppressed);
    let record = pair.known_device();
    pair.kept.push(record.clone());
    pair.lookups.clear();
    known(pair.sign_in_with(Credentials::srp(ALIAS, PASSWORD), None).done());
    assert_eq!(pair.lookups, [USER]);
    let sent = |step: &str, parameters: &str| {
        pair.service.last(step)[parameters]["DEVICE_KEY"].as_str().map(str::to_owned)
    };
    assert_eq!(sent("USER_SRP_AUTH", "AuthParameters"), None);
    assert_eq!(sent("PASSWORD_VERIFIER", "ChallengeResponses"), Some(record.device_key.clone()));

    pair.lookups.clear();
    known(pair.sign_in(Some(record)).done());
    assert!(pair.lookups.is_empty(), "the record was already presented");
}

#[test]
fn every_challenge_that_tells_the_name_asks_for_the_record() {
    let flows = [
        Credentials::srp(ALIAS, PASSWORD),
        Credentials::password(ALIAS, PASSWORD),
        Credentials::custom(ALIAS),
        Credentials::custom_after_srp(ALIAS, PASSWORD),
        Credentials::choose(ALIAS),
        Credentials::choose_srp(ALIAS, PASSWORD),
    ];
    for credentials in flows {
        let flow = format!("{credentials:?}");
        let mut pair = Pair::new(Devices::Always, Mfa::Suppressed);
        let record = pair.known_device();
        pair.kept.push(record.clone());
        pair.lookups.clear();
        let mut stop = pair.sign_in_with(credentials, None);
        let outcome = loop {
            let next = match stop {
                Stop::Ask(Challenge::Code(asked)) => asked.answer(CODE),
                Stop::Ask(Challenge::Custom(asked)) => asked.answer("4"),
                Stop::Ask(Challenge::SelectFactor(asked)) => {
                    asked.srp(PASSWORD, &mut StdRng::seed_from_u64(3))
                }
                other => break other.done(),
            };
            stop = pair.go_on(next);
        };
        assert_eq!(pair.lookups, [USER], "{flow}");
        assert_eq!(known(outcome), record, "{flow}");
    }
}

/// If no challenge precedes the tokens, the client does not learn the internal name in time.
#[test]
fn tokens_at_once_come_with_a_new_device() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let first = pair.known_device();
    pair.kept.push(first.clone());
    pair.lookups.clear();
    let outcome = pair.sign_in_with(Credentials::password(ALIAS, PASSWORD), None).done();
    let DeviceOutcome::New { record, .. } = outcome.device else { panic!("{outcome:?}") };
    assert_eq!(record.owner, first.owner);
    assert!(pair.lookups.is_empty() && pair.discarded.is_empty(), "the first device stays valid");
    known(pair.sign_in(Some(first)).done());
}

#[test]
fn a_name_of_another_user_is_corrected() {
    let mut pair = Pair::new(Devices::Always, Mfa::Suppressed);
    let record = pair.known_device();
    pair.kept.push(record.clone());
    let mut of_bob = record.clone();
    of_bob.owner.username = "bob".to_owned();
    of_bob.device_key = "eu-west-1_b0b".to_owned();
    pair.lookups.clear();
    let outcome = pair.sign_in_with(Credentials::srp(ALIAS, PASSWORD), Some(of_bob)).done();
    assert_eq!(known(outcome), record);
    assert_eq!(pair.lookups, [USER]);
    assert!(pair.discarded.is_empty(), "Bob's record is not discarded");
}

#[test]
fn a_record_of_another_owner_is_ignored() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let mut record = pair.known_device();
    record.owner.username = "bob".to_owned();
    let credentials = Credentials::srp(ALIAS, PASSWORD);
    let (sign_in, request) = SignIn::start(&pair.config, credentials, None, &mut pair.rng);
    let Ok(Step::Find(lookup)) = pair.exchange(sign_in, &request) else { panic!("no lookup") };
    let Step::Send(_, request) = lookup.found(Some(record)) else { panic!("not sent") };
    let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body["ChallengeResponses"].get("DEVICE_KEY"), None);
}

#[test]
fn a_device_that_is_refused_is_not_asked_for_again() {
    let steps = [
        ("PASSWORD_VERIFIER", UNKNOWN),
        (
            "DEVICE_PASSWORD_VERIFIER",
            Fault::Refuse(ErrorCode::NotAuthorized, "Incorrect username or password."),
        ),
    ];
    for (step, fault) in steps {
        let mut pair = Pair::new(Devices::Always, Mfa::Off);
        let record = pair.known_device();
        // The caller fails to delete it.
        pair.kept.push(record.clone());
        pair.lookups.clear();
        pair.service.fault(step, fault);
        let outcome = pair.sign_in_with(Credentials::srp(ALIAS, PASSWORD), None).done();
        let DeviceOutcome::New { record: new, .. } = outcome.device else { panic!("{outcome:?}") };
        assert_ne!(new.device_key, record.device_key);
        assert_eq!((pair.discarded.as_slice(), pair.lookups.len()), ([record].as_slice(), 1));
    }
}

#[test]
fn a_device_refused_at_the_beginning_is_not_asked_for() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let record = pair.known_device();
    pair.kept.push(record.clone());
    pair.lookups.clear();
    pair.service.fault("USER_SRP_AUTH", UNKNOWN);
    pair.sign_in(Some(record.clone())).done();
    assert!(pair.lookups.is_empty(), "the service has said that the device is unknown");
    assert_eq!(pair.discarded, [record]);
}

#[test]
fn another_users_refused_device_leaves_the_lookup() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let record = pair.known_device();
    pair.kept.push(record.clone());
    let mut of_bob = record.clone();
    of_bob.owner.username = "bob".to_owned();
    pair.lookups.clear();
    pair.service.fault("USER_SRP_AUTH", UNKNOWN);
    let outcome = pair.sign_in_with(Credentials::srp(ALIAS, PASSWORD), Some(of_bob)).done();
    assert_eq!(known(outcome), record);
    assert!(pair.discarded.is_empty());
}

#[test]
fn a_service_with_another_name_in_challenges_loses_nothing() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let mut record = pair.known_device();
    record.owner.username = "0-1".to_owned();
    let result = json!({ "AccessToken": format!("a.{}.c", claims(&record)) });
    pair.service.fault(
        "DEVICE_PASSWORD_VERIFIER",
        Fault::Answer(json!({ "AuthenticationResult": result })),
    );
    record.status = DeviceStatus::Remembered;
    assert_eq!(known(pair.sign_in(Some(record.clone())).done()), record);
}

fn claims(record: &DeviceRecord) -> String {
    use base64::Engine as _;
    let claims = json!({ "username": record.owner.username, "device_key": record.device_key });
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string())
}

#[test]
fn one_user_on_two_devices_has_two() {
    let mut pair = Pair::new(Devices::Always, Mfa::Suppressed);
    let (first, _) = sign_in_as(&mut pair, ALIAS);
    let of_the_first = std::mem::take(&mut pair.kept);
    let (second, asked) = sign_in_as(&mut pair, PHONE);
    assert!(asked, "a new device");
    let of_the_second = std::mem::replace(&mut pair.kept, of_the_first);
    for name in [USER, PHONE] {
        assert_eq!(sign_in_as(&mut pair, name), (first.clone(), false), "{name}");
    }
    pair.kept = of_the_second;
    for name in [USER, ALIAS] {
        assert_eq!(sign_in_as(&mut pair, name), (second.clone(), false), "{name}");
    }
}
