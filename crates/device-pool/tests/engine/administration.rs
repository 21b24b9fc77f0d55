//! Users and groups, managed by administrators.

use device_pool::{Medium, Topic};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::{attributes, pool_with, sent_code};
use crate::world::{Flow, PASSWORD, World, claims};

const UNKNOWN: &str = "UserNotFoundException: User does not exist.";

fn admin(world: &World, name: &str) -> Value {
    json!({"UserPoolId": world.pool, "Username": name})
}

fn refusal(world: &mut World, name: &str) -> Option<String> {
    world.first_factor(Flow::Password, name, None).err().map(|error| error.to_string())
}

#[test]
fn an_invitation_carries_a_temporary_password_that_works() {
    let mut world = World::new();
    let mut request = admin(&world, "ada");
    request["UserAttributes"] =
        attributes(&[("email", "ada@example.com"), ("phone_number", "+15550100")]);
    request["DesiredDeliveryMediums"] = json!(["EMAIL"]);
    world.ok(Operation::AdminCreateUser, request.clone());
    let password = sent_code(&world);
    assert_eq!((world.outbox[0].topic, world.outbox[0].medium), (Topic::Invitation, Medium::Email));
    let body = format!("Your username is ada and temporary password is {password}");
    assert_eq!(world.outbox[0].body.as_str(), body);
    let start = |world: &World, password: &str| {
        json!({
            "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": "ada", "PASSWORD": password},
        })
    };
    let sign_in = start(&world, &password);
    assert_eq!(
        world.ok(Operation::InitiateAuth, sign_in.clone())["ChallengeName"],
        "NEW_PASSWORD_REQUIRED"
    );

    assert_eq!(
        world.refused(Operation::AdminCreateUser, request.clone()),
        "UsernameExistsException: User account already exists"
    );
    request["MessageAction"] = json!("RESEND");
    world.ok(Operation::AdminCreateUser, request.clone());
    let sign_in_again = start(&world, &sent_code(&world));
    assert!(
        world.call(Operation::InitiateAuth, sign_in).is_err(),
        "the first temporary password is replaced"
    );
    world.ok(Operation::InitiateAuth, sign_in_again);
    world.user("bob");
    request["Username"] = json!("bob");
    assert_eq!(
        world.refused(Operation::AdminCreateUser, request.clone()),
        "UnsupportedUserStateException: Resend not possible. User status is CONFIRMED"
    );
    request["Username"] = json!("nobody");
    assert_eq!(world.refused(Operation::AdminCreateUser, request), UNKNOWN);
}

#[test]
fn a_suppressed_invitation_sends_nothing() {
    let mut world = pool_with(json!({"AliasAttributes": ["email"]}));
    let mut request = admin(&world, "ada");
    request["UserAttributes"] =
        attributes(&[("email", "ada@example.com"), ("email_verified", "true")]);
    request["MessageAction"] = json!("SUPPRESS");
    world.ok(Operation::AdminCreateUser, request.clone());
    assert!(world.outbox.is_empty());
    request["Username"] = json!("bob");
    assert_eq!(
        world.refused(Operation::AdminCreateUser, request.clone()),
        "UsernameExistsException: An account with the given email already exists."
    );
    request["ForceAliasCreation"] = json!(true);
    world.ok(Operation::AdminCreateUser, request);
    let found = admin(&world, "ada@example.com");
    assert_eq!(world.ok(Operation::AdminGetUser, found)["Username"], "bob");
}

#[test]
fn a_disabled_user_cannot_sign_in_until_enabled() {
    let mut world = World::new();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let token = json!({"AccessToken": signed_in.access_token()});
    world.seconds(1);
    let ada = admin(&world, "ADA");
    assert_eq!(world.ok(Operation::AdminDisableUser, ada.clone()), json!({}));
    assert_eq!(refusal(&mut world, "ada").unwrap(), "NotAuthorizedException: User is disabled.");
    assert!(world.refused(Operation::GetUser, token.clone()).starts_with("NotAuthorizedException"));
    assert_eq!(world.ok(Operation::AdminEnableUser, ada), json!({}));
    assert_eq!(
        world.refused(Operation::GetUser, token),
        "NotAuthorizedException: Access Token has been revoked"
    );
    world.seconds(1);
    world.sign_in("ada", None, None);
    for operation in
        [Operation::AdminDisableUser, Operation::AdminEnableUser, Operation::AdminDeleteUser]
    {
        let nobody = admin(&world, "nobody");
        assert_eq!(world.refused(operation, nobody), UNKNOWN);
    }
}

#[test]
fn a_new_user_inherits_nothing_of_a_deleted_one() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, signed_in) = world.confirmed_device("ada", None);
    let token = signed_in.access_token();
    world.seconds(1);
    assert_eq!(world.ok(Operation::DeleteUser, json!({"AccessToken": token})), json!(null));
    let ada = admin(&world, "ada");
    assert_eq!(world.refused(Operation::AdminGetUser, ada.clone()), UNKNOWN);
    assert_eq!(world.refused(Operation::GetUser, json!({"AccessToken": token})), UNKNOWN);
    world.user("ada");
    assert_eq!(
        world.refused(Operation::GetUser, json!({"AccessToken": token})),
        "NotAuthorizedException: Access Token has been revoked"
    );
    assert_eq!(world.ok(Operation::AdminListDevices, ada)["Devices"], json!([]));
    let refused = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap_err().to_string();
    assert_eq!(refused, "ResourceNotFoundException: Device does not exist.");
    let refresh = json!({
        "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": world.client,
        "AuthParameters": {"REFRESH_TOKEN": signed_in.refresh_token(), "DEVICE_KEY": device.key},
    });
    assert!(world.refused(Operation::InitiateAuth, refresh).starts_with("NotAuthorizedException"));
}

#[test]
fn groups_are_in_the_tokens_and_listed() {
    let mut world = World::new();
    world.user("ada");
    for name in ["staff", "admins"] {
        let group = json!({"UserPoolId": world.pool, "GroupName": name, "Precedence": 1});
        let made = world.ok(Operation::CreateGroup, group.clone());
        assert_eq!(made["Group"]["GroupName"], name);
        let again = world.refused(Operation::CreateGroup, group);
        assert_eq!(again, "GroupExistsException: A group with the name already exists.");
    }
    assert!(
        claims(&world.sign_in("ada", None, None).access_token()).get("cognito:groups").is_none()
    );
    let member = |world: &World, group: &str| {
        json!({"UserPoolId": world.pool, "Username": "ada",
            "GroupName": group})
    };
    for name in ["staff", "admins", "staff"] {
        let request = member(&world, name);
        world.ok(Operation::AdminAddUserToGroup, request);
    }
    let result = world.sign_in("ada", None, None).result;
    for token in ["AccessToken", "IdToken"] {
        let claims = claims(result[token].as_str().unwrap());
        assert_eq!(claims["cognito:groups"], json!(["admins", "staff"]), "{token}");
    }
    let mut list = admin(&world, "ada");
    list["Limit"] = json!(1);
    let first = world.ok(Operation::AdminListGroupsForUser, list.clone());
    assert_eq!(first["Groups"][0]["GroupName"], "admins");
    list["NextToken"] = first["NextToken"].clone();
    let second = world.ok(Operation::AdminListGroupsForUser, list);
    assert_eq!(second["Groups"][0]["GroupName"], "staff");
    assert!(second.get("NextToken").is_none(), "{second}");
    let request = member(&world, "staff");
    world.ok(Operation::AdminRemoveUserFromGroup, request);
    let claims = claims(&world.sign_in("ada", None, None).access_token());
    assert_eq!(claims["cognito:groups"], json!(["admins"]));
    for operation in [Operation::AdminAddUserToGroup, Operation::AdminRemoveUserFromGroup] {
        let request = member(&world, "none");
        assert_eq!(
            world.refused(operation, request),
            "ResourceNotFoundException: Group not found."
        );
        let mut request = member(&world, "admins");
        request["Username"] = json!("nobody");
        assert_eq!(world.refused(operation, request), UNKNOWN);
    }
}

fn names(answer: &Value) -> Vec<&str> {
    answer["Users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["Username"].as_str().unwrap())
        .collect()
}

#[test]
fn users_are_listed_filtered_and_in_pages() {
    let mut world = World::new();
    for (name, email) in
        [("ada", "ada@example.com"), ("bob", "b\"ob@example.com"), ("Ally", "x@other.org")]
    {
        let mut request = admin(&world, name);
        request["UserAttributes"] = attributes(&[("email", email)]);
        request["TemporaryPassword"] = json!(PASSWORD);
        world.ok(Operation::AdminCreateUser, request);
    }
    let bob = admin(&world, "bob");
    world.ok(Operation::AdminDisableUser, bob);
    for (filter, found) in [
        (r#"username = "ADA""#, vec!["ada"]),
        (r#"username ^= "a""#, vec!["ada", "ally"]),
        (r#"email = "ada@example.com""#, vec!["ada"]),
        (r#"email ^= "ADA""#, vec!["ada"]),
        (r#"cognito:user_status = "Force_Change_Password""#, vec!["ada", "ally", "bob"]),
        (r#"status = "disabled""#, vec![]),
        (r#""email"^="b\"ob""#, vec!["bob"]),
        (r#"email = "ada""#, vec![]),
        (r#"status = "Disabled""#, vec!["bob"]),
        (r#"cognito:user_status = "FORCE_CHANGE_PASSWORD""#, vec!["ada", "ally", "bob"]),
        (r#"given_name = "x""#, vec![]),
        ("", vec!["ada", "ally", "bob"]),
    ] {
        let answer =
            world.ok(Operation::ListUsers, json!({"UserPoolId": world.pool, "Filter": filter}));
        assert_eq!(names(&answer), found, "{filter}");
    }
    for filter in
        ["email", "email = ada", "email = \"ada", "shoe = \"9\"", "email = \"a\" or", "= \"a\""]
    {
        assert_eq!(
            world
                .refused(Operation::ListUsers, json!({"UserPoolId": world.pool, "Filter": filter})),
            "InvalidParameterException: Error while parsing filter.",
            "{filter}"
        );
    }
    let mut request = json!({"UserPoolId": world.pool, "Limit": 2, "AttributesToGet": ["email"]});
    let first = world.ok(Operation::ListUsers, request.clone());
    assert_eq!(names(&first), ["ada", "ally"]);
    assert_eq!(first["Users"][1]["Attributes"], attributes(&[("email", "x@other.org")]));
    request["PaginationToken"] = first["PaginationToken"].clone();
    let second = world.ok(Operation::ListUsers, request.clone());
    assert_eq!(names(&second), ["bob"]);
    assert!(second.get("PaginationToken").is_none(), "{second}");
    request["PaginationToken"] = json!("?");
    let refused = world.refused(Operation::ListUsers, request);
    assert_eq!(refused, "InvalidParameterException: Invalid pagination token");
    let refused = world.refused(
        Operation::ListUsers,
        json!({"UserPoolId": world.pool, "AttributesToGet": ["shoe"]}),
    );
    assert_eq!(
        refused,
        "InvalidParameterException: One or more requested attributes do not exist."
    );
}

#[test]
fn a_new_invitation_repeats_no_remembered_password() {
    let mut world = pool_with(json!({"Policies": {"PasswordPolicy": {"PasswordHistorySize": 2}}}));
    let mut request = admin(&world, "ada");
    request["TemporaryPassword"] = json!(PASSWORD);
    world.ok(Operation::AdminCreateUser, request.clone());
    request["MessageAction"] = json!("RESEND");
    assert_eq!(
        world.refused(Operation::AdminCreateUser, request),
        "InvalidPasswordException: Password has previously been used"
    );
}

#[test]
fn the_token_of_a_deleted_user_is_invalid() {
    let mut world = World::new();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let request = admin(&world, "ada");
    world.ok(Operation::AdminDeleteUser, request);
    for (operation, refusal) in [
        (Operation::GetUser, UNKNOWN),
        (Operation::GlobalSignOut, "NotAuthorizedException: User does not exist."),
        (Operation::AssociateSoftwareToken, "NotAuthorizedException: User does not exist."),
    ] {
        assert_eq!(world.refused(operation, json!({"AccessToken": token})), refusal);
    }
}
