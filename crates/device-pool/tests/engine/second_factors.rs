//! Second factors: sent codes, the choice among several, and who may enable them.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, World};

/// A pool that offers all three factors, and a user with a phone number and an e-mail address.
fn world(mode: &str) -> World {
    let mut world = World::new();
    world.offer_all_factors(mode);
    world.user("ada");
    world.set_attributes("ada", &[("phone_number", "+15550001234"), ("email", "ada@example.com")]);
    world
}

fn prefer(world: &mut World, settings: Value) {
    let mut request = json!({"UserPoolId": world.pool, "Username": "ada"});
    request.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    world.ok(Operation::AdminSetUserMFAPreference, request);
}

fn names(world: &mut World) -> (Value, Value) {
    let user =
        world.ok(Operation::AdminGetUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    (user["UserMFASettingList"].clone(), user["PreferredMfaSetting"].clone())
}

#[test]
fn a_code_by_sms_is_sent_once_and_valid_once() {
    let mut world = world("OPTIONAL");
    prefer(&mut world, json!({"SMSMfaSettings": {"Enabled": true}}));
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "SMS_MFA");
    let parameters = &asked["ChallengeParameters"];
    assert_eq!(parameters["CODE_DELIVERY_DELIVERY_MEDIUM"], "SMS");
    assert_eq!(parameters["CODE_DELIVERY_DESTINATION"], "+*******1234");
    assert_eq!(parameters["USER_ID_FOR_SRP"], "ada");
    let [message] = world.outbox.as_slice() else { panic!("{:?}", world.outbox) };
    assert_eq!(message.destination.as_str(), "+15550001234");
    let code = message.code.to_string();
    assert!(message.body.contains(&code));

    let answer = |world: &mut World, code: &str| {
        let answers = json!({"USERNAME": "ada", "SMS_MFA_CODE": code});
        world.respond("SMS_MFA", &asked["Session"], answers).map_err(|error| error.to_string())
    };
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let mismatch = "CodeMismatchException: Invalid code or auth state for the user.";
    assert_eq!(answer(&mut world, wrong).unwrap_err(), mismatch);
    assert!(answer(&mut world, &code).unwrap()["AuthenticationResult"].is_object());
    assert!(answer(&mut world, &code).unwrap_err().ends_with("session can only be used once."));
}

#[test]
fn a_code_of_one_sign_in_is_invalid_in_another() {
    let mut world = world("OPTIONAL");
    prefer(&mut world, json!({"EmailMfaSettings": {"Enabled": true}}));
    world.first_factor(Flow::Srp, "ada", None).unwrap();
    let other = world.outbox[0].code.to_string();
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let own = world.outbox[0].code.to_string();
    assert_ne!(own, other, "the two sign-ins have different codes");
    assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
    let answers = json!({"USERNAME": "ada", "EMAIL_OTP_CODE": other});
    let refused = world.respond("EMAIL_OTP", &asked["Session"], answers).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "CodeMismatchException: Invalid code or auth state for the user."
    );
    let answers = json!({"USERNAME": "ada", "EMAIL_OTP_CODE": own});
    world.respond("EMAIL_OTP", &asked["Session"], answers).unwrap();
}

#[test]
fn a_session_waits_for_one_factor_and_takes_no_other() {
    let mut world = world("OPTIONAL");
    prefer(&mut world, json!({"EmailMfaSettings": {"Enabled": true}}));
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let code = world.outbox[0].code.to_string();
    for (challenge, name) in [
        ("SMS_MFA", "SMS_MFA_CODE"),
        ("SMS_OTP", "SMS_OTP_CODE"),
        ("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE"),
    ] {
        let answers = json!({"USERNAME": "ada", name: code});
        let refused = world.respond(challenge, &asked["Session"], answers).unwrap_err();
        assert_eq!(refused.to_string(), "NotAuthorizedException: Invalid session for the user.");
    }
}

#[test]
fn the_user_chooses_among_several_factors() {
    let mut world = world("OPTIONAL");
    let totp = world.enrol_totp("ada");
    prefer(
        &mut world,
        json!({"SMSMfaSettings": {"Enabled": true}, "SoftwareTokenMfaSettings": {"Enabled": true}}),
    );
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "SELECT_MFA_TYPE");
    assert_eq!(
        asked["ChallengeParameters"]["MFAS_CAN_CHOOSE"],
        r#"["SMS_MFA","SOFTWARE_TOKEN_MFA"]"#
    );
    assert!(world.outbox.is_empty(), "nothing is sent before the choice");
    let mut choose = |choice: &str| {
        let answers = json!({"USERNAME": "ada", "ANSWER": choice});
        world
            .respond("SELECT_MFA_TYPE", &asked["Session"], answers)
            .map_err(|error| error.to_string())
    };
    for other in ["EMAIL_OTP", "PASSWORD", "sms_mfa"] {
        assert!(choose(other).unwrap_err().starts_with("InvalidParameterException"), "{other}");
    }
    let chosen = choose("SOFTWARE_TOKEN_MFA").unwrap();
    assert_eq!(chosen["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    assert!(choose("SMS_MFA").unwrap_err().ends_with("session can only be used once."));
    let code = world.code(&totp);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
    let done = world.respond("SOFTWARE_TOKEN_MFA", &chosen["Session"], answers).unwrap();
    assert!(done["AuthenticationResult"].is_object());
}

#[test]
fn a_preferred_factor_skips_the_choice() {
    let mut world = world("OPTIONAL");
    let on = json!({"Enabled": true});
    let preferred = json!({"Enabled": true, "PreferredMfa": true});
    prefer(&mut world, json!({"SMSMfaSettings": on, "EmailMfaSettings": preferred}));
    assert_eq!(names(&mut world), (json!(["SMS_MFA", "EMAIL_OTP"]), json!("EMAIL_OTP")));
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "EMAIL_OTP");
    assert_eq!(asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"], "a***@e***");
    prefer(&mut world, json!({"EmailMfaSettings": {"Enabled": false}}));
    assert_eq!(names(&mut world), (json!(["SMS_MFA"]), Value::Null));
}

#[test]
fn an_address_is_enough_if_mfa_is_required() {
    let mut world = World::new();
    world.offer_all_factors("ON");
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com")]);
    assert_eq!(world.first_factor(Flow::Srp, "ada", None).unwrap()["ChallengeName"], "EMAIL_OTP");
}

#[test]
fn only_factors_the_user_can_answer_are_enabled() {
    let mut world = World::new();
    world.user("ada");
    let refused = |world: &mut World, settings: Value| {
        let mut request = json!({"UserPoolId": world.pool, "Username": "ada"});
        request.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        world.refused(Operation::AdminSetUserMFAPreference, request)
    };
    let on = json!({"Enabled": true, "PreferredMfa": true});
    assert_eq!(
        refused(&mut world, json!({"SMSMfaSettings": on})),
        "InvalidParameterException: SMS_MFA is not enabled for this user pool"
    );
    world.offer_all_factors("OPTIONAL");
    assert_eq!(
        refused(&mut world, json!({"EmailMfaSettings": on})),
        "InvalidParameterException: User does not have delivery config set to turn on EMAIL_OTP"
    );
    assert_eq!(
        refused(&mut world, json!({"SoftwareTokenMfaSettings": on})),
        "InvalidParameterException: User has not verified software token mfa"
    );
    world.set_attributes("ada", &[("phone_number", "+15550001234"), ("email", "ada@example.com")]);
    assert_eq!(
        refused(&mut world, json!({"SMSMfaSettings": on, "EmailMfaSettings": on})),
        "InvalidParameterException: Only one MFA factor can be the preferred one"
    );
    assert_eq!(names(&mut world), (Value::Null, Value::Null), "a refusal changes nothing");
}

#[test]
fn the_legacy_settings_switch_sms() {
    let mut world = world("OPTIONAL");
    let token = world.sign_in("ada", None, None).access_token();
    let sms = json!([{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]);
    world.ok(Operation::SetUserSettings, json!({"AccessToken": token, "MFAOptions": sms}));
    assert_eq!(names(&mut world).0, json!(["SMS_MFA"]));
    let mut admin = json!({"UserPoolId": world.pool, "Username": "ada", "MFAOptions": []});
    world.ok(Operation::AdminSetUserSettings, admin.clone());
    assert_eq!(names(&mut world).0, Value::Null);
    admin["MFAOptions"] = json!([{"DeliveryMedium": "EMAIL", "AttributeName": "email"}]);
    let refused = world.refused(Operation::AdminSetUserSettings, admin);
    assert!(refused.starts_with("InvalidParameterException"), "{refused}");
    let unknown = json!({"UserPoolId": world.pool, "Username": "nobody", "MFAOptions": []});
    let refused = world.refused(Operation::AdminSetUserSettings, unknown);
    assert_eq!(refused, "UserNotFoundException: User does not exist.");
}

#[test]
fn auth_factors_are_those_the_user_has_and_the_pool_allows() {
    let mut world = world("OPTIONAL");
    let token = world.sign_in("ada", None, None).access_token();
    let factors = |world: &mut World| {
        let own = world.ok(Operation::GetUserAuthFactors, json!({"AccessToken": token}));
        let request = json!({"UserPoolId": world.pool, "Username": "ada"});
        assert_eq!(world.ok(Operation::AdminGetUserAuthFactors, request), own);
        assert_eq!(own["Username"], "ada");
        own["ConfiguredUserAuthFactors"].clone()
    };
    assert_eq!(factors(&mut world), json!(["PASSWORD"]));
    world.allow_first_factors(&["PASSWORD", "EMAIL_OTP", "SMS_OTP"]);
    assert_eq!(factors(&mut world), json!(["PASSWORD"]), "no address is verified");
    world.set_attributes("ada", &[("email_verified", "true")]);
    assert_eq!(factors(&mut world), json!(["PASSWORD", "EMAIL_OTP"]));
    let unknown = json!({"UserPoolId": world.pool, "Username": "nobody"});
    let refused = world.refused(Operation::AdminGetUserAuthFactors, unknown);
    assert_eq!(refused, "UserNotFoundException: User does not exist.");
    let refused = world.refused(Operation::GetUserAuthFactors, json!({"AccessToken": "a.b.c"}));
    assert_eq!(refused, "NotAuthorizedException: Invalid Access Token");
}

#[test]
fn an_administrator_deletes_a_lost_token() {
    let mut world = World::opt_in();
    world.user("ada");
    world.enrol_totp("ada");
    let request = json!({"UserPoolId": world.pool, "Username": "ada"});
    for _ in 0..2 {
        world.ok(Operation::AdminDeleteSoftwareToken, request.clone());
    }
    assert_eq!(names(&mut world), (Value::Null, Value::Null));
    assert!(world.sign_in("ada", None, None).challenges.is_empty());
    let unknown = json!({"UserPoolId": world.pool, "Username": "nobody"});
    let refused = world.refused(Operation::AdminDeleteSoftwareToken, unknown);
    assert_eq!(refused, "UserNotFoundException: User does not exist.");
}

#[test]
fn an_address_is_set_up_on_the_way_in() {
    let mut world = World::new();
    world.offer_all_factors("ON");
    world.user("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "MFA_SETUP");
    let offered = r#"["SMS_MFA","SOFTWARE_TOKEN_MFA","EMAIL_OTP"]"#;
    assert_eq!(asked["ChallengeParameters"]["MFAS_CAN_SETUP"], offered);
    let setup = |world: &mut World, address: &str| {
        let answers = json!({"USERNAME": "ada", "EMAIL": address});
        world.respond("MFA_SETUP", &asked["Session"], answers).map_err(|error| error.to_string())
    };
    assert!(setup(&mut world, "no address").unwrap_err().starts_with("InvalidParameterException"));
    let sent = setup(&mut world, "ada@example.com").unwrap();
    assert_eq!(sent["ChallengeName"], "EMAIL_OTP");
    let code = world.outbox[0].code.to_string();
    assert!(
        setup(&mut world, "eve@example.com")
            .unwrap_err()
            .ends_with("session can only be used once.")
    );
    let early =
        world.respond("MFA_SETUP", &sent["Session"], json!({"USERNAME": "ada"})).unwrap_err();
    assert_eq!(early.to_string(), "NotAuthorizedException: Invalid session for the user.");
    let answers = json!({"USERNAME": "ada", "EMAIL_OTP_CODE": code});
    assert!(
        world.respond("EMAIL_OTP", &sent["Session"], answers).unwrap()["AuthenticationResult"]
            .is_object()
    );
    assert_eq!(names(&mut world).0, json!(["EMAIL_OTP"]));
    assert_eq!(world.first_factor(Flow::Srp, "ada", None).unwrap()["ChallengeName"], "EMAIL_OTP");
}

#[test]
fn an_earlier_set_up_adds_no_factor_of_another_kind() {
    const INVALID: &str = "NotAuthorizedException: Invalid session for the user.";
    for first in ["token", "e-mail"] {
        let mut world = World::new();
        world.offer_all_factors("ON");
        world.user("ada");
        let begun = |world: &mut World| {
            world.first_factor(Flow::Srp, "ada", None).unwrap()["Session"].clone()
        };
        let [untouched, to_show, to_send] = std::array::from_fn(|_| begun(&mut world));
        let shown = world.ok(Operation::AssociateSoftwareToken, json!({"Session": to_show}));
        let eves = json!({"USERNAME": "ada", "EMAIL": "eve@example.com"});
        let sent = world.respond("MFA_SETUP", &to_send, eves.clone()).unwrap()["Session"].clone();
        let sent_code = json!({"USERNAME": "ada", "EMAIL_OTP_CODE": world.outbox[0].code});

        let own = begun(&mut world);
        if first == "token" {
            let own = world.ok(Operation::AssociateSoftwareToken, json!({"Session": own}));
            let code = world.code(own["SecretCode"].as_str().unwrap());
            world.ok(
                Operation::VerifySoftwareToken,
                json!({"Session": own["Session"], "UserCode": code}),
            );
        } else {
            let adas = json!({"USERNAME": "ada", "EMAIL": "ada@example.com"});
            let own = world.respond("MFA_SETUP", &own, adas).unwrap()["Session"].clone();
            let code = json!({"USERNAME": "ada", "EMAIL_OTP_CODE": world.outbox[0].code});
            world.respond("EMAIL_OTP", &own, code).unwrap();
        }

        let refused =
            world.refused(Operation::AssociateSoftwareToken, json!({"Session": untouched}));
        assert_eq!(refused, INVALID, "{first}");
        let refused = world.respond("MFA_SETUP", &untouched, eves).unwrap_err();
        assert_eq!(refused.to_string(), INVALID, "{first}");
        let code = world.code(shown["SecretCode"].as_str().unwrap());
        let verify = json!({"Session": shown["Session"], "UserCode": code});
        assert_eq!(world.refused(Operation::VerifySoftwareToken, verify), INVALID, "{first}");
        let refused = world.respond("EMAIL_OTP", &sent, sent_code).unwrap_err();
        assert_eq!(refused.to_string(), INVALID, "{first}");
    }
}

#[test]
fn a_token_counts_even_if_the_pool_offers_none_any_more() {
    let mut world = world("OPTIONAL");
    let secret = world.enrol_totp("ada");
    let sms_only = json!({
        "UserPoolId": world.pool, "MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": {},
        "SoftwareTokenMfaConfiguration": {"Enabled": false},
    });
    world.ok(Operation::SetUserPoolMfaConfig, sms_only);
    let signed_in = world.sign_in("ada", None, Some(&secret));
    assert_eq!(signed_in.challenges, ["SOFTWARE_TOKEN_MFA"]);
}

#[test]
fn a_right_code_by_sms_proves_the_number() {
    let mut world = world("OPTIONAL");
    prefer(&mut world, json!({"SMSMfaSettings": {"Enabled": true}}));
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let answers = json!({"USERNAME": "ada", "SMS_MFA_CODE": world.outbox[0].code});
    world.respond("SMS_MFA", &asked["Session"], answers).unwrap();
    let user =
        world.ok(Operation::AdminGetUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    let verified = json!({"Name": "phone_number_verified", "Value": "true"});
    assert!(user["UserAttributes"].as_array().unwrap().contains(&verified), "{user}");
}
