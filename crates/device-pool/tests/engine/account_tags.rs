//! The pool's tags under `account:`, for users whose access token was stolen.

use device_pool::Topic;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

/// A user with an address, and an access token of now.
fn world() -> (World, String) {
    let mut world = World::opt_in();
    world.set_pool("AutoVerifiedAttributes", json!(["email"]));
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
    let token = world.sign_in("ada", None, None).access_token();
    (world, token)
}

fn set_address(address: &str) -> Value {
    json!({"UserAttributes": [{"Name": "email", "Value": address}]})
}

#[test]
fn an_old_sign_in_changes_no_address_and_no_factor() {
    let (mut world, token) = world();
    world.tag("account:fresh-sign-in", "10m");
    let no_app = json!({"SoftwareTokenMfaSettings": {"Enabled": false}});
    for (operation, body) in [
        (Operation::UpdateUserAttributes, set_address("thief@example.com")),
        (Operation::DeleteUserAttributes, json!({"UserAttributeNames": ["email"]})),
        (Operation::AssociateSoftwareToken, json!({})),
        (Operation::SetUserMFAPreference, no_app),
    ] {
        let mut body = body;
        body["AccessToken"] = json!(token);
        world.seconds(601);
        let refused = world.refused(operation, body.clone());
        assert!(refused.ends_with("Sign in again first."), "{operation}: {refused}");
        world.seconds(-601);
        world.ok(operation, body);
    }
    world.seconds(601);
    let name = json!({"AccessToken": token, "UserAttributes": [{"Name": "name", "Value": "Ada"}]});
    world.ok(Operation::UpdateUserAttributes, name);
    world.tag("account:fresh-sign-in", "11m");
    let mut body = set_address("ada@example.org");
    body["AccessToken"] = json!(token);
    world.ok(Operation::UpdateUserAttributes, body);
}

#[test]
fn an_address_left_is_told_once_another_is_proven() {
    for told in [true, false] {
        let (mut world, token) = world();
        let keep = json!({"AttributesRequireVerificationBeforeUpdate": ["email"]});
        world.set_pool("UserAttributeUpdateSettings", keep);
        if told {
            world.tag("account:notify", "changed-address");
        }
        let mut body = set_address("thief@example.com");
        body["AccessToken"] = json!(token);
        world.ok(Operation::UpdateUserAttributes, body);
        let [code] = &world.outbox[..] else { panic!("{:?}", world.outbox) };
        let verify = json!({"AccessToken": token, "AttributeName": "email",
            "Code": code.code.as_str()});
        world.ok(Operation::VerifyUserAttribute, verify);
        let sent: Vec<_> = world.outbox.iter().map(|message| message.topic).collect();
        if !told {
            assert!(sent.is_empty());
            continue;
        }
        assert_eq!(sent, [Topic::ChangedAddress]);
        assert_eq!(world.outbox[0].destination.as_str(), "ada@example.com");
        assert!(world.outbox[0].body.contains("ada") && world.outbox[0].code.is_empty());
    }
}

#[test]
fn a_new_password_ends_sessions_if_the_pool_says_so() {
    for (tag, ends) in [(None, false), (Some("sign-out"), true)] {
        let (mut world, token) = world();
        if let Some(value) = tag {
            world.tag("account:new-password", value);
        }
        let other = world.sign_in("ada", None, None).access_token();
        let change = json!({"AccessToken": token, "PreviousPassword": PASSWORD,
            "ProposedPassword": "Another-horse-8"});
        world.ok(Operation::ChangePassword, change);
        for token in [token, other] {
            let still = world.call(Operation::GetUser, json!({"AccessToken": token}));
            assert_eq!(still.is_err(), ends, "{tag:?}");
        }
    }
}
