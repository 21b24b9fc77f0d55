//! Self-service accounts: sign-up, confirmation, and sign-in names.

use std::sync::Arc;

use device_pool::store::{Change, Key, Store as _, Table, Write};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, PASSWORD, World, claims};

const MISMATCH: &str =
    "CodeMismatchException: Invalid verification code provided, please try again.";
const EXPIRED: &str = "ExpiredCodeException: Invalid code provided, please request a code again.";
const UNKNOWN: &str = "UserNotFoundException: User does not exist.";

/// A world with a pool that has these settings besides its name.
pub(crate) fn pool_with(mut settings: Value) -> World {
    let mut world = World::new();
    settings["PoolName"] = json!("others");
    if settings["UsernameConfiguration"].is_null() {
        settings["UsernameConfiguration"] = json!({"CaseSensitive": false});
    }
    let made = world.ok(Operation::CreateUserPool, settings);
    world.pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH",
            "ALLOW_REFRESH_TOKEN_AUTH"],
    }));
    world
}

pub(crate) fn verifying_email() -> World {
    pool_with(json!({"AutoVerifiedAttributes": ["email"]}))
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
}

pub(crate) fn sign_up(world: &World, name: &str, pairs: &[(&str, &str)]) -> Value {
    json!({
        "ClientId": world.client, "Username": name, "Password": PASSWORD,
        "UserAttributes": attributes(pairs),
    })
}

/// The code in the single message of the last call.
#[track_caller]
pub(crate) fn sent_code(world: &World) -> String {
    assert_eq!(world.outbox.len(), 1, "{:?}", world.outbox);
    world.outbox[0].code.as_str().to_owned()
}

fn confirm(world: &World, name: &str, code: &str) -> Value {
    json!({"ClientId": world.client, "Username": name, "ConfirmationCode": code})
}

pub(crate) fn attribute(world: &mut World, name: &str, attribute: &str) -> Option<String> {
    let shown =
        world.ok(Operation::AdminGetUser, json!({"UserPoolId": world.pool, "Username": name}));
    let list = shown["UserAttributes"].as_array().unwrap();
    let found = list.iter().find(|entry| entry["Name"] == attribute)?;
    Some(found["Value"].as_str().unwrap().to_owned())
}

fn signs_in(world: &mut World, name: &str) -> bool {
    world.first_factor(Flow::Password, name, None).is_ok()
}

#[test]
fn a_user_signs_up_confirms_with_the_code_and_signs_in() {
    let mut world = verifying_email();
    let request = sign_up(&world, "ada", &[("email", "ada@example.com")]);
    let made = world.ok(Operation::SignUp, request);
    assert_eq!(made["UserConfirmed"], false);
    assert_eq!(
        made["CodeDeliveryDetails"],
        json!({"Destination": "a***@e***", "DeliveryMedium": "EMAIL", "AttributeName": "email"})
    );
    let code = sent_code(&world);
    assert_eq!(world.outbox[0].destination.as_str(), "ada@example.com");
    assert_eq!(world.outbox[0].body.as_str(), format!("Your confirmation code is {code}"));
    let refused = world.first_factor(Flow::Password, "ada", None).unwrap_err().to_string();
    assert_eq!(refused, "UserNotConfirmedException: User is not confirmed.");
    let wrong = confirm(&world, "ada", "12345x");
    assert_eq!(world.refused(Operation::ConfirmSignUp, wrong), MISMATCH);
    let right = confirm(&world, "Ada", &code);
    assert_eq!(world.ok(Operation::ConfirmSignUp, right.clone()), json!({}));
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "true");
    assert!(signs_in(&mut world, "ada"));
    assert_eq!(
        world.refused(Operation::ConfirmSignUp, right),
        "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED"
    );
}

#[test]
fn a_message_follows_the_template_and_escapes_names() {
    let mut world = pool_with(json!({
        "AutoVerifiedAttributes": ["email"],
        "VerificationMessageTemplate": {"EmailMessage": "<b>{username}</b>: \
                                                         {####}", "EmailSubject": "Hello"},
    }));
    let request = sign_up(&world, "<i>ada", &[("email", "ada@example.com")]);
    world.ok(Operation::SignUp, request);
    let code = sent_code(&world);
    assert_eq!(world.outbox[0].subject, "Hello");
    assert_eq!(world.outbox[0].body.as_str(), format!("<b>&lt;i&gt;ada</b>: {code}"));
}

#[test]
fn an_invalid_sign_up_is_refused_with_the_reason() {
    let mut world = verifying_email();
    let good = sign_up(&world, "ada", &[]);
    world.ok(Operation::SignUp, good.clone());
    assert_eq!(
        world.refused(Operation::SignUp, good.clone()),
        "UsernameExistsException: User already exists"
    );
    let mut folded = good.clone();
    folded["Username"] = json!("ADA");
    assert_eq!(
        world.refused(Operation::SignUp, folded),
        "UsernameExistsException: User already exists"
    );
    for (member, value, says) in [
        (
            "Password",
            json!("short"),
            "InvalidPasswordException: Password did not conform with policy",
        ),
        ("Password", json!(null), "InvalidParameterException: Missing required parameter Password"),
        (
            "ClientId",
            json!("nobody"),
            "ResourceNotFoundException: User pool client nobody does not exist.",
        ),
        (
            "SecretHash",
            json!("x"),
            "NotAuthorizedException: Unable to verify secret hash for client",
        ),
        (
            "UserAttributes",
            attributes(&[("email", "none")]),
            "InvalidParameterException: Invalid email address format.",
        ),
        (
            "UserAttributes",
            attributes(&[("phone_number", "555")]),
            "InvalidParameterException: Invalid phone number format.",
        ),
        (
            "UserAttributes",
            attributes(&[("custom:no", "x")]),
            "InvalidParameterException: Attributes did not conform",
        ),
        (
            "UserAttributes",
            attributes(&[("email", "a@b"), ("email_verified", "true")]),
            "NotAuthorizedException: A client attempted to write unauthorized attribute",
        ),
    ] {
        let mut request = good.clone();
        request["Username"] = json!("bob");
        request[member] = value;
        let refusal = world.refused(Operation::SignUp, request);
        assert!(refusal.starts_with(says), "{refusal}");
    }
}

#[test]
fn a_pool_may_require_attributes_or_forbid_sign_up() {
    let mut world = pool_with(json!({"Schema": [{"Name": "email", "Required": true}]}));
    let request = sign_up(&world, "ada", &[]);
    assert_eq!(
        world.refused(Operation::SignUp, request),
        "InvalidParameterException: Attributes did not conform to the schema: email: The attribute \
         is required"
    );
    let mut world = pool_with(json!({"AdminCreateUserConfig": {"AllowAdminCreateUserOnly": true}}));
    let request = sign_up(&world, "ada", &[]);
    assert_eq!(
        world.refused(Operation::SignUp, request),
        "NotAuthorizedException: SignUp is not permitted for this user pool"
    );
}

#[test]
fn a_code_expires_and_a_confirmed_user_gets_none() {
    let mut world = verifying_email();
    let request = sign_up(&world, "ada", &[("email", "ada@example.com")]);
    world.ok(Operation::SignUp, request);
    let resend = json!({"ClientId": world.client, "Username": "ada"});
    let sent = world.ok(Operation::ResendConfirmationCode, resend.clone());
    assert_eq!(sent["CodeDeliveryDetails"]["Destination"], "a***@e***");
    let second = sent_code(&world);
    world.seconds(24 * 60 * 60);
    let request = confirm(&world, "ada", &second);
    assert_eq!(world.refused(Operation::ConfirmSignUp, request), EXPIRED);
    world.ok(Operation::AdminConfirmSignUp, json!({"UserPoolId": world.pool, "Username": "ada"}));
    assert_eq!(
        world.refused(Operation::ResendConfirmationCode, resend),
        "InvalidParameterException: User is already confirmed."
    );
    assert_eq!(
        world.refused(
            Operation::AdminConfirmSignUp,
            json!({"UserPoolId": world.pool, "Username": "ada"})
        ),
        "NotAuthorizedException: User cannot be confirmed. Current status is CONFIRMED"
    );
    assert_ne!(attribute(&mut world, "ada", "email_verified").as_deref(), Some("true"));
    assert!(signs_in(&mut world, "ada"));
}

#[test]
fn no_code_is_sent_if_nothing_is_verified() {
    let mut world = World::new();
    let request = sign_up(&world, "ada", &[("email", "ada@example.com")]);
    let made = world.ok(Operation::SignUp, request);
    assert!(made.get("CodeDeliveryDetails").is_none() && world.outbox.is_empty());
    let resend = json!({"ClientId": world.client, "Username": "ada"});
    assert_eq!(
        world.refused(Operation::ResendConfirmationCode, resend),
        "InvalidParameterException: Cannot resend codes. Auto verification not turned on."
    );
}

#[test]
fn guesses_at_a_code_lock_codes_and_not_passwords() {
    let mut world = verifying_email();
    let request = sign_up(&world, "ada", &[("email", "ada@example.com")]);
    world.ok(Operation::SignUp, request);
    let code = sent_code(&world);
    for _ in 0..5 {
        let wrong = confirm(&world, "ada", "12345x");
        assert_eq!(world.refused(Operation::ConfirmSignUp, wrong), MISMATCH);
    }
    let right = confirm(&world, "ada", &code);
    assert_eq!(
        world.refused(Operation::ConfirmSignUp, right.clone()),
        "LimitExceededException: Attempt limit exceeded, please try after some time."
    );
    let unconfirmed = world.first_factor(Flow::Password, "ada", None).unwrap_err().to_string();
    assert_eq!(unconfirmed, "UserNotConfirmedException: User is not confirmed.");
    world.seconds(1);
    assert_eq!(
        world.refused(Operation::ConfirmSignUp, right),
        EXPIRED,
        "five wrong codes invalidated it"
    );
    world.seconds(2);
    world.ok(
        Operation::ResendConfirmationCode,
        json!({"ClientId": world.client, "Username": "ada"}),
    );
    let right = confirm(&world, "ada", &sent_code(&world));
    world.ok(Operation::ConfirmSignUp, right);
}

#[test]
fn sign_up_answers_alike_if_users_are_hidden() {
    let mut world = verifying_email();
    let request = sign_up(&world, "ada", &[("email", "ada@example.com")]);
    world.ok(Operation::SignUp, request);
    let open = json!({"ClientId": world.client, "Username": "nobody"});
    assert_eq!(world.refused(Operation::ResendConfirmationCode, open), UNKNOWN);
    let code = confirm(&world, "nobody", "000000");
    assert_eq!(world.refused(Operation::ConfirmSignUp, code), UNKNOWN);

    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED"}));
    let mut shapes = Vec::new();
    for name in ["ada", "nobody"] {
        let resend = json!({"ClientId": world.client, "Username": name});
        let sent = world.ok(Operation::ResendConfirmationCode, resend.clone());
        assert_eq!(
            sent,
            world.ok(Operation::ResendConfirmationCode, resend),
            "every answer is the same"
        );
        let details = &sent["CodeDeliveryDetails"];
        let destination = details["Destination"].as_str().unwrap();
        let stars: String =
            destination.chars().map(|c| if c.is_alphanumeric() { 'x' } else { c }).collect();
        shapes.push((details["DeliveryMedium"].clone(), details["AttributeName"].clone(), stars));
        let mut refusals = Vec::new();
        for _ in 0..6 {
            let wrong = confirm(&world, name, "12345x");
            refusals.push(world.refused(Operation::ConfirmSignUp, wrong));
        }
        assert_eq!(refusals[..5], [MISMATCH; 5]);
        assert!(refusals[5].starts_with("LimitExceededException"));
    }
    assert_eq!(shapes[0], shapes[1]);
}

#[test]
fn an_alias_signs_in_once_it_is_proven_and_belongs_to_one() {
    let mut world = pool_with(json!({
        "AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email", "preferred_username"],
    }));
    let mut codes = Vec::new();
    for name in ["ada", "bob"] {
        let request = sign_up(&world, name, &[("email", "Shared@example.com")]);
        world.ok(Operation::SignUp, request);
        codes.push(sent_code(&world));
        world.set_attributes(name, &[("preferred_username", "boss")]);
        assert!(
            !signs_in(&mut world, "shared@example.com"),
            "an alias does not sign in before it is verified"
        );
    }
    let ada = confirm(&world, "ada", &codes[0]);
    world.ok(Operation::ConfirmSignUp, ada);
    for alias in ["shared@EXAMPLE.com", "Boss"] {
        assert_eq!(world.sign_in(alias, None, None).challenges, [] as [&str; 0], "{alias}");
    }
    // Bob cannot get either of Ada's names, in any order of requests.
    let mut bob = confirm(&world, "bob", &codes[1]);
    let refusal = world.refused(Operation::ConfirmSignUp, bob.clone());
    assert!(refusal.starts_with("AliasExistsException: An account with the "), "{refusal}");
    bob["ForceAliasCreation"] = json!(true);
    let refusal = world.refused(Operation::ConfirmSignUp, bob);
    assert_eq!(
        refusal,
        "AliasExistsException: An account with the preferred_username already exists."
    );
}

#[test]
fn no_preferred_name_that_is_an_alias_comes_with_a_sign_up() {
    for (aliases, refused) in [(json!(["email", "preferred_username"]), true), (json!(null), false)]
    {
        let mut world = pool_with(json!({"AliasAttributes": aliases}));
        let request = sign_up(&world, "ada", &[("preferred_username", "boss")]);
        let answer = world.call(Operation::SignUp, request).map_err(|error| error.to_string());
        assert_eq!(answer.is_err(), refused);
        if let Err(says) = answer {
            assert_eq!(
                says,
                "InvalidParameterException: Preferred username cannot be provided for unconfirmed \
                 account, since user pool is configured for preferred username alias."
            );
        }
    }
}

#[test]
fn a_proven_address_goes_to_the_user_who_forces_it() {
    let mut world =
        pool_with(json!({"AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email"]}));
    let mut codes = Vec::new();
    for name in ["ada", "bob"] {
        let request = sign_up(&world, name, &[("email", "shared@example.com")]);
        world.ok(Operation::SignUp, request);
        codes.push(sent_code(&world));
    }
    let ada = confirm(&world, "ada", &codes[0]);
    world.ok(Operation::ConfirmSignUp, ada);
    let mut bob = confirm(&world, "bob", &codes[1]);
    bob["ForceAliasCreation"] = json!(true);
    world.ok(Operation::ConfirmSignUp, bob);
    let token = world.sign_in("shared@example.com", None, None).access_token();
    assert_eq!(world.ok(Operation::GetUser, json!({"AccessToken": token}))["Username"], "bob");
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "false");
    assert!(signs_in(&mut world, "ada"));
}

#[test]
fn a_confirmed_sign_up_proves_only_the_address_of_its_code() {
    let mut world = pool_with(json!({
        "AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    }));
    let request = sign_up(&world, "ada", &[("email", "old@example.com")]);
    world.ok(Operation::SignUp, request);
    let right = sent_code(&world);
    world.set_attributes("ada", &[("email", "new@example.com")]);
    let right = confirm(&world, "ada", &right);
    world.ok(Operation::ConfirmSignUp, right);
    assert_eq!(attribute(&mut world, "ada", "email").unwrap(), "old@example.com");
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "true");
}

#[test]
fn a_case_insensitive_pool_shows_names_in_lower_case() {
    for (settings, shown) in [
        (json!({"UsernameConfiguration": {"CaseSensitive": false}}), "ada"),
        (json!({"UsernameConfiguration": {"CaseSensitive": true}}), "Ada"),
    ] {
        let mut world = pool_with(settings);
        let request = sign_up(&world, "Ada", &[]);
        world.ok(Operation::SignUp, request);
        let named = json!({"UserPoolId": world.pool, "Username": "Ada"});
        world.ok(Operation::AdminConfirmSignUp, named.clone());
        assert_eq!(world.ok(Operation::AdminGetUser, named)["Username"], shown);
        let signed_in = world.sign_in("Ada", None, None);
        assert_eq!(claims(&signed_in.access_token())["username"], shown);
        assert_eq!(
            claims(signed_in.result["IdToken"].as_str().unwrap())["cognito:username"],
            shown
        );
    }
}

#[test]
fn giving_up_a_name_takes_it_from_no_other_user() {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::over(store.clone(), 7);
    let aliases = json!({"PoolName": "others", "AliasAttributes": ["preferred_username"]});
    world.pool =
        world.ok(Operation::CreateUserPool, aliases)["UserPool"]["Id"].as_str().unwrap().to_owned();
    world.client = world.make_client(json!({}));
    for name in ["ada", "bob"] {
        world.user(name);
    }
    world.set_attributes("ada", &[("preferred_username", "boss")]);
    // Bob may have the name because of a restored backup or a bug in an older version.
    let key = Key { table: Table::Login, id: format!("{}/boss", world.pool) };
    let held = String::from_utf8(store.get(&key).unwrap().unwrap().body).unwrap();
    let body = held.replace(r#""username":"ada""#, r#""username":"bob""#).into_bytes();
    let write = (key, Write::Put { body, expires_at: None });
    store.apply(Change { expect: vec![], writes: vec![write] }).unwrap();
    world.set_attributes("ada", &[("preferred_username", "chief")]);
    for (name, whose) in [("boss", "bob"), ("chief", "ada")] {
        let token = world.sign_in(name, None, None).access_token();
        assert_eq!(claims(&token)["username"], whose);
    }
}

#[test]
fn no_username_looks_like_an_alias_address() {
    let mut world = pool_with(json!({"AliasAttributes": ["email", "phone_number"]}));
    for (name, format) in [("ada@example.com", "email"), ("+15550100", "phone number")] {
        let request = sign_up(&world, name, &[]);
        assert_eq!(
            world.refused(Operation::SignUp, request),
            format!(
                "InvalidParameterException: Username cannot be of {format} format, since user pool \
                 is configured \
                 for {format} alias."
            )
        );
    }
}

#[test]
fn if_addresses_are_usernames_the_internal_name_is_the_sub() {
    let mut world =
        pool_with(json!({"AutoVerifiedAttributes": ["email"], "UsernameAttributes": ["email"]}));
    let request = sign_up(&world, "Ada@example.com", &[]);
    let made = world.ok(Operation::SignUp, request.clone());
    let code = sent_code(&world);
    assert_eq!(world.outbox[0].username.as_str(), made["UserSub"].as_str().unwrap());
    let mut again = request;
    again["Username"] = json!("ada@EXAMPLE.com");
    assert_eq!(
        world.refused(Operation::SignUp, again),
        "UsernameExistsException: User already exists"
    );
    let plain = sign_up(&world, "ada", &[]);
    assert_eq!(
        world.refused(Operation::SignUp, plain),
        "InvalidParameterException: Username should be an email."
    );
    let right = confirm(&world, "ada@example.com", &code);
    world.ok(Operation::ConfirmSignUp, right);
    world.sign_in("ADA@example.com", None, None);
}
