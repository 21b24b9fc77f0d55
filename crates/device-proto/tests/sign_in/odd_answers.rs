//! A service that breaks its protocol: the client says so, and makes no wrong proof or record.

use device_wire::ErrorCode;
use device_wire::enums::ChallengeNameType;
use serde_json::{Value, json};

use super::*;

fn answer(step: &str, answer: Value) -> Stop {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let record = pair.known_device();
    pair.service.fault(step, Fault::Answer(answer));
    let stop = pair.sign_in(Some(record));
    assert!(pair.discarded.is_empty());
    stop
}

fn verifier(change: impl FnOnce(&mut Value)) -> Value {
    let mut parameters = json!({
        "SALT": "ab", "SRP_B": "cd", "SECRET_BLOCK": "YWJj",
        "USERNAME": USER, "USER_ID_FOR_SRP": USER,
    });
    change(&mut parameters);
    parameters
}

#[test]
fn an_answer_of_another_shape_is_malformed() {
    for body in [
        json!(null),
        json!([]),
        json!("text"),
        json!({}),
        json!({"ChallengeName": null, "AuthenticationResult": null}),
        json!({"ChallengeName": 7}),
        json!({"AuthenticationResult": []}),
        json!({"AuthenticationResult": {}}),
        json!({"AuthenticationResult": {"AccessToken": ""}}),
        json!({"AuthenticationResult": {"AccessToken": "a.b.c", "ExpiresIn": "soon"}}),
        json!({"ChallengeName": "PASSWORD_VERIFIER"}),
        json!({"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": {"SALT": 7}}),
    ] {
        let error = answer("USER_SRP_AUTH", body.clone()).failed();
        assert!(matches!(error, Error::MalformedAnswer { .. }), "{body}: {error:?}");
    }
}

#[test]
fn a_proof_needs_all_of_its_parameters() {
    for step in ["USER_SRP_AUTH", "DEVICE_SRP_AUTH"] {
        let name =
            if step == "USER_SRP_AUTH" { "PASSWORD_VERIFIER" } else { "DEVICE_PASSWORD_VERIFIER" };
        for missing in ["SALT", "SRP_B", "SECRET_BLOCK"] {
            for value in [None, Some(json!(""))] {
                let parameters = verifier(|all| match value {
                    None => drop(all.as_object_mut().unwrap().remove(missing)),
                    Some(value) => all[missing] = value,
                });
                let error =
                    answer(step, json!({"ChallengeName": name, "ChallengeParameters": parameters}))
                        .failed();
                let Error::MalformedAnswer { problem, .. } = &error else { panic!("{error}") };
                assert!(problem.contains(missing), "{error}");
            }
        }
    }
}

#[test]
fn the_services_part_of_a_proof_is_checked() {
    let n = format!("0{}", "f".repeat(770));
    for (name, value) in [
        ("SRP_B", "0"),
        ("SRP_B", "000000"),
        ("SRP_B", "xyz"),
        ("SRP_B", "-1"),
        ("SRP_B", n.as_str()),
        ("SALT", "not hex"),
        ("SALT", n.as_str()),
    ] {
        let parameters = verifier(|all| all[name] = json!(value));
        let body = json!({"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": parameters});
        assert!(
            matches!(answer("USER_SRP_AUTH", body).failed(), Error::Proof(_)),
            "{name} {value}"
        );
    }
    let parameters = verifier(|all| all["SECRET_BLOCK"] = json!("!"));
    let body = json!({"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": parameters});
    assert!(matches!(answer("USER_SRP_AUTH", body).failed(), Error::MalformedAnswer { .. }));
}

#[test]
fn a_secret_block_is_read_in_either_alphabet() {
    for block in ["-_8=", "+/8=", "-_8", "6f1d2a3b-0c4d-4e5f-8a9b-1c2d3e4f5a6b"] {
        let mut pair = Pair::new(Devices::Always, Mfa::Off);
        let parameters = verifier(|all| all["SECRET_BLOCK"] = json!(block));
        let body = json!({"ChallengeName": "PASSWORD_VERIFIER", "ChallengeParameters": parameters});
        pair.service.fault("USER_SRP_AUTH", Fault::Answer(body));
        pair.service.fault("PASSWORD_VERIFIER", Fault::Refuse(ErrorCode::NotAuthorized, "no"));
        assert!(
            matches!(pair.sign_in(None).failed(), Error::Service(_)),
            "{block}: the proof went out"
        );
        let echoed = &pair.service.last("PASSWORD_VERIFIER")["ChallengeResponses"];
        assert_eq!(echoed["PASSWORD_CLAIM_SECRET_BLOCK"], block, "the block is returned unchanged");
    }
}

#[test]
fn a_challenge_of_another_time_or_kind_is_named() {
    let named =
        |name: &str| json!({"ChallengeName": name, "ChallengeParameters": {}, "Session": "s"});
    for (step, name) in [
        ("USER_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"),
        ("PASSWORD_VERIFIER", "PASSWORD_VERIFIER"),
        ("DEVICE_SRP_AUTH", "DEVICE_SRP_AUTH"),
        ("DEVICE_SRP_AUTH", "SMS_MFA"),
        ("DEVICE_PASSWORD_VERIFIER", "DEVICE_SRP_AUTH"),
        ("DEVICE_PASSWORD_VERIFIER", "DEVICE_PASSWORD_VERIFIER"),
    ] {
        let error = answer(step, named(name)).failed();
        assert_eq!(error, Error::UnexpectedChallenge(name.into()), "{step}");
    }
    for name in ["WEB_AUTHN", "RETINA_SCAN", "ADMIN_NO_SRP_AUTH", ""] {
        let error = answer("PASSWORD_VERIFIER", named(name)).failed();
        assert_eq!(error, Error::UnsupportedChallenge(name.into()));
        assert!(error.to_string().contains("choose another"), "what to do: {error}");
    }
    let tokens = json!({"AuthenticationResult": {"AccessToken": "a.b.c"}});
    assert!(matches!(answer("DEVICE_SRP_AUTH", tokens).failed(), Error::MalformedAnswer { .. }));
}

#[test]
fn no_device_is_proven_if_none_was_presented() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let challenge = pair.service.challenge("DEVICE_SRP_AUTH", json!({}));
    pair.service.fault("PASSWORD_VERIFIER", Fault::Answer(challenge));
    assert_eq!(
        pair.sign_in(None).failed(),
        Error::UnexpectedChallenge(ChallengeNameType::DeviceSrpAuth)
    );
}

#[test]
fn tokens_without_optional_members_are_accepted() {
    let tokens = json!({"ChallengeName": null, "ChallengeParameters": null, "AuthenticationResult":
        {"AccessToken": "opaque", "IdToken": null, "ExpiresIn": null, "NewDeviceMetadata": null,
         "Extra": 1.5}});
    let outcome = answer("PASSWORD_VERIFIER", tokens).done();
    assert_eq!((outcome.username.as_str(), outcome.tokens.refresh.is_none()), (USER, true));
    // The token names no device, which is no reason to discard this one.
    known(outcome);
}

#[test]
fn half_a_new_device_is_ignored() {
    for metadata in
        [json!({}), json!({"DeviceKey": "eu_1"}), json!({"DeviceKey": "", "DeviceGroupKey": "-g"})]
    {
        let mut pair = Pair::new(Devices::Always, Mfa::Off);
        let result = json!({"AccessToken": "opaque", "NewDeviceMetadata": metadata});
        pair.service
            .fault("PASSWORD_VERIFIER", Fault::Answer(json!({"AuthenticationResult": result})));
        assert!(matches!(pair.sign_in(None).done().device, DeviceOutcome::Untracked));
    }
}
