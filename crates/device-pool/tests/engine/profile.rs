//! Attributes: who may write them, and how addresses are verified.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::{attribute, attributes, pool_with, sent_code, verifying_email};
use crate::world::World;

/// Ada, signed in; returns her access token.
fn ada(world: &mut World) -> String {
    world.user("ada");
    world.sign_in("ada", None, None).access_token()
}

fn update(token: &str, pairs: &[(&str, &str)]) -> Value {
    json!({"AccessToken": token, "UserAttributes": attributes(pairs)})
}

fn verify(token: &str, name: &str, code: &str) -> Value {
    json!({"AccessToken": token, "AttributeName": name, "Code": code})
}

#[test]
fn a_new_address_is_unproven_until_its_code_comes_back() {
    let mut world = verifying_email();
    let token = ada(&mut world);
    let pairs = [("email", "ada@example.com"), ("phone_number", "+15550100"), ("name", "Ada")];
    let answer = world.ok(Operation::UpdateUserAttributes, update(&token, &pairs));
    assert_eq!(
        answer["CodeDeliveryDetailsList"].as_array().unwrap().len(),
        1,
        "this pool does not verify phone numbers"
    );
    assert_eq!(answer["CodeDeliveryDetailsList"][0]["Destination"], "a***@e***");
    let code = sent_code(&world);
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "false");
    let wrong = world.refused(Operation::VerifyUserAttribute, verify(&token, "email", "12345x"));
    assert!(wrong.starts_with("CodeMismatchException"), "{wrong}");
    let other =
        world.refused(Operation::VerifyUserAttribute, verify(&token, "phone_number", &code));
    assert!(other.starts_with("ExpiredCodeException"), "{other}");
    assert_eq!(world.ok(Operation::VerifyUserAttribute, verify(&token, "email", &code)), json!({}));
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "true");
    let same =
        world.ok(Operation::UpdateUserAttributes, update(&token, &[("email", "ada@example.com")]));
    assert_eq!(same["CodeDeliveryDetailsList"], json!([]));
    assert_eq!(
        attribute(&mut world, "ada", "email_verified").unwrap(),
        "true",
        "the refusal changed nothing"
    );
}

#[test]
fn a_code_proves_the_address_that_it_went_to() {
    let mut world = verifying_email();
    let token = ada(&mut world);
    world.ok(Operation::UpdateUserAttributes, update(&token, &[("email", "old@example.com")]));
    let old = sent_code(&world);
    world.ok(Operation::UpdateUserAttributes, update(&token, &[("email", "new@example.com")]));
    let refused = world.refused(Operation::VerifyUserAttribute, verify(&token, "email", &old));
    assert!(refused.starts_with("CodeMismatchException"), "{refused}");
    world.ok(
        Operation::DeleteUserAttributes,
        json!({"AccessToken": token, "UserAttributeNames": ["email"]}),
    );
    assert_eq!(attribute(&mut world, "ada", "email_verified"), None);
    let refused = world.refused(Operation::VerifyUserAttribute, verify(&token, "email", &old));
    assert!(refused.starts_with("ExpiredCodeException"), "{refused}");
}

#[test]
fn a_pool_may_keep_the_old_address_until_the_new_is_proven() {
    let mut world = pool_with(json!({
        "AutoVerifiedAttributes": ["email"],
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": ["email"]},
    }));
    let token = ada(&mut world);
    let first = [("email", "old@example.com"), ("email_verified", "true")];
    let request =
        json!({"UserPoolId": world.pool, "Username": "ada", "UserAttributes": attributes(&first)});
    world.ok(Operation::AdminUpdateUserAttributes, request);
    assert!(
        world.outbox.is_empty(),
        "an address that an administrator sets as verified needs no code"
    );
    world.ok(Operation::UpdateUserAttributes, update(&token, &[("email", "new@example.com")]));
    assert_eq!(world.outbox[0].destination.as_str(), "new@example.com");
    assert_eq!(attribute(&mut world, "ada", "email").unwrap(), "old@example.com");
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "true");
    let again = json!({"AccessToken": token, "AttributeName": "email"});
    let sent = world.ok(Operation::GetUserAttributeVerificationCode, again);
    assert_eq!(sent["CodeDeliveryDetails"]["Destination"], "n***@e***");
    let code = sent_code(&world);
    world.ok(Operation::VerifyUserAttribute, verify(&token, "email", &code));
    assert_eq!(attribute(&mut world, "ada", "email").unwrap(), "new@example.com");
}

#[test]
fn a_verification_code_needs_an_address() {
    let mut world = verifying_email();
    let token = ada(&mut world);
    for (name, says) in [
        ("email", "InvalidParameterException: User does not have the attribute email."),
        ("name", "InvalidParameterException: Only email and phone_number can be verified."),
    ] {
        let request = json!({"AccessToken": token, "AttributeName": name});
        assert_eq!(world.refused(Operation::GetUserAttributeVerificationCode, request), says);
    }
    let refused = world.refused(Operation::VerifyUserAttribute, verify(&token, "name", "000000"));
    assert_eq!(refused, "InvalidParameterException: Only email and phone_number can be verified.");
}

#[test]
fn a_user_writes_only_what_the_client_may() {
    let mut world = World::new();
    let token = ada(&mut world);
    let unauthorized = "NotAuthorizedException: A client attempted to write unauthorized attribute";
    for name in ["email_verified", "phone_number_verified", "identities"] {
        assert_eq!(
            world.refused(Operation::UpdateUserAttributes, update(&token, &[(name, "true")])),
            unauthorized
        );
        let delete = json!({"AccessToken": token, "UserAttributeNames": [name]});
        assert_eq!(world.refused(Operation::DeleteUserAttributes, delete), unauthorized);
    }
    let flows = ["ALLOW_USER_SRP_AUTH"];
    world.client =
        world.make_client(json!({"ExplicitAuthFlows": flows, "WriteAttributes": ["name"]}));
    let token = world.sign_in("ada", None, None).access_token();
    world.ok(Operation::UpdateUserAttributes, update(&token, &[("name", "Ada")]));
    assert_eq!(
        world.refused(Operation::UpdateUserAttributes, update(&token, &[("nickname", "A")])),
        unauthorized
    );
    assert_eq!(attribute(&mut world, "ada", "nickname"), None);
}

#[test]
fn required_attributes_stay_and_fixed_ones_do_not_change() {
    let mut world = pool_with(json!({"Schema": [
        {"Name": "email", "Required": true, "Mutable": true, "AttributeDataType": "String"},
        {"Name": "badge", "Mutable": false, "AttributeDataType": "String"},
    ]}));
    let pairs = [("email", "ada@example.com"), ("custom:badge", "7")];
    let request = json!({
        "UserPoolId": world.pool, "Username": "ada", "TemporaryPassword": crate::world::PASSWORD,
        "MessageAction": "SUPPRESS", "UserAttributes": attributes(&pairs),
    });
    world.ok(Operation::AdminCreateUser, request);
    let admin = |world: &World| json!({"UserPoolId": world.pool, "Username": "ada"});
    let mut change = admin(&world);
    change["UserAttributes"] = attributes(&[("custom:badge", "8")]);
    assert_eq!(
        world.refused(Operation::AdminUpdateUserAttributes, change),
        "InvalidParameterException: user.custom:badge: Attribute cannot be updated."
    );
    let mut delete = admin(&world);
    delete["UserAttributeNames"] = json!(["email"]);
    assert_eq!(
        world.refused(Operation::AdminDeleteUserAttributes, delete),
        "InvalidParameterException: Attributes did not conform to the schema: email: The attribute \
         is required"
    );
}

#[test]
fn administrators_write_and_remove_attributes() {
    let mut world = verifying_email();
    world.user("ada");
    let admin = |world: &World| json!({"UserPoolId": world.pool, "Username": "ada"});
    let mut change = admin(&world);
    change["UserAttributes"] = attributes(&[("email", "ada@example.com"), ("nickname", "A")]);
    assert_eq!(world.ok(Operation::AdminUpdateUserAttributes, change.clone()), json!({}));
    assert_eq!(world.outbox.len(), 1, "the new address gets a code");
    change["UserAttributes"] = attributes(&[("email_verified", "true"), ("nickname", "")]);
    world.ok(Operation::AdminUpdateUserAttributes, change.clone());
    assert_eq!(attribute(&mut world, "ada", "email_verified").unwrap(), "true");
    assert_eq!(
        attribute(&mut world, "ada", "nickname"),
        None,
        "an empty value removes the attribute"
    );
    change["UserAttributes"] = attributes(&[("email_verified", "perhaps")]);
    let refused = world.refused(Operation::AdminUpdateUserAttributes, change.clone());
    assert!(refused.starts_with("InvalidParameterException"), "{refused}");
    let mut delete = admin(&world);
    delete["UserAttributeNames"] = json!(["email"]);
    assert_eq!(world.ok(Operation::AdminDeleteUserAttributes, delete), json!({}));
    assert_eq!(attribute(&mut world, "ada", "email"), None);
    change["Username"] = json!("nobody");
    let refused = world.refused(Operation::AdminUpdateUserAttributes, change);
    assert_eq!(refused, "UserNotFoundException: User does not exist.");
}

#[test]
fn an_address_that_is_anothers_alias_cannot_be_proven() {
    let mut world =
        pool_with(json!({"AutoVerifiedAttributes": ["email"], "AliasAttributes": ["email"]}));
    let token = ada(&mut world);
    world.user("bob");
    let pairs = [("email", "bob@example.com"), ("email_verified", "true")];
    let request =
        json!({"UserPoolId": world.pool, "Username": "bob", "UserAttributes": attributes(&pairs)});
    world.ok(Operation::AdminUpdateUserAttributes, request.clone());
    world.ok(Operation::UpdateUserAttributes, update(&token, &[("email", "bob@example.com")]));
    let code = sent_code(&world);
    let exists = "AliasExistsException: An account with the email already exists.";
    assert_eq!(
        world.refused(Operation::VerifyUserAttribute, verify(&token, "email", &code)),
        exists
    );
    let mut same = request;
    same["Username"] = json!("ada");
    assert_eq!(world.refused(Operation::AdminUpdateUserAttributes, same), exists);
    let pool = world.pool.clone();
    world.ok(Operation::AdminDeleteUser, json!({"UserPoolId": pool, "Username": "bob"}));
    world.ok(Operation::VerifyUserAttribute, verify(&token, "email", &code));
    world.sign_in("bob@example.com", None, None);
}
