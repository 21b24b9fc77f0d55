//! Passwords changed and reset.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::{attributes, pool_with, sent_code, verifying_email};
use crate::world::{Flow, PASSWORD, World};

const OTHER: &str = "Another-horse-8";
const INCORRECT: &str = "NotAuthorizedException: Incorrect username or password.";
const NO_ADDRESS: &str = "InvalidParameterException: Cannot reset password for the user as there \
                          is no \
                          registered/verified email or phone_number";
const WRONG_STATE: &str =
    "NotAuthorizedException: User password cannot be reset in the current state.";

/// A user who can sign in and has a verified address.
fn ada(world: &mut World) {
    let request = json!({
        "UserPoolId": world.pool, "Username": "ada", "MessageAction": "SUPPRESS",
        "UserAttributes": attributes(&[("email", "ada@example.com"), ("email_verified", "true")]),
    });
    world.ok(Operation::AdminCreateUser, request);
    let password = json!({"UserPoolId": world.pool, "Username": "ada", "Password": PASSWORD,
        "Permanent": true});
    world.ok(Operation::AdminSetUserPassword, password);
}

fn forgot(world: &World, name: &str) -> Value {
    json!({"ClientId": world.client, "Username": name})
}

fn reset(world: &World, name: &str, code: &str, password: &str) -> Value {
    json!({"ClientId": world.client, "Username": name, "ConfirmationCode": code,
        "Password": password})
}

fn admin(world: &World, name: &str) -> Value {
    json!({"UserPoolId": world.pool, "Username": name})
}

fn password_refusal(world: &mut World, password: &str) -> Option<String> {
    let parameters = json!({"USERNAME": "ada", "PASSWORD": password});
    let start = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": parameters});
    world.call(Operation::InitiateAuth, start).err().map(|error| error.to_string())
}

#[test]
fn a_forgotten_password_is_reset_with_the_code() {
    let mut world = verifying_email();
    ada(&mut world);
    let request = forgot(&world, "ADA");
    let sent = world.ok(Operation::ForgotPassword, request);
    assert_eq!(
        sent["CodeDeliveryDetails"],
        json!({"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"})
    );
    let code = sent_code(&world);
    assert_eq!(
        password_refusal(&mut world, PASSWORD),
        None,
        "the old password is valid until the reset"
    );
    let weak = reset(&world, "ada", &code, "weak");
    assert!(
        world
            .refused(Operation::ConfirmForgotPassword, weak)
            .starts_with("InvalidPasswordException")
    );
    let good = reset(&world, "ada", &code, OTHER);
    assert_eq!(
        world.ok(Operation::ConfirmForgotPassword, good.clone()),
        json!({}),
        "the refusal did not use the code up"
    );
    assert_eq!(password_refusal(&mut world, PASSWORD).unwrap(), INCORRECT);
    assert_eq!(password_refusal(&mut world, OTHER), None);
    assert_eq!(
        world.refused(Operation::ConfirmForgotPassword, good),
        "ExpiredCodeException: Invalid code provided, please request a code again."
    );
}

#[test]
fn a_reset_code_ends_after_an_hour_or_with_its_address() {
    let mut world = verifying_email();
    ada(&mut world);
    let request = forgot(&world, "ada");
    world.ok(Operation::ForgotPassword, request.clone());
    let late = sent_code(&world);
    world.seconds(60 * 60);
    let late = reset(&world, "ada", &late, OTHER);
    assert!(
        world.refused(Operation::ConfirmForgotPassword, late).starts_with("ExpiredCodeException")
    );
    world.ok(Operation::ForgotPassword, request);
    let moved = sent_code(&world);
    let mut update = admin(&world, "ada");
    update["UserAttributes"] =
        attributes(&[("email", "new@example.com"), ("email_verified", "true")]);
    world.ok(Operation::AdminUpdateUserAttributes, update);
    let moved = reset(&world, "ada", &moved, OTHER);
    assert!(
        world.refused(Operation::ConfirmForgotPassword, moved).starts_with("ExpiredCodeException")
    );
}

#[test]
fn a_refused_password_reset_says_why() {
    let mut world = verifying_email();
    let request = forgot(&world, "nobody");
    assert_eq!(
        world.refused(Operation::ForgotPassword, request),
        "UserNotFoundException: User does not exist."
    );
    world.user("plain");
    let request = forgot(&world, "plain");
    assert_eq!(world.refused(Operation::ForgotPassword, request), NO_ADDRESS);
    ada(&mut world);
    let request = admin(&world, "ada");
    world.ok(Operation::AdminDisableUser, request);
    let request = forgot(&world, "ada");
    assert_eq!(
        world.refused(Operation::ForgotPassword, request),
        "NotAuthorizedException: User is disabled."
    );
    let request = json!({
        "UserPoolId": world.pool, "Username": "new", "TemporaryPassword": PASSWORD,
        "MessageAction": "SUPPRESS",
        "UserAttributes": attributes(&[("email", "n@example.com"), ("email_verified", "true")]),
    });
    world.ok(Operation::AdminCreateUser, request);
    let request = forgot(&world, "new");
    assert_eq!(world.refused(Operation::ForgotPassword, request), WRONG_STATE);
    let request = admin(&world, "new");
    assert_eq!(world.refused(Operation::AdminResetUserPassword, request), WRONG_STATE);
}

#[test]
fn a_pool_chooses_how_passwords_are_recovered() {
    for (mechanism, answer) in [
        ("verified_email", None),
        ("verified_phone_number", Some(NO_ADDRESS)),
        ("admin_only", Some("NotAuthorizedException: Contact administrator to reset password.")),
    ] {
        let mechanisms = json!([{"Priority": 1, "Name": mechanism}]);
        let mut world =
            pool_with(json!({"AccountRecoverySetting": {"RecoveryMechanisms": mechanisms}}));
        ada(&mut world);
        let request = forgot(&world, "ada");
        let refused =
            world.call(Operation::ForgotPassword, request).err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), answer, "{mechanism}");
    }
}

#[test]
fn recovery_answers_alike_if_users_are_hidden() {
    let mut world = verifying_email();
    ada(&mut world);
    world.user("plain");
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
    for name in ["ada", "plain", "nobody"] {
        let early = reset(&world, name, "000000", OTHER);
        assert!(
            world
                .refused(Operation::ConfirmForgotPassword, early)
                .starts_with("CodeMismatchException"),
            "{name}"
        );
        let request = forgot(&world, name);
        let sent = world.ok(Operation::ForgotPassword, request);
        assert_eq!(world.outbox.len(), usize::from(name == "ada"));
        let medium = &sent["CodeDeliveryDetails"]["DeliveryMedium"];
        assert!(*medium == "EMAIL" || name != "ada" && *medium == "SMS", "{name}");
        let wrong = reset(&world, name, "12345x", OTHER);
        assert!(
            world
                .refused(Operation::ConfirmForgotPassword, wrong)
                .starts_with("CodeMismatchException"),
            "{name}"
        );
    }
}

#[test]
fn no_code_is_sent_to_a_medium_that_cannot_recover() {
    for (mechanism, medium) in [("verified_email", "EMAIL"), ("verified_phone_number", "SMS")] {
        let mechanisms = json!([{"Priority": 1, "Name": mechanism}]);
        let settings = json!({
            "UsernameAttributes": ["email", "phone_number"], "AutoVerifiedAttributes": ["email",
            "phone_number"],
            "AccountRecoverySetting": {"RecoveryMechanisms": mechanisms},
        });
        let mut world = pool_with(settings);
        world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
        for name in (0..16).flat_map(|n| [format!("eve{n}@example.com"), format!("+1555010{n:02}")])
        {
            let request = forgot(&world, &name);
            let sent = world.ok(Operation::ForgotPassword, request);
            assert_eq!(sent["CodeDeliveryDetails"]["DeliveryMedium"], medium, "{name}");
        }
    }
}

#[test]
fn an_administrator_resets_a_password() {
    let mut world = verifying_email();
    ada(&mut world);
    let request = admin(&world, "ada");
    assert_eq!(world.ok(Operation::AdminResetUserPassword, request), json!({}));
    let code = sent_code(&world);
    assert_eq!(
        password_refusal(&mut world, PASSWORD).unwrap(),
        "PasswordResetRequiredException: Password reset required for the user"
    );
    let good = reset(&world, "ada", &code, OTHER);
    world.ok(Operation::ConfirmForgotPassword, good);
    assert_eq!(password_refusal(&mut world, OTHER), None);
    world.user("plain");
    let request = admin(&world, "plain");
    assert_eq!(world.refused(Operation::AdminResetUserPassword, request), NO_ADDRESS);
}

#[test]
fn users_change_a_password_that_they_know() {
    let mut world = World::new();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let change = |old: &str, new: &str| {
        json!({"AccessToken": token, "PreviousPassword": old,
        "ProposedPassword": new})
    };
    assert_eq!(world.refused(Operation::ChangePassword, change("wrong", OTHER)), INCORRECT);
    let weak = world.refused(Operation::ChangePassword, change(PASSWORD, "weak"));
    assert!(weak.starts_with("InvalidPasswordException"), "{weak}");
    let without = json!({"AccessToken": token, "ProposedPassword": OTHER});
    assert_eq!(world.refused(Operation::ChangePassword, without), INCORRECT);
    assert_eq!(world.ok(Operation::ChangePassword, change(PASSWORD, OTHER)), json!({}));
    assert_eq!(password_refusal(&mut world, OTHER), None);
    for _ in 0..5 {
        assert_eq!(world.refused(Operation::ChangePassword, change("wrong", PASSWORD)), INCORRECT);
    }
    assert_eq!(
        world.refused(Operation::ChangePassword, change(OTHER, PASSWORD)),
        "LimitExceededException: Attempt limit exceeded, please try after some time."
    );
    let refused = world
        .refused(Operation::ChangePassword, json!({"AccessToken": "x", "ProposedPassword": OTHER}));
    assert_eq!(refused, "NotAuthorizedException: Invalid Access Token");
}

#[test]
fn a_pool_may_remember_passwords_and_refuse_them() {
    let mut world = pool_with(json!({"Policies": {"PasswordPolicy": {"PasswordHistorySize": 2}}}));
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let used = "PasswordHistoryPolicyViolationException: Password has previously been used";
    let mut change = |old: &str, new: &str| {
        let request =
            json!({"AccessToken": token, "PreviousPassword": old, "ProposedPassword": new});
        world.call(Operation::ChangePassword, request).err().map(|error| error.to_string())
    };
    assert_eq!(
        change(PASSWORD, PASSWORD).as_deref(),
        Some(used),
        "the current password counts as used"
    );
    assert_eq!(change(PASSWORD, OTHER), None);
    assert_eq!(change(OTHER, PASSWORD).as_deref(), Some(used));
    assert_eq!(change(OTHER, "A-third-horse-9"), None);
    assert_eq!(change("A-third-horse-9", PASSWORD), None, "two changes later it may be used again");
    world.first_factor(Flow::Password, "ada", None).unwrap();
}

/// A pool with a recovery setting, and a user who signs in with codes by `factor`.
fn with_second_factor(mechanisms: Value, factor: &str) -> World {
    let mut world = verifying_email();
    world.set_pool("AccountRecoverySetting", json!({"RecoveryMechanisms": mechanisms}));
    world.offer_all_factors("OPTIONAL");
    ada(&mut world);
    world.set_attributes(
        "ada",
        &[("phone_number", "+15550001234"), ("phone_number_verified", "true")],
    );
    let mut preference = admin(&world, "ada");
    preference[factor] = json!({"Enabled": true});
    world.ok(Operation::AdminSetUserMFAPreference, preference);
    world
}

#[test]
fn a_medium_of_the_second_factor_does_not_recover() {
    let both = json!([
        {"Name": "verified_email", "Priority": 1}, {"Name": "verified_phone_number", "Priority": 2},
    ]);
    for (factor, medium) in [("EmailMfaSettings", "SMS"), ("SMSMfaSettings", "EMAIL")] {
        let mut world = with_second_factor(both.clone(), factor);
        let request = forgot(&world, "ada");
        let sent = world.ok(Operation::ForgotPassword, request);
        assert_eq!(sent["CodeDeliveryDetails"]["DeliveryMedium"], medium, "{factor}");
    }
    let email = json!([{"Name": "verified_email", "Priority": 1}]);
    let mut world = with_second_factor(email, "EmailMfaSettings");
    let request = forgot(&world, "ada");
    assert_eq!(world.refused(Operation::ForgotPassword, request), NO_ADDRESS);
    let request = admin(&world, "ada");
    assert_eq!(world.refused(Operation::AdminResetUserPassword, request), NO_ADDRESS);
    // If users are hidden, a message seems to be sent, but none is.
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
    let request = forgot(&world, "ada");
    let sent = world.ok(Operation::ForgotPassword, request);
    assert_eq!(sent["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
    assert!(world.outbox.is_empty());
}

#[test]
fn without_a_recovery_setting_the_older_behaviour_stays() {
    let mut world = verifying_email();
    world.offer_all_factors("OPTIONAL");
    ada(&mut world);
    let mut preference = admin(&world, "ada");
    preference["EmailMfaSettings"] = json!({"Enabled": true});
    world.ok(Operation::AdminSetUserMFAPreference, preference);
    let request = forgot(&world, "ada");
    let sent = world.ok(Operation::ForgotPassword, request);
    assert_eq!(sent["CodeDeliveryDetails"]["DeliveryMedium"], "EMAIL");
}
