//! Groups, from creation to deletion, and their members.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{World, claims};

const GONE: &str = "ResourceNotFoundException: Group not found.";

fn group(world: &World, name: &str) -> Value {
    json!({"UserPoolId": world.pool, "GroupName": name})
}

fn join(world: &mut World, user: &str, name: &str) {
    let mut request = group(world, name);
    request["Username"] = json!(user);
    world.ok(Operation::AdminAddUserToGroup, request);
}

fn members(world: &mut World, name: &str) -> Value {
    let request = group(world, name);
    let listed = world.ok(Operation::ListUsersInGroup, request);
    listed["Users"].as_array().unwrap().iter().map(|user| user["Username"].clone()).collect()
}

#[test]
fn an_update_changes_what_it_names() {
    let mut world = World::new();
    let mut request = group(&world, "staff");
    request["Description"] = json!("Who works here");
    request["Precedence"] = json!(3);
    world.ok(Operation::CreateGroup, request);
    world.seconds(9);
    let role = "arn:aws:iam::000000000000:role/staff";
    let mut request = group(&world, "staff");
    request["RoleArn"] = json!(role);
    let updated = world.ok(Operation::UpdateGroup, request);
    let request = group(&world, "staff");
    let described = world.ok(Operation::GetGroup, request)["Group"].clone();
    assert_eq!(updated["Group"], described);
    assert_eq!(described["RoleArn"], role);
    assert_eq!(described["Description"], "Who works here");
    assert_eq!(described["Precedence"], 3);
    let seconds = |member: &str| described[member].as_f64().unwrap();
    assert!(seconds("LastModifiedDate") - seconds("CreationDate") > 8.0, "{described}");
}

#[test]
fn groups_are_listed_by_name_page_by_page() {
    let mut world = World::new();
    for name in ["c", "a", "b"] {
        let request = group(&world, name);
        world.ok(Operation::CreateGroup, request);
    }
    let mut request = json!({"UserPoolId": world.pool, "Limit": 2});
    let first = world.ok(Operation::ListGroups, request.clone());
    let names = |page: &Value| -> Vec<Value> {
        page["Groups"].as_array().unwrap().iter().map(|group| group["GroupName"].clone()).collect()
    };
    assert_eq!(names(&first), ["a", "b"]);
    request["NextToken"] = first["NextToken"].clone();
    let second = world.ok(Operation::ListGroups, request);
    assert_eq!(names(&second), ["c"]);
    assert!(second.get("NextToken").is_none(), "{second}");
}

#[test]
fn members_are_listed_page_by_page() {
    let mut world = World::new();
    for name in ["ada", "bob", "cyd", "dan"] {
        world.user(name);
    }
    let request = group(&world, "staff");
    world.ok(Operation::CreateGroup, request);
    for name in ["dan", "ada", "cyd"] {
        join(&mut world, name, "staff");
    }
    assert_eq!(members(&mut world, "staff"), json!(["ada", "cyd", "dan"]));
    let mut request = group(&world, "staff");
    request["Limit"] = json!(2);
    let first = world.ok(Operation::ListUsersInGroup, request.clone());
    assert_eq!(first["Users"][1]["Username"], "cyd");
    assert_eq!(first["Users"][1]["Attributes"][0]["Name"], "sub");
    request["NextToken"] = first["NextToken"].clone();
    let second = world.ok(Operation::ListUsersInGroup, request);
    assert_eq!(second["Users"][0]["Username"], "dan");
    assert!(second.get("NextToken").is_none(), "{second}");
    world.ok(Operation::AdminDeleteUser, json!({"UserPoolId": world.pool, "Username": "cyd"}));
    assert_eq!(members(&mut world, "staff"), json!(["ada", "dan"]));
}

#[test]
fn a_deleted_group_leaves_no_member_to_the_next() {
    let mut world = World::new();
    world.user("ada");
    let request = group(&world, "staff");
    world.ok(Operation::CreateGroup, request.clone());
    join(&mut world, "ada", "staff");
    world.ok(Operation::DeleteGroup, request.clone());
    let listed = |world: &mut World| {
        let request = json!({"UserPoolId": world.pool, "Username": "ada"});
        world.ok(Operation::AdminListGroupsForUser, request)["Groups"].clone()
    };
    assert_eq!(listed(&mut world), json!([]));
    for operation in [
        Operation::GetGroup,
        Operation::UpdateGroup,
        Operation::DeleteGroup,
        Operation::ListUsersInGroup,
    ] {
        assert_eq!(world.refused(operation, request.clone()), GONE);
    }

    world.ok(Operation::CreateGroup, request);
    assert_eq!(listed(&mut world), json!([]));
    assert_eq!(members(&mut world, "staff"), json!([]));
    let token = world.sign_in("ada", None, None).access_token();
    assert!(claims(&token).get("cognito:groups").is_none());
    join(&mut world, "ada", "staff");
    assert_eq!(members(&mut world, "staff"), json!(["ada"]));
}

#[test]
fn a_new_precedence_and_role_are_in_the_next_tokens() {
    let mut world = World::new();
    world.user("ada");
    for (name, precedence) in [("first", 1), ("second", 2)] {
        let mut request = group(&world, name);
        request["Precedence"] = json!(precedence);
        request["RoleArn"] = json!(format!("arn:aws:iam::000000000000:role/{name}"));
        world.ok(Operation::CreateGroup, request);
        join(&mut world, "ada", name);
    }
    let mut request = group(&world, "second");
    request["Precedence"] = json!(0);
    request["RoleArn"] = json!("arn:aws:iam::000000000000:role/other");
    world.ok(Operation::UpdateGroup, request);
    let signed_in = world.sign_in("ada", None, None);
    let id = claims(signed_in.result["IdToken"].as_str().unwrap());
    assert_eq!(id["cognito:groups"], json!(["second", "first"]));
    assert_eq!(id["cognito:preferred_role"], "arn:aws:iam::000000000000:role/other");
}
