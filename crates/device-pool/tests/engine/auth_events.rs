//! The audit trail for administrators.

use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, World};

fn events(world: &mut World) -> Vec<Value> {
    let request = json!({"UserPoolId": world.pool, "Username": "ada"});
    world.ok(Operation::AdminListUserAuthEvents, request)["AuthEvents"].as_array().unwrap().clone()
}

fn reasons(event: &Value) -> &str {
    event["EventContextData"]["DeviceName"].as_str().unwrap()
}

#[test]
fn a_skipped_factor_is_reported_with_its_reason() {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let (device, _) = world.confirmed_device("ada", Some(&totp));
    world.set_status("ada", &device, "remembered");
    world.seconds(10);
    world.sign_in("ada", Some(&device), None);
    let events = events(&mut world);
    // Both events of the sign-in are of one millisecond.
    let is_passed = |event: &&Value| event["EventResponse"] == "Pass";
    let latest = events[..2].iter().find(is_passed).unwrap();
    assert_eq!(latest["EventType"], "SignIn");
    assert_eq!(
        latest["ChallengeResponses"],
        json!([{"ChallengeName": "Password", "ChallengeResponse": "Success"}])
    );
    assert_eq!(latest["EventContextData"]["IpAddress"], "203.0.113.9");
    let told = reasons(latest);
    assert!(told.starts_with(&device.key), "{told}");
    assert!(told.ends_with("MFA skipped: device remembered 2026-09-21, proof verified"), "{told}");
    assert_eq!(latest["EventRisk"]["RiskDecision"], "NoRisk");

    let asked = events[..2].iter().find(|event| !is_passed(event)).unwrap();
    assert_eq!(asked["EventResponse"], "InProgress");
    assert!(reasons(asked).ends_with("Device proof asked: device remembered 2026-09-21"));

    let before = &events[2];
    let both = json!([
        {"ChallengeName": "Password", "ChallengeResponse": "Success"},
        {"ChallengeName": "Mfa", "ChallengeResponse": "Success"},
    ]);
    assert_eq!(before["ChallengeResponses"], both);
    let told = reasons(before);
    assert!(
        told.ends_with("MFA asked: no remembered device was presented; MFA passed: software token"),
        "{told}"
    );
    assert!(
        latest["CreationDate"].as_f64() > before["CreationDate"].as_f64(),
        "the latest event is first"
    );
}

#[test]
fn failures_are_reported() {
    let mut world = World::opt_in();
    world.user("ada");
    world.enrol_totp("ada");
    let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
    world.seconds(1);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": "000000"});
    world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).unwrap_err();
    world.seconds(1);
    let claim = world.srp_claim("ada", "Wrong-horse-7");
    world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err();
    let events = events(&mut world);
    let failed = |name: &str| json!({"ChallengeName": name, "ChallengeResponse": "Failure"});
    assert_eq!(events[0]["EventResponse"], "Fail");
    assert_eq!(events[0]["ChallengeResponses"], json!([failed("Password")]));
    assert_eq!(reasons(&events[0]), "Refused: the password was not proven");
    assert_eq!(events[1]["EventResponse"], "Fail");
    assert_eq!(events[1]["ChallengeResponses"][1], failed("Mfa"));
    assert!(reasons(&events[1]).ends_with("Refused: the MFA code was wrong or used"));
}

#[test]
fn events_come_in_pages_and_of_one_user() {
    let mut world = World::new();
    world.user("ada");
    world.user("adam");
    world.sign_in("adam", None, None);
    for _ in 0..5 {
        world.seconds(1);
        world.sign_in("ada", None, None);
    }
    let mut request = json!({"UserPoolId": world.pool, "Username": "ada", "MaxResults": 2});
    let mut ids = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let page = world.ok(Operation::AdminListUserAuthEvents, request.clone());
        let events = page["AuthEvents"].as_array().unwrap();
        sizes.push(events.len());
        ids.extend(events.iter().map(|event| event["EventId"].as_str().unwrap().to_owned()));
        if page["NextToken"].is_null() {
            break;
        }
        request["NextToken"] = page["NextToken"].clone();
    }
    assert_eq!(sizes, [2, 2, 2], "five sign-ins, and one change of password");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
    let unknown = json!({"UserPoolId": world.pool, "Username": "nobody"});
    let refused = world.refused(Operation::AdminListUserAuthEvents, unknown);
    assert_eq!(refused, "UserNotFoundException: User does not exist.");
    let unknown = json!({"UserPoolId": "eu-test-1_Nowhere00", "Username": "ada"});
    let refused = world.refused(Operation::AdminListUserAuthEvents, unknown);
    assert_eq!(refused, "ResourceNotFoundException: User pool eu-test-1_Nowhere00 does not exist.");
}

#[test]
fn the_trail_of_a_sign_in_is_purged_after_two_years() {
    let mut world = World::new();
    world.user("ada");
    world.sign_in("ada", None, None);
    world.seconds(2 * 365 * 24 * 60 * 60 - 1);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(events(&mut world).len(), 2, "the change of password and the sign-in");
    world.seconds(2);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(events(&mut world), [] as [Value; 0]);
}
