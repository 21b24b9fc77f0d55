//! `USER_AUTH`: the available factors, and each choice.

use std::collections::BTreeSet;

use device_srp::{ClientEphemeral, Identity};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

/// A pool that allows every first factor, and a user with verified addresses.
fn world() -> World {
    let mut world = World::opt_in();
    world.allow_first_factors(&["PASSWORD", "EMAIL_OTP", "SMS_OTP"]);
    world.user("ada");
    world.set_attributes(
        "ada",
        &[
            ("email", "ada@example.com"),
            ("email_verified", "true"),
            ("phone_number", "+15550001234"),
            ("phone_number_verified", "true"),
        ],
    );
    world
}

fn start(world: &mut World, parameters: Value) -> Value {
    world.ok(
        Operation::InitiateAuth,
        json!({"AuthFlow": "USER_AUTH", "ClientId": world.client, "AuthParameters": parameters}),
    )
}

#[test]
fn the_user_sees_the_available_factors() {
    let mut world = world();
    let asked = start(&mut world, json!({"USERNAME": "ada"}));
    assert_eq!(asked["ChallengeName"], "SELECT_CHALLENGE");
    assert_eq!(
        asked["AvailableChallenges"],
        json!(["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP", "SMS_OTP"])
    );
    let asked = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "WEB_AUTHN"}));
    assert_eq!(
        asked["ChallengeName"], "SELECT_CHALLENGE",
        "a factor that is not available cannot be preferred"
    );
}

#[test]
fn a_password_is_given_with_the_choice_or_asked_for() {
    let mut world = world();
    let asked = start(&mut world, json!({"USERNAME": "ada"}));
    let answers = json!({"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
    let wrong = json!({"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": "Wrong-horse-7"});
    let refused = world.respond("SELECT_CHALLENGE", &asked["Session"], wrong).unwrap_err();
    assert_eq!(refused.to_string(), "NotAuthorizedException: Incorrect username or password.");
    let done = world.respond("SELECT_CHALLENGE", &asked["Session"], answers.clone()).unwrap();
    assert!(
        done["AuthenticationResult"]["NewDeviceMetadata"].is_object(),
        "a password makes a device key, since it is a proof"
    );
    let again = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap_err();
    assert!(again.to_string().ends_with("session can only be used once."));

    let asked = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "PASSWORD"}));
    assert_eq!(asked["ChallengeName"], "PASSWORD");
    let answers = json!({"USERNAME": "ada", "PASSWORD": PASSWORD});
    let done = world.respond("PASSWORD", &asked["Session"], answers).unwrap();
    assert!(done["AuthenticationResult"].is_object());

    let at_once =
        json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
    assert!(start(&mut world, at_once)["AuthenticationResult"].is_object());
}

#[test]
fn srp_is_chosen_with_its_public_value() {
    let mut world = world();
    let asked = start(&mut world, json!({"USERNAME": "ada"}));
    let ephemeral = ClientEphemeral::generate(&mut world.rng);
    let mut answers = json!({"USERNAME": "ada", "ANSWER": "PASSWORD_SRP"});
    let refused =
        world.respond("SELECT_CHALLENGE", &asked["Session"], answers.clone()).unwrap_err();
    assert_eq!(refused.to_string(), "InvalidParameterException: Missing required parameter SRP_A");
    answers["SRP_A"] = json!(ephemeral.public().to_hex());
    let offered = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap();
    assert_eq!(offered["ChallengeName"], "PASSWORD_VERIFIER");
    let pool_name = world.pool.split_once('_').unwrap().1.to_owned();
    let identity = Identity::user(&pool_name, "ada");
    let mut claim = world.claim(&identity, PASSWORD, &ephemeral, &offered["ChallengeParameters"]);
    claim["USERNAME"] = json!("ada");
    let done = world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap();
    assert!(done["AuthenticationResult"]["NewDeviceMetadata"].is_object());
}

#[test]
fn a_code_signs_in_and_issues_no_device() {
    let mut world = world();
    for (challenge, code_name, destination) in [
        ("EMAIL_OTP", "EMAIL_OTP_CODE", "ada@example.com"),
        ("SMS_OTP", "SMS_OTP_CODE", "+15550001234"),
    ] {
        let asked = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": challenge}));
        assert_eq!(asked["ChallengeName"], challenge);
        assert_eq!(world.outbox[0].destination.as_str(), destination);
        let code = world.outbox[0].code.to_string();
        let wrong = if code == "000000" { "000001" } else { "000000" };
        let refused = world
            .respond(challenge, &asked["Session"], json!({"USERNAME": "ada", code_name: wrong}))
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "CodeMismatchException: Invalid code or auth state for the user."
        );
        let answers = json!({"USERNAME": "ada", code_name: code});
        let done = world.respond(challenge, &asked["Session"], answers).unwrap();
        assert!(done["AuthenticationResult"]["AccessToken"].is_string());
        assert_eq!(done["AuthenticationResult"]["NewDeviceMetadata"], Value::Null);
    }
}

#[test]
fn a_code_alone_is_no_choice_if_two_factors_are_due() {
    let mut world = world();
    world.enrol_totp("ada");
    let asked = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "EMAIL_OTP"}));
    assert_eq!(asked["AvailableChallenges"], json!(["PASSWORD_SRP", "PASSWORD"]));
    let answers = json!({"USERNAME": "ada", "ANSWER": "EMAIL_OTP"});
    let refused = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap_err();
    assert!(refused.to_string().starts_with("InvalidParameterException"));
    let answers = json!({"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
    let asked = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap();
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
}

/// Makes the world's client hide its users.
fn hide_users(world: &mut World) {
    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"],
        "PreventUserExistenceErrors": "ENABLED",
    }));
}

fn available(world: &mut World, name: &str) -> Value {
    start(world, json!({"USERNAME": name}))["AvailableChallenges"].clone()
}

const MISMATCH: &str = "CodeMismatchException: Invalid code or auth state for the user.";

#[test]
fn an_unknown_user_takes_the_same_path() {
    let mut world = world();
    hide_users(&mut world);
    let known = available(&mut world, "ada");
    let nobody = (0..)
        .map(|n| format!("n{n:02}"))
        .find(|name| available(&mut world, name) == known)
        .unwrap();
    let ask = json!({"USERNAME": nobody, "PREFERRED_CHALLENGE": "EMAIL_OTP"});
    let asked = start(&mut world, ask.clone());
    assert!(world.outbox.is_empty(), "no message is sent");
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let real = start(&mut world, json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "EMAIL_OTP"}));
    assert_eq!(keys(&asked["ChallengeParameters"]), keys(&real["ChallengeParameters"]));
    assert_eq!(
        asked["ChallengeParameters"],
        start(&mut world, ask)["ChallengeParameters"],
        "stable"
    );
    // For password recovery Ada's phone has precedence, and so does a decoy's.
    let by_sms = start(&mut world, json!({"USERNAME": nobody, "PREFERRED_CHALLENGE": "SMS_OTP"}));
    let forgot = json!({"ClientId": world.client, "Username": nobody});
    let forgot = world.ok(Operation::ForgotPassword, forgot);
    assert_eq!(
        forgot["CodeDeliveryDetails"]["Destination"],
        by_sms["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"],
        "a decoy has one number, like a user"
    );
    for (name, session) in [(nobody.as_str(), &asked["Session"]), ("ada", &real["Session"])] {
        let answers = json!({"USERNAME": name, "EMAIL_OTP_CODE": "0000000"});
        let refused = world.respond("EMAIL_OTP", session, answers).unwrap_err();
        assert_eq!(refused.to_string(), MISMATCH);
    }
}

#[test]
fn decoys_offer_what_users_may_choose_and_never_change() {
    let mut world = world();
    world.user("plain");
    for (name, address, value) in
        [("eve", "email", "eve@example.com"), ("bob", "phone_number", "+15550009")]
    {
        world.user(name);
        world.set_attributes(name, &[(address, value), (&format!("{address}_verified"), "true")]);
    }
    hide_users(&mut world);
    let lists = |world: &mut World, names: &[String]| -> BTreeSet<String> {
        names.iter().map(|name| available(world, name).to_string()).collect()
    };
    let users = ["ada", "eve", "bob", "plain"].map(str::to_owned);
    let nobody: Vec<String> = (0..64).map(|n| format!("nobody{n}")).collect();
    for (mode, different) in [("OPTIONAL", 4), ("OFF", 4), ("ON", 1)] {
        world.set_mfa(mode);
        assert_eq!(lists(&mut world, &users).len(), different, "{mode}");
        assert_eq!(lists(&mut world, &users), lists(&mut world, &nobody), "{mode}");
    }
    world.set_mfa("OPTIONAL");
    for name in &nobody {
        let before = available(&mut world, name);
        world.seconds(60);
        assert_eq!(available(&mut world, &name.to_uppercase()), before, "{name}");
        for preferred in ["EMAIL_OTP", "SMS_OTP"] {
            let asked =
                start(&mut world, json!({"USERNAME": name, "PREFERRED_CHALLENGE": preferred}));
            let offered = before.as_array().unwrap().contains(&json!(preferred));
            let challenge = if offered { preferred } else { "SELECT_CHALLENGE" };
            assert_eq!(asked["ChallengeName"], challenge, "{name}");
        }
    }
}

/// A pool whose users sign in by address as `setting` says, with the user `ada@example.com` and
/// hidden users.
fn found_by_address(setting: &str) -> World {
    let mut world = World::new();
    let policies =
        json!({"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP", "SMS_OTP"]}});
    let pool = json!({
        "PoolName": "others", "Policies": policies, setting: ["email"],
        "UsernameConfiguration": {"CaseSensitive": false},
    });
    let made = world.ok(Operation::CreateUserPool, pool);
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    let username = if setting == "AliasAttributes" { "ada" } else { "ada@example.com" };
    world.user(username);
    world.set_attributes(username, &[("email", "ada@example.com"), ("email_verified", "true")]);
    hide_users(&mut world);
    world
}

#[test]
fn a_decoy_found_by_address_has_it_and_a_separate_name() {
    for setting in ["AliasAttributes", "UsernameAttributes"] {
        let mut world = found_by_address(setting);
        let mut told = Vec::new();
        for name in
            (0..16).map(|n| format!("eve{n}@example.org")).chain(["ada@example.com".to_owned()])
        {
            let asked =
                start(&mut world, json!({"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"}));
            let internal = asked["ChallengeParameters"]["USERNAME"].clone();
            assert!(!internal.as_str().unwrap().contains('@'), "{internal}");
            let challenge = asked["ChallengeName"].as_str().unwrap().to_owned();
            if challenge == "SELECT_CHALLENGE" {
                assert_eq!(
                    setting, "UsernameAttributes",
                    "only an address that is the username may be unverified"
                );
                continue;
            }
            let (first, masked) =
                (&name[..1], &asked["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]);
            assert_eq!(*masked, format!("{first}***@e***"));
            // With the internal name the same sign-in continues, and a new one leads to the same
            // user.
            let answers = json!({"USERNAME": internal, "EMAIL_OTP_CODE": "0000000"});
            let refused = world.respond("EMAIL_OTP", &asked["Session"], answers).unwrap_err();
            told.push((challenge, refused.to_string()));
            let again = start(&mut world, json!({"USERNAME": internal}));
            assert_eq!(again["ChallengeParameters"]["USERNAME"], internal);
        }
        assert!(
            told.len() > 8 && told.iter().all(|one| *one == ("EMAIL_OTP".into(), MISMATCH.into())),
            "{told:?}"
        );
    }
}

/// Everything that anyone may learn about the account of `name`.
fn shown(world: &mut World, name: &Value) -> Vec<Value> {
    let listed = start(world, json!({"USERNAME": name}));
    let mut shown =
        vec![listed["ChallengeParameters"].clone(), listed["AvailableChallenges"].clone()];
    for preferred in ["EMAIL_OTP", "SMS_OTP"] {
        let asked = start(world, json!({"USERNAME": name, "PREFERRED_CHALLENGE": preferred}));
        shown.push(asked["ChallengeParameters"].clone());
    }
    shown.push(
        world.ok(Operation::ForgotPassword, json!({"ClientId": world.client, "Username": name})),
    );
    let srp = json!({"USERNAME": name, "SRP_A": "5"});
    let request =
        json!({"AuthFlow": "USER_SRP_AUTH", "ClientId": world.client, "AuthParameters": srp});
    shown.push(world.ok(Operation::InitiateAuth, request)["ChallengeParameters"]["SALT"].clone());
    shown
}

#[test]
fn a_decoy_is_the_same_under_its_internal_name() {
    for setting in ["AliasAttributes", "UsernameAttributes"] {
        let mut world = found_by_address(setting);
        let names = (0..12).map(|n| format!("{}ve{n}@Example.org", char::from(b'e' + n)));
        let mut telling = 0;
        for name in names.chain(["ada@example.com", "+15550123", "+15559"].map(str::to_owned)) {
            let by_address = shown(&mut world, &json!(name));
            let internal = &by_address[0]["USERNAME"];
            assert_eq!(shown(&mut world, internal), by_address, "{setting}: {name}");
            assert_eq!(
                shown(&mut world, &json!(name.to_uppercase())),
                by_address,
                "{setting}: {name}"
            );
            let destination = by_address[4]["CodeDeliveryDetails"]["Destination"].as_str().unwrap();
            telling += usize::from(destination == format!("{}***@e***", &name[..1]));
        }
        assert!(telling > 6, "{setting}: {telling}");
    }
}

#[test]
fn a_user_without_password_has_one_salt_under_all_names() {
    let mut world = found_by_address("AliasAttributes");
    let email = json!([
        {"Name": "email", "Value": "eve@example.com"}, {"Name": "email_verified", "Value": "true"},
    ]);
    let eve = json!({
        "UserPoolId": world.pool, "Username": "eve", "UserAttributes": email,
        "MessageAction": "SUPPRESS",
    });
    world.ok(Operation::AdminCreateUser, eve);
    let by_alias = shown(&mut world, &json!("eve@example.com"));
    assert_eq!(shown(&mut world, &json!("eve")), by_alias);
}

#[test]
fn codes_for_unfinished_sign_ins_are_limited() {
    let mut world = world();
    hide_users(&mut world);
    let known = available(&mut world, "ada");
    let nobody = (0..)
        .map(|n| format!("n{n:02}"))
        .find(|name| available(&mut world, name) == known)
        .unwrap();
    let ask = |world: &mut World, name: &str| {
        let parameters = json!({"USERNAME": name, "PREFERRED_CHALLENGE": "EMAIL_OTP"});
        let request = json!({"AuthFlow": "USER_AUTH", "ClientId": world.client,
            "AuthParameters": parameters});
        world.call(Operation::InitiateAuth, request).map_err(|error| error.to_string())
    };
    let refusals = ["ada", nobody.as_str()].map(|name| {
        let mut asked = ask(&mut world, name).unwrap();
        let sent = (1..)
            .take_while(|_| ask(&mut world, name).map(|latest| asked = latest).is_ok())
            .count();
        assert!(world.outbox.is_empty());
        (sent, ask(&mut world, name).unwrap_err(), asked)
    });
    assert_eq!(refusals[0].0, 19);
    assert_eq!(refusals[0].0, refusals[1].0);
    assert_eq!(refusals[0].1, refusals[1].1);
    assert!(refusals[0].1.starts_with("TooManyRequestsException"), "{}", refusals[0].1);
    // The password does not have to wait, and an hour later codes are sent again.
    let password =
        json!({"USERNAME": "ada", "PREFERRED_CHALLENGE": "PASSWORD", "PASSWORD": PASSWORD});
    assert!(start(&mut world, password)["AuthenticationResult"].is_object());
    world.seconds(60 * 60);
    // Users who complete their sign-ins are not limited.
    for _ in 0..25 {
        let asked = ask(&mut world, "ada").unwrap();
        let code = world.outbox[0].code.to_string();
        let answers = json!({"USERNAME": "ada", "EMAIL_OTP_CODE": code});
        world.respond("EMAIL_OTP", &asked["Session"], answers).unwrap();
    }
}

#[test]
fn guesses_under_the_internal_name_lock_a_decoy_alike() {
    for setting in ["AliasAttributes", "UsernameAttributes"] {
        let mut world = found_by_address(setting);
        let [user, nobody] = ["ada@example.com", "eve@example.com"].map(|name| -> Vec<String> {
            let wrong = (0..6).map(|_| {
                let claim = world.srp_claim(name, "Wrong-horse-7");
                world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err().to_string()
            });
            wrong.collect()
        });
        assert_eq!(user, nobody, "{setting}");
        assert_eq!(user[5], "NotAuthorizedException: Password attempts exceeded");
    }
}

#[test]
fn a_session_of_one_user_is_invalid_for_another() {
    let mut world = world();
    world.user("eve");
    let asked = start(&mut world, json!({"USERNAME": "eve"}));
    let answers = json!({"USERNAME": "ada", "ANSWER": "PASSWORD", "PASSWORD": PASSWORD});
    let refused = world.respond("SELECT_CHALLENGE", &asked["Session"], answers).unwrap_err();
    assert_eq!(refused.to_string(), "NotAuthorizedException: Invalid session for the user.");
}

/// A pool with sign-up by e-mail address alone, and a client.
fn passwordless(world: &mut World, flows: &[&str], mfa: &str) {
    let made = world.ok(
        Operation::CreateUserPool,
        json!({
            "PoolName": "passwordless",
            "AutoVerifiedAttributes": ["email"],
            "DeviceConfiguration": {},
            "Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}},
        }),
    );
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    let mut config = json!({"UserPoolId": world.pool, "MfaConfiguration": mfa});
    if mfa != "OFF" {
        config["SoftwareTokenMfaConfiguration"] = json!({"Enabled": true});
    }
    world.ok(Operation::SetUserPoolMfaConfig, config);
    world.client = world.make_client(json!({"ExplicitAuthFlows": flows}));
}

/// Signs up without a password and confirms; returns the confirmation's response.
fn join(world: &mut World, name: &str) -> Value {
    let email = json!([{"Name": "email", "Value": format!("{name}@example.com")}]);
    world.ok(
        Operation::SignUp,
        json!({"ClientId": world.client, "Username": name, "UserAttributes": email}),
    );
    let code = world.outbox[0].code.to_string();
    let request = json!({"ClientId": world.client, "Username": name, "ConfirmationCode": code});
    world.ok(Operation::ConfirmSignUp, request)
}

fn start_with(world: &World, name: &str, session: &Value) -> Value {
    json!({
        "AuthFlow": "USER_AUTH",
        "ClientId": world.client,
        "Session": session,
        "AuthParameters": {"USERNAME": name},
    })
}

#[test]
fn the_code_that_confirmed_a_sign_up_signs_in_once() {
    let mut world = World::opt_in();
    passwordless(&mut world, &["ALLOW_USER_AUTH"], "OFF");
    let session = join(&mut world, "ada")["Session"].clone();
    let request = start_with(&world, "ada", &session);
    let done = world.ok(Operation::InitiateAuth, request.clone());
    assert!(done["AuthenticationResult"]["AccessToken"].is_string());
    assert_eq!(
        done["AuthenticationResult"]["NewDeviceMetadata"],
        Value::Null,
        "without a password there is no device key"
    );
    assert_eq!(
        world.refused(Operation::InitiateAuth, request),
        "NotAuthorizedException: Invalid session for the user, session can only be used once."
    );
}

#[test]
fn the_session_of_a_sign_up_is_bound_to_user_and_step() {
    let mut world = World::opt_in();
    passwordless(&mut world, &["ALLOW_USER_AUTH"], "OFF");
    let ada = join(&mut world, "ada")["Session"].clone();
    let bob = join(&mut world, "bob")["Session"].clone();
    const INVALID: &str = "NotAuthorizedException: Invalid session for the user.";
    let of_another = start_with(&world, "bob", &ada);
    assert_eq!(world.refused(Operation::InitiateAuth, of_another), INVALID);
    let asked = start(&mut world, json!({"USERNAME": "ada"}));
    let of_another_step = start_with(&world, "ada", &asked["Session"]);
    assert_eq!(world.refused(Operation::InitiateAuth, of_another_step), INVALID);
    let answers = json!({"USERNAME": "ada", "ANSWER": "EMAIL_OTP"});
    assert_eq!(world.respond("SELECT_CHALLENGE", &ada, answers).unwrap_err().to_string(), INVALID);

    // A new user with the name of a deleted one is a different user.
    world.ok(Operation::AdminDeleteUser, json!({"UserPoolId": world.pool, "Username": "bob"}));
    join(&mut world, "bob");
    let of_the_former = start_with(&world, "bob", &bob);
    assert_eq!(world.refused(Operation::InitiateAuth, of_the_former), INVALID);

    world.ok(Operation::AdminDisableUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    let disabled = start_with(&world, "ada", &ada);
    assert_eq!(
        world.refused(Operation::InitiateAuth, disabled),
        "NotAuthorizedException: User is disabled."
    );
}

#[test]
fn a_confirmed_sign_up_signs_in_only_where_a_code_does() {
    let mut world = World::opt_in();
    for (flows, mfa) in [(&["ALLOW_USER_SRP_AUTH"], "OFF"), (&["ALLOW_USER_AUTH"], "ON")] {
        passwordless(&mut world, flows, mfa);
        assert_eq!(join(&mut world, "ada"), json!({}), "{flows:?}, MFA {mfa}");
    }
}

#[test]
fn a_session_of_an_earlier_user_of_the_name_is_invalid() {
    let mut world = world();
    let make = |world: &mut World| {
        let made =
            json!({"UserPoolId": world.pool, "Username": "eve", "MessageAction": "SUPPRESS"});
        world.ok(Operation::AdminCreateUser, made);
        world.set_attributes("eve", &[("email", "eve@example.com"), ("email_verified", "true")]);
    };
    make(&mut world);
    let asked = start(&mut world, json!({"USERNAME": "eve", "PREFERRED_CHALLENGE": "EMAIL_OTP"}));
    let answers = json!({"USERNAME": "eve", "EMAIL_OTP_CODE": world.outbox[0].code});
    world.ok(Operation::AdminDeleteUser, json!({"UserPoolId": world.pool, "Username": "eve"}));
    world.seconds(1);
    make(&mut world);
    let refused = world.respond("EMAIL_OTP", &asked["Session"], answers).unwrap_err();
    assert_eq!(refused.to_string(), "NotAuthorizedException: Invalid session for the user.");
}
