//! Software tokens: set up before or during a sign-in, and used.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, PASSWORD, World};

#[test]
fn a_code_is_valid_once_and_the_enrolment_code_counts() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    // The clock has not moved since the enrolment.
    let secret = totp_rs::Secret::try_from_base32(&totp).unwrap();
    let generator = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
    let at = |world: &World, offset: i64| {
        generator.generate((world.now / 1000 + offset) as u64).to_string()
    };
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let answer = |world: &mut World, code: String| {
        let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
        world
            .respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers)
            .map_err(|error| error.to_string())
    };
    let used = "ExpiredCodeException: Your software token has already been used once.";
    let code = at(&world, 0);
    assert_eq!(answer(&mut world, code).unwrap_err(), used);
    for off in [-60, 60] {
        let code = at(&world, off);
        assert!(
            answer(&mut world, code).unwrap_err().starts_with("CodeMismatchException"),
            "{off} s"
        );
    }
    let code = at(&world, 30);
    answer(&mut world, code).expect("one step ahead is accepted");
}

#[test]
fn a_pool_that_requires_mfa_has_it_set_up_on_the_way_in() {
    let mut world = World::with(json!(null), "ON");
    world.user("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "MFA_SETUP");
    assert_eq!(asked["ChallengeParameters"]["MFAS_CAN_SETUP"], r#"["SOFTWARE_TOKEN_MFA"]"#);
    let not_yet =
        world.respond("MFA_SETUP", &asked["Session"], json!({"USERNAME": "ada"})).unwrap_err();
    assert_eq!(not_yet.to_string(), "NotAuthorizedException: Invalid session for the user.");

    let made = world.ok(Operation::AssociateSoftwareToken, json!({"Session": asked["Session"]}));
    let secret = made["SecretCode"].as_str().unwrap().to_owned();
    let mut verify = json!({"Session": made["Session"], "UserCode": "000000"});
    assert!(
        world
            .refused(Operation::VerifySoftwareToken, verify.clone())
            .starts_with("EnableSoftwareTokenMFAException")
    );
    verify["UserCode"] = json!(world.code(&secret));
    let verified = world.ok(Operation::VerifySoftwareToken, verify);
    assert_eq!(verified["Status"], "SUCCESS");
    let signed_in =
        world.respond("MFA_SETUP", &verified["Session"], json!({"USERNAME": "ada"})).unwrap();
    let token = &signed_in["AuthenticationResult"]["AccessToken"];
    let user = world.ok(Operation::GetUser, json!({"AccessToken": token}));
    assert_eq!(user["UserMFASettingList"], json!(["SOFTWARE_TOKEN_MFA"]));
    assert_eq!(world.sign_in("ada", None, Some(&secret)).challenges, ["SOFTWARE_TOKEN_MFA"]);
}

#[test]
fn a_token_is_not_replaced_by_a_sign_in_begun_before_it() {
    let mut world = World::with(json!(null), "ON");
    world.user("ada");
    let kept = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let shown = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let shown = world.ok(Operation::AssociateSoftwareToken, json!({"Session": shown["Session"]}));

    let own = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let own = world.ok(Operation::AssociateSoftwareToken, json!({"Session": own["Session"]}));
    let code = world.code(own["SecretCode"].as_str().unwrap());
    world.ok(Operation::VerifySoftwareToken, json!({"Session": own["Session"], "UserCode": code}));

    let invalid = "NotAuthorizedException: Invalid session for the user.";
    let session = json!({"Session": kept["Session"]});
    assert_eq!(world.refused(Operation::AssociateSoftwareToken, session), invalid);
    let code = world.code(shown["SecretCode"].as_str().unwrap());
    let verify = json!({"Session": shown["Session"], "UserCode": code});
    assert_eq!(world.refused(Operation::VerifySoftwareToken, verify), invalid);
}

#[test]
fn a_pool_without_software_tokens_sets_none_up() {
    const NOT_ENABLED: &str = "SoftwareTokenMFANotFoundException: Software Token MFA has not been \
                               enabled by the userPool";
    let mut world = World::new();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let sms_only = json!({
        "UserPoolId": world.pool, "MfaConfiguration": "ON", "SmsMfaConfiguration": {},
    });
    let signed_in = json!({"AccessToken": token, "UserCode": "000000"});
    for mode in ["OFF", "ON"] {
        if mode == "ON" {
            world.ok(Operation::SetUserPoolMfaConfig, sms_only.clone());
        }
        for operation in [Operation::AssociateSoftwareToken, Operation::VerifySoftwareToken] {
            assert_eq!(world.refused(operation, signed_in.clone()), NOT_ENABLED, "{mode}");
        }
    }
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "MFA_SETUP");
    let session = json!({"Session": asked["Session"], "UserCode": "000000"});
    for operation in [Operation::AssociateSoftwareToken, Operation::VerifySoftwareToken] {
        assert_eq!(world.refused(operation, session.clone()), NOT_ENABLED, "{operation}");
    }
}

#[test]
fn only_a_setup_session_sets_up_a_factor() {
    let mut world = World::opt_in();
    world.user("ada");
    world.enrol_totp("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let refused =
        world.refused(Operation::AssociateSoftwareToken, json!({"Session": asked["Session"]}));
    assert_eq!(refused, "NotAuthorizedException: Invalid session for the user.");
    for session in ["", "x", "no.session", ".", &format!("{}.AAAA", world.client)] {
        let refused = world.refused(Operation::AssociateSoftwareToken, json!({"Session": session}));
        assert_eq!(refused, "NotAuthorizedException: Invalid session for the user.", "{session}");
    }
    let neither = world.refused(Operation::AssociateSoftwareToken, json!({}));
    assert!(neither.starts_with("InvalidParameterException"), "{neither}");
}

#[test]
fn a_temporary_password_is_changed_on_the_way_in() {
    let mut world = World::new();
    world.ok(
        Operation::AdminCreateUser,
        json!({
            "UserPoolId": world.pool, "Username": "ada", "TemporaryPassword": PASSWORD,
            "UserAttributes": [{"Name": "email", "Value": "ada@example.com"}],
        }),
    );
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "NEW_PASSWORD_REQUIRED");
    assert_eq!(asked["ChallengeParameters"]["userAttributes"], r#"{"email":"ada@example.com"}"#);
    let answer = |world: &mut World, extra: Value| {
        let mut answers = json!({"USERNAME": "ada", "NEW_PASSWORD": "Another-one-8"});
        answers.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        world
            .respond("NEW_PASSWORD_REQUIRED", &asked["Session"], answers)
            .map_err(|error| error.to_string())
    };
    let weak = answer(&mut world, json!({"NEW_PASSWORD": "short"})).unwrap_err();
    assert!(
        weak.starts_with("InvalidPasswordException: Password did not conform with policy"),
        "{weak}"
    );
    let cheat = answer(&mut world, json!({"userAttributes.email_verified": "true"})).unwrap_err();
    assert!(cheat.starts_with("InvalidParameterException"), "{cheat}");
    for name in
        ["iss", "sub", "event_id", "cognito:groups", "cognito:username", "custom:unheard-of", ""]
    {
        let forged =
            answer(&mut world, json!({format!("userAttributes.{name}"): "x"})).unwrap_err();
        assert!(forged.starts_with("InvalidParameterException"), "{name}: {forged}");
    }
    assert_eq!(
        answer(&mut world, json!({"userAttributes.email": "somebody-else@example.com"}))
            .unwrap_err(),
        "NotAuthorizedException: Cannot modify an already provided email"
    );
    let echoed = json!({"userAttributes.email": "ada@example.com", "userAttributes.name": "Ada"});
    let signed_in = answer(&mut world, echoed).unwrap();
    let token = &signed_in["AuthenticationResult"]["AccessToken"];
    let user = world.ok(Operation::GetUser, json!({"AccessToken": token}));
    let attributes = user["UserAttributes"].as_array().unwrap();
    assert!(attributes.contains(&json!({"Name": "name", "Value": "Ada"})));
    let shown =
        world.ok(Operation::AdminGetUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    assert_eq!(shown["UserStatus"], "CONFIRMED");
}

#[test]
fn required_attributes_are_asked_with_the_new_password() {
    let mut world = World::new();
    let schema = json!([{"Name": "email", "Required": true}, {"Name": "name", "Required": true}]);
    let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "p", "Schema": schema}));
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({}));
    world.ok(
        Operation::AdminCreateUser,
        json!({
            "UserPoolId": world.pool, "Username": "ada", "TemporaryPassword": PASSWORD,
            "UserAttributes": [{"Name": "email_verified", "Value": "true"}],
        }),
    );
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    assert_eq!(
        asked["ChallengeParameters"]["requiredAttributes"],
        r#"["userAttributes.name","userAttributes.email"]"#
    );
    let mut answers = json!({
        "USERNAME": "ada", "NEW_PASSWORD": "Another-one-8",
        "userAttributes.email": "ada@example.com",
    });
    let refused =
        world.respond("NEW_PASSWORD_REQUIRED", &asked["Session"], answers.clone()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "InvalidParameterException: Invalid attributes given, name is missing"
    );
    answers["userAttributes.name"] = json!("Ada");
    let signed_in = world.respond("NEW_PASSWORD_REQUIRED", &asked["Session"], answers).unwrap();
    let id = crate::world::claims(signed_in["AuthenticationResult"]["IdToken"].as_str().unwrap());
    assert_eq!(id["email"], "ada@example.com");
    assert_ne!(id["email_verified"], true, "the new address is not the verified one");
}

#[test]
fn a_new_password_brings_only_writable_valid_attributes() {
    let mut world = World::new();
    world.client = world.make_client(json!({"WriteAttributes": ["name", "email", "phone_number"]}));
    let request =
        json!({"UserPoolId": world.pool, "Username": "ada", "TemporaryPassword": PASSWORD});
    world.ok(Operation::AdminCreateUser, request);
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    let mut refusal = |name: &str, value: &str| {
        let answers = json!({
            "USERNAME": "ada", "NEW_PASSWORD": "Another-one-8",
            format!("userAttributes.{name}"): value,
        });
        let answer = world.respond("NEW_PASSWORD_REQUIRED", &asked["Session"], answers);
        answer.err().map(|error| error.to_string())
    };
    for (name, value, refused) in [
        (
            "nickname",
            "A",
            Some("NotAuthorizedException: A client attempted to write unauthorized attribute"),
        ),
        ("email", "ada", Some("InvalidParameterException: Invalid email address format.")),
        (
            "phone_number",
            "0155501",
            Some("InvalidParameterException: Invalid phone number format."),
        ),
        ("email", "ada@example.com", None),
    ] {
        assert_eq!(refusal(name, value).as_deref(), refused, "{name}");
    }
}

#[test]
fn a_temporary_password_lasts_a_week() {
    let mut world = World::new();
    world.ok(
        Operation::AdminCreateUser,
        json!({"UserPoolId": world.pool, "Username": "ada", "TemporaryPassword": PASSWORD}),
    );
    world.seconds(7 * 24 * 60 * 60 + 1);
    let late = world.first_factor(Flow::Srp, "ada", None).unwrap_err();
    assert!(late.message().starts_with("Temporary password has expired"), "{late}");
}

#[test]
fn an_unverified_token_cannot_be_enabled() {
    let mut world = World::opt_in();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    world.ok(Operation::AssociateSoftwareToken, json!({"AccessToken": token}));
    let request = json!({"AccessToken": token, "SoftwareTokenMfaSettings": {"Enabled": true}});
    assert_eq!(
        world.refused(Operation::SetUserMFAPreference, request),
        "InvalidParameterException: User has not verified software token mfa"
    );
    assert!(world.sign_in("ada", None, None).challenges.is_empty());
}
