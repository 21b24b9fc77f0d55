//! Sign-in flows, from a new device to one that stands in for the second factor.

use device_proto::{CodeSource, DeviceStatus, RememberChoice, RememberPrompt, Repeat};
use device_wire::ErrorCode;
use device_wire::enums::ChallengeNameType;
use device_wire::shapes::UserContextDataType;
use serde_json::{Value, json};

use super::*;
use service::ALIAS;

/// The device key of every request so far, if it has one.
fn keys(pair: &Pair) -> Vec<Option<&str>> {
    pair.service
        .log
        .iter()
        .map(|(_, body)| {
            body["AuthParameters"]["DEVICE_KEY"]
                .as_str()
                .or(body["ChallengeResponses"]["DEVICE_KEY"].as_str())
        })
        .collect()
}

#[test]
fn a_pool_that_remembers_all_remembers_a_new_device() {
    let mut pair = Pair::new(Devices::Always, Mfa::Suppressed);
    let stop = pair.sign_in(ThisDevice::new().named("device"));
    let stop = pair.give_code(stop);
    let outcome = stop.done();
    assert_eq!(pair.service.last("ConfirmDevice")["DeviceName"], "device");
    assert_eq!(
        pair.service.take_steps(),
        ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA", "ConfirmDevice"]
    );
    assert_eq!(outcome.username, USER);
    let DeviceOutcome::New { record, prompt: RememberPrompt::Settled } = outcome.device else {
        panic!("{outcome:?}")
    };
    assert_eq!((record.status, record.name.as_deref()), (DeviceStatus::Remembered, Some("device")));
    assert_eq!(record.owner.username, USER);
}

#[test]
fn an_opt_in_pool_asks_the_user() {
    let mut pair = Pair::new(Devices::OptIn, Mfa::Off);
    let outcome = pair.sign_in(None).done();
    let DeviceOutcome::New { record, prompt: RememberPrompt::Ask } = outcome.device else {
        panic!("{outcome:?}")
    };
    assert_eq!(record.status, DeviceStatus::NotRemembered);
    assert_eq!(pair.service.take_steps(), ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "ConfirmDevice"]);
}

#[test]
fn an_early_choice_is_carried_out() {
    for (choice, status, last) in [
        (RememberChoice::Remember, DeviceStatus::Remembered, "UpdateDeviceStatus"),
        (RememberChoice::DoNotRemember, DeviceStatus::NotRemembered, "ConfirmDevice"),
    ] {
        let mut pair = Pair::new(Devices::OptIn, Mfa::Off);
        let outcome = pair.sign_in(ThisDevice::new().remember(choice)).done();
        let DeviceOutcome::New { record, prompt: RememberPrompt::Settled } = outcome.device else {
            panic!("{outcome:?}")
        };
        assert_eq!(record.status, status);
        assert_eq!(pair.service.take_steps().last().unwrap(), last);
    }
}

#[test]
fn a_choice_that_failed_leaves_the_device_tracked() {
    let mut pair = Pair::new(Devices::OptIn, Mfa::Off);
    pair.service.fault("UpdateDeviceStatus", Fault::Lose);
    let outcome = pair.sign_in(ThisDevice::new().remember(RememberChoice::Remember)).done();
    let DeviceOutcome::New { record, prompt: RememberPrompt::Failed(_) } = outcome.device else {
        panic!("{outcome:?}")
    };
    assert_eq!(record.status, DeviceStatus::NotRemembered);
}

#[test]
fn a_tracked_device_keeps_its_key_and_gets_no_other() {
    let mut pair = Pair::new(Devices::OptIn, Mfa::Suppressed).with_secret();
    let record = pair.known_device();
    let stop = pair.sign_in(Some(record.clone()));
    let outcome = pair.give_code(stop).done();
    let claim = &pair.service.last("PASSWORD_VERIFIER")["ChallengeResponses"];
    assert_eq!(claim["TIMESTAMP"], "Mon Feb 10 18:30:12 UTC 2025");
    assert_eq!(keys(&pair), [Some(record.device_key.as_str()); 3]);
    assert_eq!(known(outcome), record);
    assert_eq!(
        pair.service.take_steps(),
        ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "SOFTWARE_TOKEN_MFA"]
    );
}

#[test]
fn a_remembered_device_stands_in_for_the_second_factor() {
    let mut pair = Pair::new(Devices::OptIn, Mfa::Suppressed).with_secret();
    let record = pair.remembered_device();
    let outcome = pair.sign_in(Some(record.clone())).done();
    assert_eq!(keys(&pair), [Some(record.device_key.as_str()); 4]);
    assert_eq!(known(outcome), record);
    assert_eq!(
        pair.service.take_steps(),
        ["USER_SRP_AUTH", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"]
    );
}

#[test]
fn the_code_comes_first_if_the_device_does_not_replace_it() {
    let mut pair = Pair::new(Devices::Always, Mfa::Asked).with_secret();
    let record = pair.known_device();
    let stop = pair.sign_in(Some(record.clone()));
    let outcome = pair.give_code(stop).done();
    assert_eq!(keys(&pair), [Some(record.device_key.as_str()); 5]);
    assert_eq!(known(outcome), record);
    assert_eq!(
        pair.service.take_steps(),
        [
            "USER_SRP_AUTH",
            "PASSWORD_VERIFIER",
            "SOFTWARE_TOKEN_MFA",
            "DEVICE_SRP_AUTH",
            "DEVICE_PASSWORD_VERIFIER"
        ]
    );
}

#[test]
fn the_record_shows_what_the_service_did() {
    let mut pair = Pair::new(Devices::OptIn, Mfa::Off);
    let mut record = pair.known_device();
    record.status = DeviceStatus::Remembered;
    let outcome = pair.sign_in(Some(record)).done();
    assert_eq!(known(outcome).status, DeviceStatus::NotRemembered);

    let mut record = pair.remembered_device();
    record.status = DeviceStatus::NotRemembered;
    let outcome = pair.sign_in(Some(record)).done();
    assert_eq!(known(outcome).status, DeviceStatus::Remembered);
}

#[test]
fn a_pool_that_tracks_nothing_leaves_the_record_alone() {
    let mut pair = Pair::new(Devices::OptIn, Mfa::Off);
    let record = pair.known_device();
    pair.service.devices = Devices::Off;
    assert!(matches!(pair.sign_in(Some(record)).done().device, DeviceOutcome::Untracked));
    assert!(matches!(pair.sign_in(None).done().device, DeviceOutcome::Untracked));
    assert!(pair.discarded.is_empty());
}

#[test]
fn a_typed_alias_ends_under_the_internal_name() {
    let mut pair = Pair::new(Devices::OptIn, Mfa::Suppressed).with_secret();
    let stop = pair.sign_in_with(Credentials::srp(ALIAS, PASSWORD), None);
    assert_eq!(pair.service.last("USER_SRP_AUTH")["AuthParameters"]["USERNAME"], ALIAS);
    let outcome = pair.give_code(stop).done();
    assert_eq!(pair.service.last("PASSWORD_VERIFIER")["ChallengeResponses"]["USERNAME"], USER);
    assert_eq!(outcome.username, USER);
    let DeviceOutcome::New { record, .. } = outcome.device else { panic!("{outcome:?}") };
    assert_eq!(record.owner.username, USER);
}

#[test]
fn the_session_is_returned_unchanged() {
    let mut pair = Pair::new(Devices::Always, Mfa::Asked);
    let record = pair.known_device();
    let stop = pair.sign_in(Some(record.clone()));
    pair.give_code(stop).done();
    assert!(pair.service.last("PASSWORD_VERIFIER")["Session"].is_null());
    for step in ["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"] {
        assert!(pair.service.last(step)["Session"].is_string(), "{step}");
    }

    pair.service.sessionless = true;
    let stop = pair.sign_in(Some(record));
    pair.give_code(stop).done();
    for step in ["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"] {
        assert!(pair.service.last(step)["Session"].is_null(), "{step}");
    }
}

#[test]
fn a_mistyped_code_is_asked_for_again() {
    let mut pair = Pair::new(Devices::Off, Mfa::Asked);
    let asked = pair.sign_in(None).code();
    assert_eq!(asked.prompt().source, CodeSource::Authenticator);
    assert_eq!(asked.prompt().authenticator_name.as_deref(), Some("authenticator"));
    assert!(asked.rejection().is_none());
    let stop = pair.go_on(asked.answer("000000"));
    let asked = stop.code();
    assert_eq!(asked.rejection().map(|error| error.code()), Some(&ErrorCode::CodeMismatch));
    pair.go_on(asked.answer(" 123 456 ")).done();
}

#[test]
fn a_code_refused_permanently_ends_the_sign_in() {
    let mut pair = Pair::new(Devices::Off, Mfa::Asked);
    let asked = pair.sign_in(None).code();
    pair.service.fault(
        "SOFTWARE_TOKEN_MFA",
        Fault::Refuse(ErrorCode::NotAuthorized, "Invalid session for the user."),
    );
    assert!(matches!(pair.go_on(asked.answer(CODE)).failed(), Error::Service(_)));
}

#[test]
fn a_sent_password_confirms_a_device_too() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let outcome = pair.sign_in_with(Credentials::password(ALIAS, PASSWORD), None).done();
    let DeviceOutcome::New { record, .. } = outcome.device else { panic!("{outcome:?}") };
    assert_eq!(pair.service.take_steps(), ["USER_PASSWORD_AUTH", "ConfirmDevice"]);
    known(pair.sign_in_with(Credentials::password(ALIAS, PASSWORD), Some(record)).done());
}

#[test]
fn custom_auth_can_end_in_the_device_without_a_proof() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let record = pair.known_device();
    let Challenge::Custom(asked) =
        pair.sign_in_with(Credentials::custom(ALIAS), Some(record)).challenge()
    else {
        panic!("another challenge")
    };
    assert_eq!(asked.prompt().parameters["riddle"], "2 + 2");
    known(pair.go_on(asked.answer("4")).done());
    assert_eq!(
        pair.service.take_steps(),
        ["CUSTOM_AUTH", "CUSTOM_CHALLENGE", "DEVICE_SRP_AUTH", "DEVICE_PASSWORD_VERIFIER"]
    );
}

#[test]
fn custom_auth_can_begin_with_a_proof() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let riddle = pair.service.challenge("CUSTOM_CHALLENGE", json!({"USERNAME": USER}));
    pair.service.fault("PASSWORD_VERIFIER", Fault::Answer(riddle));
    let stop = pair.sign_in_with(Credentials::custom_after_srp(ALIAS, PASSWORD), None);
    let Challenge::Custom(asked) = stop.challenge() else { panic!("another challenge") };
    pair.go_on(asked.answer("4")).done();
    assert_eq!(
        pair.service.take_steps()[..3],
        ["CUSTOM_AUTH", "PASSWORD_VERIFIER", "CUSTOM_CHALLENGE"]
    );
}

#[test]
fn the_start_of_a_proof_may_be_sent_twice() {
    let Pair { config, mut rng, .. } = Pair::new(Devices::Off, Mfa::Off);
    let mut repeat = |credentials| SignIn::start(&config, credentials, None, &mut rng).1.repeat();
    assert_eq!(repeat(Credentials::srp(USER, PASSWORD)), Repeat::Always);
    assert_eq!(repeat(Credentials::choose_srp(USER, PASSWORD)), Repeat::Always);
    assert_eq!(repeat(Credentials::custom_after_srp(USER, PASSWORD)), Repeat::IfUnsent);
}

#[test]
fn a_first_factor_is_chosen() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let record = pair.known_device();
    let ask = |pair: &mut Pair| match pair
        .sign_in_with(Credentials::choose(USER), Some(record.clone()))
        .challenge()
    {
        Challenge::SelectFactor(asked) => asked,
        other => panic!("{other:?}"),
    };

    let asked = ask(&mut pair);
    assert_eq!(asked.prompt().options.len(), 3);
    let next = asked.srp(PASSWORD, &mut StdRng::seed_from_u64(3));
    known(pair.go_on(next).done());

    let asked = ask(&mut pair);
    known(pair.go_on(asked.password(PASSWORD)).done());

    let asked = ask(&mut pair);
    let asked = pair.go_on(asked.email_code()).code();
    assert_eq!(asked.prompt().source, CodeSource::Email);
    assert_eq!(asked.prompt().destination.as_deref(), Some("a***@e***"));
    known(pair.go_on(asked.answer(CODE)).done());

    let (_, request) = ask(&mut pair).sms_code();
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    assert_eq!(body["ChallengeResponses"]["ANSWER"], "SMS_OTP");
}

#[test]
fn a_temporary_password_is_replaced() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    pair.service.temporary = true;
    let Challenge::NewPassword(asked) = pair.sign_in(None).challenge() else {
        panic!("another challenge")
    };
    assert_eq!(asked.prompt().required, ["nickname"]);
    assert_eq!(
        asked.prompt().attributes.iter().collect::<Vec<_>>(),
        [(&"email".into(), &"ada@example.com".into())]
    );
    let Challenge::NewPassword(asked) = pair.go_on(asked.answer("weak")).challenge() else {
        panic!("accepted")
    };
    assert_eq!(asked.rejection().map(|error| error.code()), Some(&ErrorCode::InvalidPassword));
    pair.go_on(asked.answer_with_attributes("strong", [("nickname", "countess")])).done();
    let responses = &pair.service.last("NEW_PASSWORD_REQUIRED")["ChallengeResponses"];
    assert_eq!(responses["userAttributes.nickname"], "countess");
}

#[test]
fn a_second_factor_is_chosen() {
    let mut pair = Pair::new(Devices::Off, Mfa::Off);
    let select = pair.service.challenge(
        "SELECT_MFA_TYPE",
        json!({"MFAS_CAN_CHOOSE": "[\"SMS_MFA\",\"SOFTWARE_TOKEN_MFA\"]"}),
    );
    pair.service.fault("PASSWORD_VERIFIER", Fault::Answer(select));
    let Challenge::SelectMfa(asked) = pair.sign_in(None).challenge() else {
        panic!("another challenge")
    };
    assert_eq!(
        asked.prompt().options,
        [ChallengeNameType::SmsMfa, ChallengeNameType::SoftwareTokenMfa]
    );
    let stop = pair.go_on(asked.choose(&ChallengeNameType::SoftwareTokenMfa));
    pair.give_code(stop).done();
}

#[test]
fn a_second_factor_is_set_up_on_the_way() {
    let mut pair = Pair::new(Devices::Off, Mfa::Off);
    let setup =
        pair.service.challenge("MFA_SETUP", json!({"MFAS_CAN_SETUP": "[\"SOFTWARE_TOKEN_MFA\"]"}));
    pair.service.fault("PASSWORD_VERIFIER", Fault::Answer(setup));
    let Challenge::MfaSetup(asked) = pair.sign_in(None).challenge() else {
        panic!("another challenge")
    };
    assert_eq!(asked.prompt().options, [ChallengeNameType::SoftwareTokenMfa]);
    let Challenge::AuthenticatorSetup(asked) = pair.go_on(asked.authenticator()).challenge() else {
        panic!("no secret")
    };
    assert_eq!(
        asked.otpauth_uri("A & B").as_str(),
        "otpauth://totp/A%20%26%20B:ada?secret=JBSWY3DPEHPK3PXP&issuer=A%20%26%20B"
    );
    let Challenge::AuthenticatorSetup(asked) = pair.go_on(asked.verify("000000", None)).challenge()
    else {
        panic!("accepted")
    };
    assert!(asked.rejection().is_some());
    pair.go_on(asked.verify(CODE, Some("authenticator"))).done();
    assert_eq!(pair.service.last("VerifySoftwareToken")["FriendlyDeviceName"], "authenticator");
    assert_eq!(pair.service.take_steps().last().unwrap(), "MFA_SETUP");
}

#[test]
fn codes_by_e_mail_are_set_up_on_the_way() {
    let mut pair = Pair::new(Devices::Off, Mfa::Off);
    let setup = pair
        .service
        .challenge("MFA_SETUP", json!({"MFAS_CAN_SETUP": "[\"SMS_MFA\",\"EMAIL_OTP\"]"}));
    pair.service.fault("PASSWORD_VERIFIER", Fault::Answer(setup));
    let Challenge::MfaSetup(asked) = pair.sign_in(None).challenge() else {
        panic!("another challenge")
    };
    let Challenge::MfaSetup(asked) = pair.go_on(asked.email("ada")).challenge() else {
        panic!("accepted")
    };
    assert_eq!(asked.rejection().map(|error| error.code()), Some(&ErrorCode::InvalidParameter));
    let asked = pair.go_on(asked.email("ada@example.com")).code();
    assert_eq!(asked.prompt().source, CodeSource::Email);
    pair.go_on(asked.answer(CODE)).done();
}

#[test]
fn a_factor_that_cannot_be_set_up_here_says_what_to_do() {
    let mut pair = Pair::new(Devices::Off, Mfa::Off);
    let setup = pair.service.challenge("MFA_SETUP", json!({"MFAS_CAN_SETUP": "[\"SMS_MFA\"]"}));
    pair.service.fault("PASSWORD_VERIFIER", Fault::Answer(setup));
    let error = pair.sign_in(None).failed();
    assert_eq!(error, Error::UnsupportedChallenge(ChallengeNameType::MfaSetup));
    assert!(error.to_string().contains("give the user a phone number"), "{error}");
}

/// The members that accompany the parameters of a step.
fn accompanying(pair: &Pair, step: &str) -> [Value; 3] {
    let body = pair.service.last(step);
    ["ClientMetadata", "AnalyticsMetadata", "UserContextData"].map(|name| body[name].clone())
}

#[test]
fn client_metadata_accompanies_every_step() {
    let mut pair = Pair::new(Devices::Off, Mfa::Asked);
    let _ = pair.sign_in(None).code();
    assert_eq!(
        accompanying(&pair, "USER_SRP_AUTH"),
        [Value::Null, Value::Null, Value::Null],
        "by default there is no metadata"
    );

    pair.config = pair
        .config
        .with_client_metadata([("app", "mail"), ("captcha", "none")])
        .with_analytics_endpoint_id("e1");
    let context = UserContextDataType { encoded_data: Some("print".into()), ip_address: None };
    let credentials = Credentials::srp(USER, PASSWORD)
        .with_client_metadata([("captcha", "solvedhush")])
        .with_user_context(context);
    let asked = pair.sign_in_with(credentials, None).code();
    let (analytics, context) =
        (json!({"AnalyticsEndpointId": "e1"}), json!({"EncodedData": "print"}));
    let told = json!({"app": "mail", "captcha": "solvedhush"});
    for step in ["USER_SRP_AUTH", "PASSWORD_VERIFIER"] {
        assert_eq!(
            accompanying(&pair, step),
            [told.clone(), analytics.clone(), context.clone()],
            "{step}"
        );
    }
    pair.go_on(asked.with_client_metadata([("captcha", "again")]).answer(CODE)).done();
    let told = json!({"app": "mail", "captcha": "again"});
    assert_eq!(accompanying(&pair, "SOFTWARE_TOKEN_MFA"), [told, analytics, context]);
}

#[test]
fn a_sign_in_that_starts_again_sends_the_same() {
    let mut pair = Pair::new(Devices::Always, Mfa::Off);
    let record = pair.known_device();
    pair.service.forget_devices();
    let credentials = Credentials::choose(USER).with_client_metadata([("captcha", "solvedhush")]);
    let Challenge::SelectFactor(asked) = pair.sign_in_with(credentials, Some(record)).challenge()
    else {
        panic!("another challenge")
    };
    let next = asked.srp(PASSWORD, &mut StdRng::seed_from_u64(3));
    pair.go_on(next).done();
    assert_eq!(pair.discarded.len(), 1);
    for (step, body) in &pair.service.log {
        if step != "ConfirmDevice" && !body["ClientId"].is_null() {
            assert_eq!(body["ClientMetadata"]["captcha"], "solvedhush", "{step}");
        }
    }
}

#[test]
fn a_device_proves_itself_with_the_record_of_that_moment() {
    let mut pair = Pair::new(Devices::Always, Mfa::Suppressed);
    let record = pair.known_device();
    pair.service.rotates = true;
    // What the sign-in read at its start is out of date by the time of the proof.
    let mut earlier = record.clone();
    earlier.password = "an earlier secret".into();
    pair.kept.push(record.clone());
    let outcome = pair.sign_in(Some(earlier)).done();
    assert_eq!(known(outcome).password, record.password);
}

#[test]
fn a_record_of_another_device_is_not_taken_for_a_proof() {
    let mut pair = Pair::new(Devices::Always, Mfa::Suppressed);
    let record = pair.known_device();
    for rotates in [false, true] {
        pair.service.rotates = rotates;
        let start = SignIn::start(
            &pair.config,
            Credentials::srp(USER, PASSWORD),
            Some(record.clone()),
            &mut pair.rng,
        );
        let (mut step, mut reread) = (Step::from(start), false);
        let done = loop {
            step = match step {
                Step::Send(sign_in, request) => pair.exchange(sign_in, &request).unwrap(),
                Step::Reread(device) => {
                    reread = true;
                    let mut other = record.clone();
                    other.device_key = "eu-west-1_another".to_owned();
                    assert_eq!(*device.record(), record);
                    device.read(Some(other))
                }
                Step::Keep(offer) => offer.not_saved(),
                Step::Done(outcome) => break known(*outcome),
                other => panic!("{other:?}"),
            };
        };
        assert_eq!(done, record);
        assert_eq!(reread, rotates, "asked for only where secrets are replaced");
    }
}

#[test]
fn a_question_after_a_device_proof_is_asked() {
    for rotates in [false, true] {
        let mut pair = Pair::new(Devices::Always, Mfa::Suppressed);
        let record = pair.known_device();
        pair.service.rotates = rotates;
        let told = if rotates { json!({"DEVICE_SECRET_ROTATED": "true"}) } else { json!({}) };
        let question = pair.service.challenge("SOFTWARE_TOKEN_MFA", told);
        pair.service.fault("DEVICE_PASSWORD_VERIFIER", Fault::Answer(question));
        let tokens = json!({"AuthenticationResult": {"AccessToken": "a.b.c"}});
        pair.service.fault("SOFTWARE_TOKEN_MFA", Fault::Answer(tokens));
        let stop = pair.sign_in(Some(record.clone()));
        let replaced = pair.replaced.pop();
        let done = known(pair.give_code(stop).done());
        assert_eq!(done.status, DeviceStatus::Remembered, "it has proven itself");
        assert_eq!(done.password == record.password, !rotates);
        assert_eq!(replaced, rotates.then_some(done), "the new secret, and it alone");
    }
}
