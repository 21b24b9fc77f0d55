//! Risky sign-ins and their consequences.

use std::sync::Arc;

use device_pool::{Config, Engine, Retention, Risk, RiskEvaluator, SignInFacts};
use device_store::MemoryStore;
use device_test::TestSigningKeys;
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Device, Flow, PASSWORD, World};

const HOME: [u8; 4] = [203, 0, 113, 9];
const AWAY: [u8; 4] = [198, 51, 100, 1];

/// A user with a software token and a remembered device who signs in from a new address.
fn away(remember: &str, replaces: bool, protection: &str) -> (World, Device, String) {
    let mut world = World::opt_in();
    world.user("ada");
    let totp = world.enrol_totp("ada");
    let (device, _) = world.confirmed_device("ada", Some(&totp));
    world.set_status("ada", &device, "remembered");
    let devices = json!({
        "ChallengeRequiredOnNewDevice": replaces,
        "DeviceOnlyRememberedOnUserPrompt": remember == "opt-in",
    });
    world.set_pool("DeviceConfiguration", devices);
    world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": protection}));
    world.ip = AWAY;
    (world, device, totp)
}

fn latest(world: &mut World) -> Value {
    let request = json!({"UserPoolId": world.pool, "Username": "ada", "MaxResults": 1});
    world.ok(Operation::AdminListUserAuthEvents, request)["AuthEvents"][0].clone()
}

#[test]
fn a_new_address_demands_mfa_unless_devices_replace_it() {
    for (remember, replaces, protection, challenges, level) in [
        (
            "opt-in",
            true,
            "ENFORCED",
            ["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"].as_slice(),
            json!("Medium"),
        ),
        ("opt-in", true, "AUDIT", &["DEVICE_SRP_AUTH"], json!("Medium")),
        ("opt-in", true, "OFF", &["DEVICE_SRP_AUTH"], Value::Null),
        ("Always", true, "ENFORCED", &["DEVICE_SRP_AUTH"], json!("Medium")),
        ("Always", false, "ENFORCED", &["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"], json!("Medium")),
    ] {
        let (mut world, device, totp) = away(remember, replaces, protection);
        world.seconds(5);
        let met = world.sign_in("ada", Some(&device), Some(&totp)).challenges;
        assert_eq!(met, challenges, "{remember} {replaces} {protection}");
        assert_eq!(
            latest(&mut world)["EventRisk"]["RiskLevel"],
            level,
            "{remember} {replaces} {protection}"
        );
    }
}

#[test]
fn common_passwords_are_refused_if_the_pool_blocks_them() {
    let mut world = World::new();
    world.set_pool("Policies", json!({"PasswordPolicy": {"MinimumLength": 8}}));
    world.user("ada");
    let token = world.sign_in("ada", None, None).access_token();
    let block = |events: &[&str]| {
        json!({"CompromisedCredentialsRiskConfiguration": {
            "EventFilter": events, "Actions": {"EventAction": "BLOCK"}}})
    };
    for (protection, events, sign_up, change) in [
        ("ENFORCED", ["SIGN_UP", "PASSWORD_CHANGE"].as_slice(), false, false),
        ("ENFORCED", &["PASSWORD_CHANGE"], true, false),
        ("AUDIT", &["SIGN_UP", "PASSWORD_CHANGE"], true, true),
    ] {
        world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": protection}));
        let mut configuration = block(events);
        configuration["UserPoolId"] = json!(world.pool);
        world.ok(Operation::SetRiskConfiguration, configuration);
        let name = format!("new-{protection}-{}", events.len());
        let up = json!({"ClientId": world.client, "Username": name, "Password": "Password1!"});
        let changed = json!({"AccessToken": token, "PreviousPassword": PASSWORD,
            "ProposedPassword": "Dragon-2026"});
        for (operation, body, passes) in
            [(Operation::SignUp, up, sign_up), (Operation::ChangePassword, changed, change)]
        {
            match world.call(operation, body) {
                Ok(_) => assert!(passes, "{operation} {protection} {events:?}"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.ends_with("cannot be used for security reasons."), "{error}");
                    assert!(!passes, "{operation} {protection} {events:?}");
                }
            }
        }
    }
}

#[test]
fn an_address_counts_as_new_once() {
    let (mut world, device, totp) = away("opt-in", true, "ENFORCED");
    world.seconds(5);
    world.sign_in("ada", Some(&device), Some(&totp));
    world.seconds(5);
    assert_eq!(world.sign_in("ada", Some(&device), None).challenges, ["DEVICE_SRP_AUTH"]);
    assert_eq!(latest(&mut world)["EventRisk"]["RiskDecision"], "NoRisk");
}

#[test]
fn failed_attempts_demand_mfa() {
    let (mut world, device, totp) = away("opt-in", true, "ENFORCED");
    world.ip = HOME;
    for _ in 0..3 {
        world.seconds(1);
        let claim = world.srp_claim("ada", "Wrong-horse-7");
        world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err();
    }
    world.seconds(1);
    let met = world.sign_in("ada", Some(&device), Some(&totp)).challenges;
    assert_eq!(met, ["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"]);
    let told = latest(&mut world)["EventContextData"]["DeviceName"].to_string();
    assert!(told.contains("MFA asked: the sign-in is risky"), "{told}");
}

#[test]
fn failures_of_strangers_do_not_devalue_a_device() {
    let (mut world, device, totp) = away("opt-in", true, "ENFORCED");
    for _ in 0..3 {
        world.seconds(1);
        let claim = world.srp_claim("ada", "Wrong-horse-7");
        world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err();
    }
    world.ip = HOME;
    world.seconds(1);
    assert_eq!(world.sign_in("ada", Some(&device), None).challenges, ["DEVICE_SRP_AUTH"]);
    world.ip = AWAY;
    world.seconds(1);
    let met = world.sign_in("ada", Some(&device), Some(&totp)).challenges;
    assert_eq!(met, ["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"], "a new address is still new");
}

#[test]
fn a_risky_user_without_factor_is_let_in_and_reported() {
    let mut world = World::new();
    world.user("ada");
    world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": "ENFORCED"}));
    world.sign_in("ada", None, None);
    world.ip = AWAY;
    world.seconds(5);
    assert!(world.sign_in("ada", None, None).challenges.is_empty());
    assert_eq!(latest(&mut world)["EventRisk"]["RiskLevel"], "Medium");
}

#[test]
fn events_of_an_earlier_user_of_the_name_are_no_risk() {
    let mut world = World::new();
    world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": "ENFORCED"}));
    world.user("ada");
    world.sign_in("ada", None, None);
    for _ in 0..3 {
        world.seconds(1);
        let claim = world.srp_claim("ada", "Wrong-horse-7");
        world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err();
    }
    let before = json!({"UserPoolId": world.pool, "Username": "ada"});
    world.ok(Operation::AdminDeleteUser, before);
    world.seconds(1);
    world.user("ada");
    world.ip = AWAY;
    world.seconds(1);
    world.sign_in("ada", None, None);
    assert_eq!(latest(&mut world)["EventRisk"]["RiskDecision"], "NoRisk");
}

#[test]
fn a_sign_in_without_a_password_is_judged_too() {
    for flow in Flow::WITHOUT {
        let mut world = World::new();
        world.allow_first_factors(&["PASSWORD", "EMAIL_OTP"]);
        world.user("ada");
        world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
        world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": "AUDIT"}));
        world.sign_in("ada", None, None);
        world.ip = AWAY;
        world.seconds(5);
        world.try_sign_in(flow, "ada", None, None).unwrap();
        assert_eq!(latest(&mut world)["EventRisk"]["RiskLevel"], "Medium", "{flow:?}");
    }
}

struct Alarmed;

impl RiskEvaluator for Alarmed {
    fn evaluate(&self, _: &SignInFacts) -> Risk {
        Risk::High
    }
}

#[test]
fn the_evaluator_can_be_replaced() {
    let config = Config {
        region: "eu-test-1".into(),
        account_id: "000000000000".into(),
        public_base_url: "http://localhost:9229".into(),
        retention: Retention::default(),
    };
    let keys = Arc::new(TestSigningKeys::default());
    let engine =
        Engine::builder(Arc::new(MemoryStore::new()), config, keys).risk(Arc::new(Alarmed));
    let mut world = World::around(engine, 7);
    world.user("ada");
    world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": "ENFORCED"}));
    world.seconds(1);
    world.sign_in("ada", None, None);
    assert_eq!(latest(&mut world)["EventRisk"]["RiskLevel"], "High");
}

/// The configuration of a pool whose levels all have this action.
fn configure(world: &mut World, action: &str) {
    let action = json!({"EventAction": action, "Notify": false});
    let actions = json!({"LowAction": action, "MediumAction": action, "HighAction": action});
    let request = json!({
        "UserPoolId": world.pool,
        "AccountTakeoverRiskConfiguration": {"Actions": actions},
    });
    world.ok(Operation::SetRiskConfiguration, request);
}

fn told(world: &mut World) -> String {
    latest(world)["EventContextData"]["DeviceName"].to_string()
}

#[test]
fn the_risk_configuration_says_what_a_risk_demands() {
    for (action, challenges) in [
        ("NO_ACTION", ["DEVICE_SRP_AUTH"].as_slice()),
        ("MFA_IF_CONFIGURED", &["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"]),
        ("MFA_REQUIRED", &["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"]),
    ] {
        let (mut world, device, totp) = away("opt-in", true, "ENFORCED");
        configure(&mut world, action);
        world.seconds(5);
        let met = world.sign_in("ada", Some(&device), Some(&totp)).challenges;
        assert_eq!(met, challenges, "{action}");
    }
}

#[test]
fn mfa_for_a_risk_is_ignored_if_devices_always_replace_it() {
    for action in ["MFA_IF_CONFIGURED", "MFA_REQUIRED"] {
        let (mut world, device, _) = away("Always", true, "ENFORCED");
        configure(&mut world, action);
        world.seconds(5);
        let met = world.sign_in("ada", Some(&device), None).challenges;
        assert_eq!(met, ["DEVICE_SRP_AUTH"], "{action}");
        let told = told(&mut world);
        assert_eq!(told.matches("MFA for the risk not asked").count(), 1, "{action}: {told}");
    }
    let (mut world, device, _) = away("Always", true, "ENFORCED");
    configure(&mut world, "NO_ACTION");
    world.seconds(5);
    world.sign_in("ada", Some(&device), None);
    assert!(!told(&mut world).contains("for the risk"), "the risk demanded nothing");
}

#[test]
fn a_blocked_sign_in_is_refused_and_in_the_trail() {
    for remember in ["opt-in", "Always"] {
        let (mut world, device, _) = away(remember, true, "ENFORCED");
        configure(&mut world, "BLOCK");
        world.seconds(5);
        let refused = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "NotAuthorizedException: Request not allowed due to security reasons."
        );
        let event = latest(&mut world);
        assert_eq!(event["EventResponse"], "Fail");
        let told = event["EventContextData"]["DeviceName"].to_string();
        assert!(told.contains("Refused: the risk configuration blocks the sign-in"), "{told}");
    }
}

#[test]
fn mfa_required_refuses_a_user_without_a_factor() {
    let mut world = World::new();
    world.user("ada");
    world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": "ENFORCED"}));
    world.sign_in("ada", None, None);
    configure(&mut world, "MFA_REQUIRED");
    world.ip = AWAY;
    world.seconds(5);
    let refused = world.first_factor(Flow::Srp, "ada", None).unwrap_err().to_string();
    assert!(refused.contains("security reasons"), "{refused}");
    configure(&mut world, "MFA_IF_CONFIGURED");
    world.seconds(5);
    assert!(world.sign_in("ada", None, None).challenges.is_empty());
}

#[test]
fn addresses_are_blocked_or_excepted() {
    for (list, blocked) in [("BlockedIPRangeList", true), ("SkippedIPRangeList", false)] {
        let (mut world, device, _) = away("opt-in", true, "ENFORCED");
        configure(&mut world, "MFA_REQUIRED");
        let request = json!({
            "UserPoolId": world.pool, "ClientId": world.client,
            "RiskExceptionConfiguration": {list: ["198.51.100.0/24"]},
        });
        world.ok(Operation::SetRiskConfiguration, request);
        world.seconds(5);
        if blocked {
            world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap_err();
        } else {
            let met = world.sign_in("ada", Some(&device), None).challenges;
            assert_eq!(met, ["DEVICE_SRP_AUTH"]);
        }
    }
}

#[test]
fn feedback_is_listed_with_its_event() {
    let mut world = World::new();
    world.user("ada");
    world.sign_in("ada", None, None);
    let id = latest(&mut world)["EventId"].clone();
    let mut request = json!({
        "UserPoolId": world.pool, "Username": "ada", "EventId": id, "FeedbackValue": "Invalid",
    });
    let refused = world.refused(Operation::AdminUpdateAuthEventFeedback, request.clone());
    assert!(refused.starts_with("UserPoolAddOnNotEnabledException"), "{refused}");
    world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": "AUDIT"}));
    world.ok(Operation::AdminUpdateAuthEventFeedback, request.clone());
    assert_eq!(latest(&mut world)["EventFeedback"]["FeedbackValue"], "Invalid");
    request["FeedbackValue"] = json!("Valid");
    world.ok(Operation::AdminUpdateAuthEventFeedback, request.clone());
    let feedback = latest(&mut world)["EventFeedback"].clone();
    assert_eq!(
        (&feedback["FeedbackValue"], &feedback["Provider"]),
        (&json!("Valid"), &json!("Admin"))
    );
    request["EventId"] = json!("no-such-event");
    let refused = world.refused(Operation::AdminUpdateAuthEventFeedback, request);
    assert!(refused.starts_with("ResourceNotFoundException"), "{refused}");
}

/// A thief who knows the password can add any number of events, but they do not hide the known
/// address.
#[test]
fn unfinished_sign_ins_do_not_hide_the_known_addresses() {
    let (mut world, device, totp) = away("opt-in", true, "ENFORCED");
    world.seconds(5);
    for _ in 0..61 {
        let asked = world.first_factor(Flow::Password, "ada", None).unwrap();
        assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    }
    let met = world.sign_in("ada", Some(&device), Some(&totp)).challenges;
    assert_eq!(met, ["SOFTWARE_TOKEN_MFA", "DEVICE_SRP_AUTH"]);
}
