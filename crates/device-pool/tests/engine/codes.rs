//! Sent codes: the address that they verify, their number, and their messages.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::{attribute, attributes, pool_with, sent_code, sign_up, verifying_email};
use crate::world::{PASSWORD, World};

const EXPIRED: &str = "ExpiredCodeException: Invalid code provided, please request a code again.";
const MISMATCH: &str =
    "CodeMismatchException: Invalid verification code provided, please try again.";
const TOO_MANY: &str =
    "LimitExceededException: Attempt limit exceeded, please try after some time.";
const MAX_AN_HOUR: usize = 20;

/// Ada with a verified address, created by an administrator.
fn ada(world: &mut World) {
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
}

fn named(world: &World, name: &str) -> Value {
    json!({"ClientId": world.client, "Username": name})
}

fn reset(world: &World, name: &str, code: &str) -> Value {
    json!({
        "ClientId": world.client, "Username": name, "ConfirmationCode": code,
        "Password": "Another-horse-8",
    })
}

/// Requests that change or remove an address.
fn moved(token: &str, world: &World) -> Vec<(Operation, Value)> {
    let by_user = |value: &str| {
        (
            Operation::UpdateUserAttributes,
            json!({"AccessToken": token, "UserAttributes": attributes(&[("email", value)])}),
        )
    };
    let by_admin = |pairs: &[(&str, &str)]| {
        (
            Operation::AdminUpdateUserAttributes,
            json!({"UserPoolId": world.pool, "Username": "ada",
                "UserAttributes": attributes(pairs)}),
        )
    };
    vec![
        by_user(""),
        by_user("new@example.com"),
        (
            Operation::DeleteUserAttributes,
            json!({"AccessToken": token, "UserAttributeNames": ["email"]}),
        ),
        by_admin(&[("email", "")]),
        by_admin(&[("email", "new@example.com"), ("email_verified", "true")]),
        (
            Operation::AdminDeleteUserAttributes,
            json!({"UserPoolId": world.pool, "Username": "ada", "UserAttributeNames": ["email"]}),
        ),
    ]
}

#[test]
fn a_code_is_invalid_once_its_address_is_replaced() {
    for way in 0..6 {
        let mut world = pool_with(json!({}));
        ada(&mut world);
        let token = world.sign_in("ada", None, None).access_token();
        let (operation, change) = moved(&token, &world).swap_remove(way);

        let forgot = named(&world, "ada");
        world.ok(Operation::ForgotPassword, forgot);
        let to_reset = sent_code(&world);
        let verify = json!({"AccessToken": token, "AttributeName": "email"});
        world.ok(Operation::GetUserAttributeVerificationCode, verify.clone());
        let to_verify = sent_code(&world);
        world.ok(operation, change.clone());

        let reset = reset(&world, "ada", &to_reset);
        assert_eq!(world.refused(Operation::ConfirmForgotPassword, reset), EXPIRED, "{change}");
        let mut verify = verify;
        verify["Code"] = json!(to_verify);
        assert_eq!(world.refused(Operation::VerifyUserAttribute, verify), EXPIRED, "{change}");
    }
}

#[test]
fn the_last_value_of_a_repeated_address_counts() {
    let mut world = verifying_email();
    ada(&mut world);
    world.set_attributes("ada", &[("email", "first@example.com"), ("email", "")]);
    assert!(world.outbox.is_empty());
    assert_eq!(attribute(&mut world, "ada", "email"), None);
    assert_eq!(attribute(&mut world, "ada", "email_verified"), None);
    world.set_attributes("ada", &[("email", "first@example.com"), ("email", "last@example.com")]);
    assert_eq!(world.outbox.len(), 1);
    assert_eq!(world.outbox[0].destination.as_str(), "last@example.com");
}

#[test]
fn a_sign_up_needs_a_code_sent_to_its_own_address() {
    let mut world = verifying_email();
    let request = sign_up(&world, "ada", &[("email", "typo@example.com")]);
    world.ok(Operation::SignUp, request);
    let code = sent_code(&world);
    world.set_attributes("ada", &[("email", "ada@example.com")]);
    let mut confirm = named(&world, "ada");
    confirm["ConfirmationCode"] = json!(code);
    assert_eq!(world.refused(Operation::ConfirmSignUp, confirm), EXPIRED);
}

#[test]
fn a_code_proves_exactly_the_address_that_it_went_to() {
    let mut world = pool_with(json!({
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    }));
    world.user("ada");
    world.set_attributes("ada", &[("email", "old@example.com")]);
    let token = world.sign_in("ada", None, None).access_token();
    let ask = json!({"AccessToken": token, "AttributeName": "email"});
    world.ok(Operation::GetUserAttributeVerificationCode, ask);
    let code = sent_code(&world);
    // The pool sends no code by itself, so the new address stays unverified.
    world.set_attributes("ada", &[("email", "new@example.com")]);
    let verify = json!({"AccessToken": token, "AttributeName": "email", "Code": code});
    world.ok(Operation::VerifyUserAttribute, verify);
    assert_eq!(attribute(&mut world, "ada", "email").unwrap(), "old@example.com");
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "true");
}

#[test]
fn a_cancelled_address_can_no_longer_be_verified() {
    let mut world = pool_with(json!({
        "AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    }));
    ada(&mut world);
    let token = world.sign_in("ada", None, None).access_token();
    let change =
        |to: &str| json!({"AccessToken": token, "UserAttributes": attributes(&[("email", to)])});
    world.ok(Operation::UpdateUserAttributes, change("new@example.com"));
    let verify = json!({"AccessToken": token, "AttributeName": "email", "Code": sent_code(&world)});
    world.ok(Operation::UpdateUserAttributes, change("ada@example.com"));
    assert_eq!(world.refused(Operation::VerifyUserAttribute, verify), EXPIRED);
    assert_eq!(attribute(&mut world, "ada", "email").unwrap(), "ada@example.com");
}

#[test]
fn an_address_proven_by_another_resets_no_password() {
    let mut world =
        pool_with(json!({"AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email"]}));
    ada(&mut world);
    let forgot = named(&world, "ada");
    world.ok(Operation::ForgotPassword, forgot);
    let code = sent_code(&world);
    let request = sign_up(&world, "bob", &[("email", "ada@example.com")]);
    world.ok(Operation::SignUp, request);
    let mut confirm = named(&world, "bob");
    confirm["ConfirmationCode"] = json!(sent_code(&world));
    confirm["ForceAliasCreation"] = json!(true);
    world.ok(Operation::ConfirmSignUp, confirm);
    let reset = reset(&world, "ada", &code);
    assert_eq!(world.refused(Operation::ConfirmForgotPassword, reset), EXPIRED);
}

/// Requests codes until the limit is reached; returns their number.
#[track_caller]
fn exhaust(world: &mut World, operation: Operation, body: &Value) -> usize {
    for sent in 0..=MAX_AN_HOUR {
        if let Err(error) = world.call(operation, body.clone()) {
            assert_eq!(error.to_string(), TOO_MANY, "{operation}");
            return sent;
        }
    }
    panic!("{operation} has no limit");
}

#[test]
fn codes_an_hour_are_limited_for_each_purpose() {
    let mut world = verifying_email();
    ada(&mut world);
    let token = world.sign_in("ada", None, None).access_token();
    let verify = json!({"AccessToken": token, "AttributeName": "email"});
    let forgot = named(&world, "ada");
    let request = sign_up(&world, "bob", &[("email", "bob@example.com")]);
    world.ok(Operation::SignUp, request);
    let resend = named(&world, "bob");
    for (operation, body, sent_before) in [
        (Operation::ForgotPassword, &forgot, 0),
        (Operation::GetUserAttributeVerificationCode, &verify, 0),
        (Operation::ResendConfirmationCode, &resend, 1),
    ] {
        assert_eq!(exhaust(&mut world, operation, body), MAX_AN_HOUR - sent_before, "{operation}");
    }
    world.seconds(60 * 60 - 1);
    assert_eq!(world.refused(Operation::ForgotPassword, forgot.clone()), TOO_MANY);
    world.seconds(1);
    assert_eq!(exhaust(&mut world, Operation::ForgotPassword, &forgot), MAX_AN_HOUR);
}

#[test]
fn a_code_that_is_used_up_still_counts() {
    let mut world = verifying_email();
    ada(&mut world);
    let forgot = named(&world, "ada");
    world.ok(Operation::ForgotPassword, forgot.clone());
    let reset = reset(&world, "ada", &sent_code(&world));
    world.ok(Operation::ConfirmForgotPassword, reset.clone());
    assert_eq!(world.refused(Operation::ConfirmForgotPassword, reset), EXPIRED);
    assert_eq!(exhaust(&mut world, Operation::ForgotPassword, &forgot), MAX_AN_HOUR - 1);
}

#[test]
fn the_limit_does_not_reveal_who_exists() {
    let mut world = verifying_email();
    ada(&mut world);
    world.user("plain");
    let request = sign_up(&world, "new", &[("email", "new@example.com")]);
    world.ok(Operation::SignUp, request);
    world.seconds(60 * 60);
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
    // NOBODY is the same unknown name again: the pool ignores case.
    for name in ["ada", "plain", "nobody", "NOBODY"] {
        let forgot = named(&world, name);
        let sent = if name == "NOBODY" { 0 } else { MAX_AN_HOUR };
        assert_eq!(exhaust(&mut world, Operation::ForgotPassword, &forgot), sent, "{name}");
    }
    for name in ["new", "nobody"] {
        let resend = named(&world, name);
        assert_eq!(
            exhaust(&mut world, Operation::ResendConfirmationCode, &resend),
            MAX_AN_HOUR,
            "{name}"
        );
    }
}

#[test]
fn address_changes_are_limited() {
    let mut world = verifying_email();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let change = |n: usize| attributes(&[("email", &format!("a{n}@example.com"))]);
    for n in 0..MAX_AN_HOUR {
        let request = json!({"AccessToken": token, "UserAttributes": change(n)});
        world.ok(Operation::UpdateUserAttributes, request);
    }
    let request = json!({"AccessToken": token, "UserAttributes": change(MAX_AN_HOUR)});
    assert_eq!(
        world.refused(Operation::UpdateUserAttributes, request),
        "TooManyRequestsException: Attempt limit exceeded, please try after some time."
    );
    world.set_attributes("ada", &[("email", "ada@example.com")]);
    assert_eq!(world.outbox.len(), 1);
}

#[test]
fn reset_code_guesses_do_not_block_proving_an_address() {
    let mut world = verifying_email();
    ada(&mut world);
    let token = world.sign_in("ada", None, None).access_token();
    let change = attributes(&[("email", "new@example.com")]);
    world.ok(
        Operation::UpdateUserAttributes,
        json!({"AccessToken": token, "UserAttributes": change}),
    );
    let code = sent_code(&world);
    for _ in 0..5 {
        let guess = reset(&world, "ada", "12345x");
        assert_eq!(world.refused(Operation::ConfirmForgotPassword, guess), EXPIRED);
    }
    let guess = reset(&world, "ada", "12345x");
    assert_eq!(world.refused(Operation::ConfirmForgotPassword, guess), TOO_MANY);
    let verify = json!({"AccessToken": token, "AttributeName": "email", "Code": code});
    world.ok(Operation::VerifyUserAttribute, verify);
}

#[test]
fn a_right_code_buys_no_guesses_at_the_next() {
    let mut world = verifying_email();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let verify = |code: &str| json!({"AccessToken": token, "AttributeName": "email", "Code": code});
    for round in 0..2 {
        let change = attributes(&[("email", &format!("a{round}@example.com"))]);
        world.ok(
            Operation::UpdateUserAttributes,
            json!({"AccessToken": token, "UserAttributes": change}),
        );
        let code = sent_code(&world);
        for _ in 0..3 - round {
            assert_eq!(world.refused(Operation::VerifyUserAttribute, verify("12345x")), MISMATCH);
        }
        if round == 0 {
            world.ok(Operation::VerifyUserAttribute, verify(&code));
        } else {
            assert_eq!(world.refused(Operation::VerifyUserAttribute, verify(&code)), TOO_MANY);
        }
    }
}

#[test]
fn a_new_user_of_the_same_name_inherits_no_code() {
    let mut world = verifying_email();
    ada(&mut world);
    let forgot = named(&world, "ada");
    world.ok(Operation::ForgotPassword, forgot);
    let reset = reset(&world, "ada", &sent_code(&world));
    let delete = json!({"UserPoolId": world.pool, "Username": "ada"});
    world.ok(Operation::AdminDeleteUser, delete);
    ada(&mut world);
    assert_eq!(world.refused(Operation::ConfirmForgotPassword, reset), EXPIRED);
}

#[test]
fn a_mail_escapes_the_markup_of_name_and_password() {
    const SAFE: &str = "Your username is {####}&lt;b&gt; and temporary password is \
                        A1&lt;{username}&gt;&amp;&quot;z";
    const PLAIN: &str = "Your username is {####}<b> and temporary password is A1<{username}>&\"z";
    let mut world = World::new();
    let request = json!({
        "UserPoolId": world.pool, "Username": "{####}<b>",
        "TemporaryPassword": "A1<{username}>&\"z",
        "DesiredDeliveryMediums": ["EMAIL", "SMS"],
        "UserAttributes": attributes(&[("email", "a@example.com"), ("phone_number", "+15550100")]),
    });
    world.ok(Operation::AdminCreateUser, request);
    let bodies: Vec<&str> = world.outbox.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(bodies, [PLAIN, SAFE], "a text message, then a mail");
    assert!(world.outbox.iter().all(|message| message.code.as_str() == "A1<{username}>&\"z"));
}

#[test]
fn an_administrators_password_claims_the_preferred_name() {
    let mut world = pool_with(json!({"AliasAttributes": ["preferred_username"]}));
    for name in ["ada", "bob"] {
        let request = sign_up(&world, name, &[]);
        world.ok(Operation::SignUp, request);
        world.set_attributes(name, &[("preferred_username", "boss")]);
    }
    let set = |world: &World, name: &str, permanent: bool| {
        json!({"UserPoolId": world.pool,
        "Username": name, "Password": PASSWORD, "Permanent": permanent})
    };
    let request = set(&world, "ada", true);
    world.ok(Operation::AdminSetUserPassword, request);
    let token = world.sign_in("boss", None, None).access_token();
    assert_eq!(world.ok(Operation::GetUser, json!({"AccessToken": token}))["Username"], "ada");
    for permanent in [true, false] {
        let request = set(&world, "bob", permanent);
        assert_eq!(
            world.refused(Operation::AdminSetUserPassword, request),
            "InvalidParameterException: An account with the preferred_username already exists."
        );
    }
    let confirm = json!({"UserPoolId": world.pool, "Username": "bob"});
    assert_eq!(
        world.refused(Operation::AdminConfirmSignUp, confirm),
        "InvalidParameterException: An account with the preferred_username already exists."
    );
}
