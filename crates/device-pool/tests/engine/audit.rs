//! The audit trail as it is stored: complete, append-only, and without names.

use std::sync::Arc;

use device_pool::Retention;
use device_pool::store::{Store as _, Table};
use device_store::MemoryStore;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::accounts::{attributes, sent_code};
use crate::world::{Flow, PASSWORD, World, claims};

const DAY: i64 = 24 * 60 * 60;

/// A world whose pool has devices and software tokens, and its store.
fn world() -> (World, Arc<MemoryStore>) {
    keeping(Retention::default())
}

fn keeping(retention: Retention) -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let mut world = World::keeping(retention, store.clone(), 7);
    world.set_devices(
        json!({"ChallengeRequiredOnNewDevice": true, "DeviceOnlyRememberedOnUserPrompt": true}),
    );
    world.set_mfa("OPTIONAL");
    (world, store)
}

/// All events in the store, the oldest first.
pub(crate) fn stored(store: &MemoryStore) -> Vec<Value> {
    let found = store.scan(Table::AuditEvent, "", None, usize::MAX).unwrap();
    let mut events: Vec<Value> =
        found.iter().map(|(_, record)| serde_json::from_slice(&record.body).unwrap()).collect();
    events.sort_by_key(|event| event["at"].as_i64());
    events
}

/// The events that `act` adds, each with the text `Operation outcome`. Each call in `act` must be
/// at another second.
#[track_caller]
fn added(
    world: &mut World,
    store: &MemoryStore,
    act: impl FnOnce(&mut World),
) -> Vec<(String, Value)> {
    let before = stored(store);
    world.seconds(1);
    act(world);
    let after = stored(store);
    assert_eq!(after[..before.len()], before, "existing events do not change");
    let told = |event: &Value| {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        (format!("{} {}", text("operation"), text("outcome")), event.clone())
    };
    after[before.len()..].iter().map(told).collect()
}

fn names(events: &[(String, Value)]) -> Vec<&str> {
    events.iter().map(|(name, _)| name.as_str()).collect()
}

fn reasons(event: &Value) -> Vec<&str> {
    event["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect()
}

fn guess(world: &mut World, name: &str) {
    let body = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": name, "PASSWORD": "Wrong-horse-7"},
    });
    world.refused(Operation::InitiateAuth, body);
}

fn listed(world: &mut World, name: &str) -> Vec<Value> {
    let request = json!({"UserPoolId": world.pool, "Username": name});
    world.ok(Operation::AdminListUserAuthEvents, request)["AuthEvents"].as_array().unwrap().clone()
}

#[test]
fn a_right_password_that_stops_at_mfa_leaves_an_event() {
    let (mut world, store) = world();
    world.user("ada");
    world.enrol_totp("ada");
    let events = added(&mut world, &store, |world| {
        world.first_factor(Flow::Srp, "ada", None).unwrap();
    });
    assert_eq!(names(&events), ["RespondToAuthChallenge in_progress"]);
    let (_, event) = &events[0];
    assert_eq!(reasons(event), ["MFA asked: no remembered device was presented"]);
    assert_eq!(event["sign_in"]["password"], true);
    let situation = &event["sign_in"]["situation"];
    assert_eq!((&situation["mfa_due"], &situation["standing"]), (&json!(true), &json!("absent")));
    assert_eq!(event["client_id"], world.client);
    assert_eq!(listed(&mut world, "ada")[0]["EventResponse"], "InProgress");
}

#[test]
fn a_right_password_that_is_refused_leaves_an_event() {
    let (mut world, store) = world();
    world.user("ada");
    let unknown = "eu-test-1_00000000-0000-4000-8000-000000000000";
    let events = added(&mut world, &store, |world| {
        let mut claim = world.srp_claim("ada", PASSWORD);
        claim["DEVICE_KEY"] = json!(unknown);
        world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err();
    });
    assert_eq!(names(&events), ["RespondToAuthChallenge failed"]);
    assert_eq!(events[0].1["error"], "ResourceNotFoundException");
    assert_eq!(events[0].1["sign_in"]["password"], true);

    world.ok(Operation::AdminDisableUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    let events = added(&mut world, &store, |world| {
        let claim = world.srp_claim("ada", PASSWORD);
        world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err();
    });
    assert_eq!(names(&events), ["RespondToAuthChallenge failed"]);
    assert_eq!(events[0].1["error"], "NotAuthorizedException");
}

#[test]
fn each_wrong_code_stays_beside_the_right_one() {
    let (mut world, store) = world();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let events = added(&mut world, &store, |world| {
        let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
        for _ in 0..4 {
            world.seconds(1);
            let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": "000000"});
            world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).unwrap_err();
        }
        let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&totp)});
        world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).unwrap();
    });
    let failed = "RespondToAuthChallenge failed";
    assert_eq!(
        names(&events),
        [
            "RespondToAuthChallenge in_progress",
            failed,
            failed,
            failed,
            failed,
            "RespondToAuthChallenge passed"
        ]
    );
    let sign_ins: Vec<&Value> = events.iter().map(|(_, event)| &event["sign_in"]["id"]).collect();
    assert!(sign_ins.iter().all(|id| *id == sign_ins[0]), "all are of one sign-in: {sign_ins:?}");
    let responses: Vec<Value> = listed(&mut world, "ada")
        .iter_mut()
        .take(6)
        .map(|event| event["EventResponse"].take())
        .collect();
    assert_eq!(responses, ["Pass", "Fail", "Fail", "Fail", "Fail", "InProgress"]);
}

#[test]
fn a_sign_in_is_found_by_the_event_id_of_its_tokens() {
    let (mut world, _) = world();
    world.user("ada");
    world.seconds(1);
    let signed_in = world.sign_in("ada", None, None);
    let event_id = &claims(&signed_in.access_token())["event_id"];
    assert_eq!(listed(&mut world, "ada")[0]["EventId"], *event_id);
}

#[test]
fn a_lockout_leaves_one_event_for_each_wait() {
    let (mut world, store) = world();
    world.user("ada");
    for _ in 0..5 {
        guess(&mut world, "ada");
    }
    let told = "Refused unseen: too many failed attempts";
    let events = added(&mut world, &store, |world| {
        world.now -= 500;
        for _ in 0..20 {
            guess(world, "ada");
        }
    });
    assert_eq!(names(&events), ["InitiateAuth failed"]);
    assert_eq!(reasons(&events[0].1), [told]);
    // The wait is over: the sixth failure begins another.
    let events = added(&mut world, &store, |world| {
        guess(world, "ada");
        world.seconds(1);
        guess(world, "ada");
    });
    let of_each: Vec<_> = events.iter().map(|(_, event)| reasons(event)).collect();
    assert_eq!(of_each, [["Refused: the password was not proven"], [told]]);
}

#[test]
fn password_resets_leave_an_event_for_each_code() {
    let (mut world, store) = world();
    world.user("ada");
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
    let reset = |world: &World, code: &str| {
        json!({
            "ClientId": world.client, "Username": "ada", "ConfirmationCode": code,
            "Password": "Another-horse-8",
        })
    };
    let events = added(&mut world, &store, |world| {
        let body = json!({"ClientId": world.client, "Username": "ada"});
        world.ok(Operation::ForgotPassword, body);
        let code = sent_code(world);
        world.seconds(1);
        let body = reset(world, "12345x");
        world.refused(Operation::ConfirmForgotPassword, body);
        world.seconds(1);
        let body = reset(world, &code);
        world.ok(Operation::ConfirmForgotPassword, body);
    });
    assert_eq!(
        names(&events),
        [
            "ForgotPassword in_progress",
            "ConfirmForgotPassword failed",
            "ConfirmForgotPassword passed"
        ]
    );
    assert_eq!(events[1].1["error"], "CodeMismatchException");
    let types: Vec<Value> = listed(&mut world, "ada")
        .iter_mut()
        .take(3)
        .map(|event| event["EventType"].take())
        .collect();
    assert_eq!(types, ["ForgotPassword"; 3]);
}

#[test]
fn what_a_user_changes_leaves_an_event() {
    let (mut world, store) = world();
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let events = added(&mut world, &store, |world| {
        let wrong = json!({
            "AccessToken": token, "PreviousPassword": "Wrong-horse-7",
            "ProposedPassword": "Another-horse-8",
        });
        world.refused(Operation::ChangePassword, wrong);
        let mut call = |operation, members: Value| {
            world.seconds(1);
            let mut body = members;
            body["AccessToken"] = json!(token);
            world.ok(operation, body)
        };
        let passwords =
            json!({"PreviousPassword": PASSWORD, "ProposedPassword": "Another-horse-8"});
        call(Operation::ChangePassword, passwords);
        let made = call(Operation::AssociateSoftwareToken, json!({}));
        let given = attributes(&[("nickname", "the-countess")]);
        call(Operation::UpdateUserAttributes, json!({"UserAttributes": given}));
        call(Operation::DeleteUserAttributes, json!({"UserAttributeNames": ["nickname"]}));
        let code = world.code(made["SecretCode"].as_str().unwrap());
        let body = json!({"AccessToken": token, "UserCode": code});
        world.ok(Operation::VerifySoftwareToken, body);
        world.seconds(1);
        let on = json!({"AccessToken": token, "SoftwareTokenMfaSettings": {"Enabled": true}});
        world.ok(Operation::SetUserMFAPreference, on);
    });
    assert_eq!(
        names(&events),
        [
            "ChangePassword failed",
            "ChangePassword passed",
            "AssociateSoftwareToken passed",
            "UpdateUserAttributes passed",
            "DeleteUserAttributes passed",
            "VerifySoftwareToken passed",
            "SetUserMFAPreference passed",
        ]
    );
    assert_eq!(events[0].1["actor"], "user");
    assert!(!json!(stored(&store)).to_string().contains("countess"), "no value is stored");
}

#[test]
fn devices_and_the_end_of_sessions_leave_events() {
    let (mut world, store) = world();
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let device = world.issued_device(&signed_in);
    let token = signed_in.access_token();
    let events = added(&mut world, &store, |world| {
        let request = world.confirmation(&token, &device);
        world.ok(Operation::ConfirmDevice, request);
        for (operation, status) in [
            (Operation::UpdateDeviceStatus, Some("remembered")),
            (Operation::UpdateDeviceStatus, Some("not_remembered")),
            (Operation::ForgetDevice, None),
        ] {
            world.seconds(1);
            let mut body = json!({"AccessToken": token, "DeviceKey": device.key});
            if let Some(status) = status {
                body["DeviceRememberedStatus"] = json!(status);
            }
            world.ok(operation, body);
        }
        world.seconds(1);
        let other = world.sign_in("ada", None, None);
        world.seconds(1);
        let body = json!({"ClientId": world.client, "Token": other.refresh_token()});
        world.ok(Operation::RevokeToken, body);
        world.seconds(1);
        let sessions = world.ok(Operation::ListUserSessions, json!({"AccessToken": token}));
        let id = &sessions["Sessions"][0]["SessionId"];
        world.sign_in("ada", None, None);
        world.seconds(1);
        world.ok(Operation::GlobalSignOut, json!({"AccessToken": token}));
        assert!(id.is_string());
    });
    assert_eq!(
        names(&events),
        [
            "ConfirmDevice passed",
            "UpdateDeviceStatus passed",
            "UpdateDeviceStatus passed",
            "ForgetDevice passed",
            "RespondToAuthChallenge passed",
            "RevokeToken passed",
            "RespondToAuthChallenge passed",
            "GlobalSignOut passed",
        ]
    );
    assert!(events[..4].iter().all(|(_, event)| event["device_key"] == device.key), "{events:?}");
    assert_eq!(reasons(&events[1].1), ["The device is remembered"]);
    assert!(!json!(stored(&store)).to_string().contains("a device"), "no name is stored");
}

#[test]
fn refreshes_and_reuse_of_a_refresh_token_leave_events() {
    let (mut world, store) = world();
    world.set_devices(Value::Null);
    world.user("ada");
    let old = world.sign_in("ada", None, None).refresh_token();
    let events = added(&mut world, &store, |world| {
        let body = json!({
            "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": world.client,
            "AuthParameters": {"REFRESH_TOKEN": old},
        });
        world.ok(Operation::InitiateAuth, body);
    });
    assert_eq!(names(&events), ["InitiateAuth passed"]);
    assert_eq!(events[0].1["kind"], "refresh");

    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"],
        "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
    }));
    let first = world.sign_in("ada", None, None).refresh_token();
    let body = json!({"ClientId": world.client, "RefreshToken": first});
    let events = added(&mut world, &store, |world| {
        world.ok(Operation::GetTokensFromRefreshToken, body.clone());
        for _ in 0..3 {
            world.seconds(1);
            world.refused(Operation::GetTokensFromRefreshToken, body.clone());
        }
    });
    let told = ["GetTokensFromRefreshToken passed", "GetTokensFromRefreshToken failed"];
    assert_eq!(names(&events), told, "the first reuse ends the grant and leaves an event");
    assert_eq!(events[1].1["error"], "RefreshTokenReuseException");
    assert_eq!(events[1].1["sub"], events[0].1["sub"]);
}

#[test]
fn an_administrators_acts_are_told_with_the_key() {
    let (mut world, store) = world();
    world.access_key = "AKIDOPERATOR".into();
    let events = added(&mut world, &store, |world| {
        let user = json!({"UserPoolId": world.pool, "Username": "ada"});
        let with = |members: Value| {
            let mut body = user.clone();
            body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            body
        };
        let group = json!({"UserPoolId": world.pool, "GroupName": "staff"});
        for (operation, body) in [
            (Operation::CreateGroup, group),
            (Operation::AdminCreateUser, user.clone()),
            (Operation::AdminSetUserPassword, with(json!({"Password": PASSWORD}))),
            (Operation::AdminDisableUser, user.clone()),
            (Operation::AdminEnableUser, user.clone()),
            (Operation::AdminAddUserToGroup, with(json!({"GroupName": "staff"}))),
            (Operation::AdminGetUser, user.clone()),
            (Operation::AdminUserGlobalSignOut, user.clone()),
            (Operation::AdminDeleteUser, user.clone()),
            (Operation::DeleteUserPool, json!({"UserPoolId": world.pool})),
        ] {
            world.ok(operation, body);
            world.seconds(1);
        }
    });
    assert_eq!(
        names(&events),
        [
            "CreateGroup passed",
            "AdminCreateUser passed",
            "AdminSetUserPassword passed",
            "AdminDisableUser passed",
            "AdminEnableUser passed",
            "AdminAddUserToGroup passed",
            "AdminUserGlobalSignOut passed",
            "AdminDeleteUser passed",
            "DeleteUserPool passed",
        ]
    );
    for (name, event) in &events {
        assert_eq!(event["actor"], json!({"administrator": "AKIDOPERATOR"}), "{name}");
    }
}

#[test]
fn an_administrators_change_of_a_password_is_listed() {
    let (mut world, _) = world();
    world.user("ada");
    let event = &listed(&mut world, "ada")[0];
    assert_eq!(event["EventType"], "PasswordChange");
    let told = &event["EventContextData"]["DeviceName"];
    assert_eq!(*told, "AdminSetUserPassword by administrator ROOT");
}

#[test]
fn a_namesake_never_sees_anothers_events() {
    let (mut world, _) = world();
    world.user("ada");
    world.sign_in("ada", None, None);
    guess(&mut world, "ada");
    // At the same moment, so that no time tells the two users apart.
    world.ok(Operation::AdminDeleteUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    world.ok(Operation::AdminCreateUser, json!({"UserPoolId": world.pool, "Username": "ada"}));
    assert_eq!(listed(&mut world, "ada"), [] as [Value; 0]);
}

#[test]
fn a_deleted_user_leaves_no_name_and_no_address() {
    let (mut world, store) = world();
    let (name, address, here) = ("ada-lovelace", "countess@example.com", "198.51.100.77");
    world.user(name);
    world.set_attributes(name, &[("email", address), ("email_verified", "true")]);
    world.ip = [198, 51, 100, 77];
    let totp = world.enrol_totp(name);
    let (device, _) = world.confirmed_device(name, Some(&totp));
    let (forgotten, signed_in) = world.confirmed_device(name, Some(&totp));
    let token = signed_in.access_token();
    let forget = json!({"AccessToken": token, "DeviceKey": forgotten.key});
    world.ok(Operation::ForgetDevice, forget);
    let by_server = json!({
        "UserPoolId": world.pool, "ClientId": world.client,
        "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": name, "PASSWORD": "Wrong-horse-7"},
        "ContextData": {
            "IpAddress": here, "ServerName": "s", "ServerPath": "/", "HttpHeaders": [],
        },
    });
    world.refused(Operation::AdminInitiateAuth, by_server);
    for _ in 0..6 {
        guess(&mut world, name);
    }
    let body = json!({"ClientId": world.client, "Username": name});
    world.ok(Operation::ForgotPassword, body.clone());
    let mut wrong = body;
    wrong["ConfirmationCode"] = json!("12345x");
    wrong["Password"] = json!("Another-horse-8");
    world.refused(Operation::ConfirmForgotPassword, wrong);
    world.seconds(1000);
    world.first_factor(Flow::Srp, name, Some(&device.key)).unwrap();
    world.ok(Operation::DeleteUser, json!({"AccessToken": token}));
    world.ip = [203, 0, 113, 9];
    // A new user of the same name keeps their own events.
    world.user(name);
    let (_, second) = world.confirmed_device(name, None);
    world.seconds(60);
    world.engine.purge(world.moment()).unwrap();
    let token = second.access_token();
    let devices = world.ok(Operation::ListDevices, json!({"AccessToken": token}));
    assert_eq!(
        devices["Devices"],
        json!([]),
        "the device is not remembered, since the pool is opt-in"
    );
    let sessions = world.ok(Operation::ListUserSessions, json!({"AccessToken": token}));
    assert_eq!(sessions["Sessions"].as_array().unwrap().len(), 1);
    world.ok(Operation::DeleteUser, json!({"AccessToken": token}));
    world.engine.purge(world.moment()).unwrap();
    let gone = |store: &MemoryStore, hidden: &[&str]| {
        for table in Table::ALL {
            for (key, record) in store.scan(table, "", None, usize::MAX).unwrap() {
                let text = key.id + &String::from_utf8(record.body).unwrap();
                assert!(!hidden.iter().any(|trace| text.contains(trace)), "{table:?}: {text}");
            }
        }
    };
    gone(&store, &[name, address]);
    // Guesses at codes for an address are counted for a day, by the caller's address and without a
    // name.
    world.seconds(2 * DAY);
    world.engine.purge(world.moment()).unwrap();
    gone(&store, &[name, address, here]);
    let left = stored(&store);
    assert!(left.iter().any(|event| event["operation"] == "DeleteUser"), "events stay");
    assert!(left.iter().any(|event| event["ip"] == "203.0.113.9"), "the administrator's address");
    assert_eq!(store.scan(Table::DeletedUser, "", None, 9).unwrap().len(), 0);
}

#[test]
fn how_long_events_are_kept_can_be_set() {
    for (days, kept, refreshes) in [(730, 730, 30), (90, 90, 30), (7, 7, 7)] {
        let retention = Retention { audit_days: days, ..Retention::default() };
        let (mut world, store) = keeping(retention);
        world.set_devices(Value::Null);
        world.user("ada");
        let token = world.sign_in("ada", None, None).refresh_token();
        let body = json!({
            "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": world.client,
            "AuthParameters": {"REFRESH_TOKEN": token},
        });
        world.ok(Operation::InitiateAuth, body);
        let count = |world: &mut World, until: i64| {
            world.now = crate::world::START + until * 1000;
            world.engine.purge(world.moment()).unwrap();
            let events = stored(&store);
            let refreshes = events.iter().filter(|event| event["kind"] == "refresh").count();
            (events.len() - refreshes, refreshes)
        };
        let (all, _) = count(&mut world, 0);
        assert_eq!(count(&mut world, refreshes * DAY - 1), (all, 1), "{days}");
        assert_eq!(count(&mut world, refreshes * DAY + 1).1, 0, "{days}");
        let before_end = (kept * DAY - 1).max(refreshes * DAY + 1);
        if kept > refreshes {
            assert_eq!(count(&mut world, before_end), (all, 0), "{days}");
        }
        assert_eq!(count(&mut world, kept * DAY + 1), (0, 0), "{days}");
    }
}

#[test]
fn what_an_unconfirmed_user_left_goes_with_the_user() {
    let (mut world, store) = world();
    let body = json!({"ClientId": world.client, "Username": "eve", "Password": PASSWORD});
    let events = added(&mut world, &store, |world| {
        world.ok(Operation::SignUp, body);
    });
    assert_eq!(names(&events), ["SignUp passed"]);
    world.seconds(7 * DAY + 1);
    world.engine.purge(world.moment()).unwrap();
    assert!(!stored(&store).iter().any(|event| event["operation"] == "SignUp"));
}

#[test]
fn a_name_that_nobody_has_is_not_written_down() {
    let (mut world, store) = world();
    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"], "PreventUserExistenceErrors": "ENABLED",
    }));
    let events = added(&mut world, &store, |world| guess(world, "my-password-by-mistake"));
    assert_eq!(names(&events), ["InitiateAuth failed"]);
    assert!(!events[0].1.to_string().contains("my-password"), "{events:?}");
    world.seconds(DAY + 1);
    world.engine.purge(world.moment()).unwrap();
    assert!(!stored(&store).iter().any(|event| event["of_nobody"] == true));
}

#[test]
fn a_page_token_shows_nothing_of_another_user() {
    let (mut world, _) = world();
    for name in ["ada", "eve"] {
        world.user(name);
        world.seconds(1);
        world.sign_in(name, None, None);
    }
    let mut request = json!({"UserPoolId": world.pool, "Username": "ada", "MaxResults": 1});
    let page = world.ok(Operation::AdminListUserAuthEvents, request.clone());
    let token = &page["NextToken"];
    request["NextToken"] = token.clone();
    let next = world.ok(Operation::AdminListUserAuthEvents, request.clone());
    assert_eq!(next["AuthEvents"][0]["EventType"], "PasswordChange");
    assert_eq!(next["NextToken"], Value::Null);
    request["NextToken"] = json!("ffffffff");
    let refused = world.refused(Operation::AdminListUserAuthEvents, request.clone());
    assert_eq!(refused, "InvalidParameterException: Invalid pagination token");
    let of_eve: Vec<Value> =
        listed(&mut world, "eve").iter_mut().map(|event| event["EventId"].take()).collect();
    request["Username"] = json!("eve");
    request["NextToken"] = token.clone();
    let page = world.ok(Operation::AdminListUserAuthEvents, request);
    let shown = page["AuthEvents"].as_array().unwrap();
    assert!(shown.iter().all(|event| of_eve.contains(&event["EventId"])), "{shown:?}");
}
