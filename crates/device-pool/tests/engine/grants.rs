//! A user's grants, listed and revoked one by one.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::World;

fn sessions(world: &mut World, token: &str) -> Vec<Value> {
    let own =
        world.ok(Operation::ListUserSessions, json!({"AccessToken": token}))["Sessions"].clone();
    let request = json!({"UserPoolId": world.pool, "Username": "ada"});
    let admins = world.ok(Operation::AdminListUserSessions, request)["Sessions"].clone();
    let ids = |sessions: &Value| -> Vec<Value> {
        sessions.as_array().unwrap().iter().map(|session| session["SessionId"].clone()).collect()
    };
    assert_eq!(ids(&own), ids(&admins));
    own.as_array().unwrap().clone()
}

#[test]
fn sessions_are_listed_and_one_is_ended() {
    let mut world = World::new();
    world.user("ada");
    world.user("eve");
    let here = world.sign_in("ada", None, None);
    let there = world.sign_in("ada", None, None);
    let other = world.sign_in("eve", None, None).access_token();
    let listed = sessions(&mut world, &here.access_token());
    assert_eq!(listed.len(), 2);
    let current: Vec<_> =
        listed.iter().filter(|session| session["IsCurrentSession"] == true).collect();
    assert_eq!(current.len(), 1);
    let id = current[0]["SessionId"].as_str().unwrap();
    assert!(id.len() == 28 && id.starts_with("tkn"), "{id}");
    assert!(id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{id}");
    assert_eq!(current[0]["SessionType"], "TOKEN");
    assert_eq!(current[0]["ClientId"], world.client);
    assert_eq!(current[0]["LastIPAddress"], "203.0.113.9");

    let there_id = |listed: &[Value]| {
        let other = listed.iter().find(|session| session["IsCurrentSession"] == false);
        other.unwrap()["SessionId"].clone()
    };
    let session = there_id(&listed);
    let refused = world
        .refused(Operation::RevokeUserSession, json!({"AccessToken": other, "SessionId": session}));
    assert_eq!(refused, "ResourceNotFoundException: Session does not exist.", "another's");
    let end = json!({"AccessToken": here.access_token(), "SessionId": session});
    world.ok(Operation::RevokeUserSession, end.clone());
    assert_eq!(
        world.refused(Operation::RevokeUserSession, end),
        refused,
        "the ended session is not listed"
    );
    assert_eq!(sessions(&mut world, &here.access_token()).len(), 1);
    let refused = world.refused(Operation::GetUser, json!({"AccessToken": there.access_token()}));
    assert_eq!(refused, "NotAuthorizedException: Access Token has been revoked");
    let refresh = json!({"ClientId": world.client, "RefreshToken": there.refresh_token()});
    let refused = world.refused(Operation::GetTokensFromRefreshToken, refresh);
    assert_eq!(refused, "NotAuthorizedException: Refresh Token has been revoked");
}

#[test]
fn an_administrator_ends_a_session() {
    let mut world = World::new();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let session = sessions(&mut world, &token)[0]["SessionId"].clone();
    let mut request = json!({
        "UserPoolId": world.pool, "Username": "ada", "SessionId": session,
        "RevokeAssociatedSessions": "LINKED",
    });
    world.ok(Operation::AdminRevokeUserSession, request.clone());
    let refused = world.refused(Operation::ListUserSessions, json!({"AccessToken": token}));
    assert_eq!(refused, "NotAuthorizedException: Access Token has been revoked");
    let listed = world
        .ok(Operation::AdminListUserSessions, json!({"UserPoolId": world.pool, "Username": "ada"}));
    assert_eq!(listed["Sessions"], json!([]));
    request["Username"] = json!("nobody");
    let refused = world.refused(Operation::AdminRevokeUserSession, request);
    assert_eq!(refused, "UserNotFoundException: User does not exist.");
    let unknown = json!({"UserPoolId": world.pool, "Username": "nobody"});
    let refused = world.refused(Operation::AdminListUserSessions, unknown);
    assert_eq!(refused, "UserNotFoundException: User does not exist.");
}

#[test]
fn ended_sessions_are_not_listed_and_many_come_in_pages() {
    let mut world = World::new();
    world.user("ada");
    for _ in 0..3 {
        world.sign_in("ada", None, None);
    }
    world.seconds(31 * 24 * 3600);
    for _ in 0..61 {
        world.sign_in("ada", None, None);
    }
    let mut request = json!({"UserPoolId": world.pool, "Username": "ada"});
    let mut listed = Vec::new();
    loop {
        let page = world.ok(Operation::AdminListUserSessions, request.clone());
        listed.extend(
            page["Sessions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|session| session["SessionId"].to_string()),
        );
        if page["NextToken"].is_null() {
            break;
        }
        request["NextToken"] = page["NextToken"].clone();
    }
    assert_eq!(listed.len(), 61);
    listed.sort();
    listed.dedup();
    assert_eq!(listed.len(), 61, "each session is listed once");
}
