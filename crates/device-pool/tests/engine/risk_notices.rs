//! Messages about risky sign-ins, and the feedback that their tokens allow.

use device_pool::{Message, Topic};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, World};

const HOME: [u8; 4] = [203, 0, 113, 9];
const AWAY: [u8; 4] = [198, 51, 100, 1];
const SUBJECTS: [&str; 3] = ["Blocked", "Asked", "Admitted"];

/// A user with a verified address, who signed in at home and is away now.
fn away() -> World {
    away_with(None).0
}

/// As [`away`], with a software token if a mode of MFA is given.
fn away_with(mfa: Option<&str>) -> (World, Option<String>) {
    let mut world = World::new();
    world.user("ada");
    let totp = mfa.map(|mode| {
        world.set_mfa(mode);
        world.enrol_totp("ada")
    });
    world.set_attributes("ada", &[("email", "ada@example.com"), ("email_verified", "true")]);
    world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": "ENFORCED"}));
    world.sign_in("ada", None, totp.as_deref());
    world.seconds(5);
    world.ip = AWAY;
    (world, totp)
}

/// A pool that tells of each level of risk, and does `action` about it.
fn configure(world: &mut World, action: &str) {
    let action = json!({"EventAction": action, "Notify": true});
    let [blocked, asked, admitted] = SUBJECTS;
    let text = "{username} {ip-address} {city} {country} {login-time} {device-name} & {event-id} \
                {feedback-token} {one-click-link-valid} {one-click-link-invalid}";
    let configuration = json!({
        "Actions": {"LowAction": action, "MediumAction": action, "HighAction": action},
        "NotifyConfiguration": {
            "SourceArn": "arn:aws:ses:eu-test-1:123456789012:identity/pool@example.com",
            "BlockEmail": {"Subject": blocked, "TextBody": text, "HtmlBody": text},
            "MfaEmail": {"Subject": asked, "TextBody": text},
            "NoActionEmail": {"Subject": admitted, "HtmlBody": text},
        },
    });
    let request = json!({
        "UserPoolId": world.pool, "AccountTakeoverRiskConfiguration": configuration,
    });
    world.ok(Operation::SetRiskConfiguration, request);
}

fn latest(world: &mut World) -> Value {
    let request = json!({"UserPoolId": world.pool, "Username": "ada", "MaxResults": 1});
    world.ok(Operation::AdminListUserAuthEvents, request)["AuthEvents"][0].clone()
}

/// The one message that the last call sent about a risk.
#[track_caller]
fn sent(world: &World) -> &Message {
    let all: Vec<&Message> = world.outbox.iter().chain(&world.warnings).collect();
    let [message] = all[..] else { panic!("{} messages", all.len()) };
    assert_eq!(message.topic, Topic::RiskySignIn);
    message
}

#[test]
fn a_user_is_told_of_a_blocked_sign_in() {
    let mut world = away();
    configure(&mut world, "BLOCK");
    world.first_factor(Flow::Password, "ada", None).unwrap_err();
    let message = sent(&world).clone();
    assert_eq!(message.subject, SUBJECTS[0]);
    assert_eq!(message.destination.as_str(), "ada@example.com");
    let event = latest(&mut world);
    assert_eq!(event["EventResponse"], "Fail");
    let id = event["EventId"].as_str().unwrap();
    let token = message.code.as_str();
    let link = |value| format!("http://localhost:9229/{}/sign-in-feedback/{value}", world.pool);
    let told = format!(
        "ada 198.51.100.1 unknown unknown {} an unknown device & {id} {token} {}/{token} \
         {}/{token}",
        world.moment().millis(),
        link("valid"),
        link("invalid"),
    );
    let time = message.body.split(' ').skip(4).take(3).collect::<Vec<_>>().join(" ");
    assert!(time.ends_with(" UTC"), "{time}");
    let body = message.body.replace(&time, &world.moment().millis().to_string());
    assert_eq!(body, told);
}

#[test]
fn a_user_is_told_once_of_what_a_risk_led_to() {
    for (action, has_factor, subject) in [
        ("NO_ACTION", true, SUBJECTS[2]),
        ("MFA_IF_CONFIGURED", true, SUBJECTS[1]),
        ("MFA_IF_CONFIGURED", false, SUBJECTS[2]),
        ("MFA_REQUIRED", true, SUBJECTS[1]),
        ("MFA_REQUIRED", false, SUBJECTS[0]),
    ] {
        let (mut world, totp) = away_with(has_factor.then_some("OPTIONAL"));
        configure(&mut world, action);
        let asked = world.first_factor(Flow::Password, "ada", None);
        assert_eq!(sent(&world).subject, subject, "{action} {has_factor}");
        let Some(totp) = totp else { continue };
        let session = asked.unwrap()["Session"].clone();
        if session.is_null() {
            continue;
        }
        let code = world.code(&totp);
        let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
        world.respond("SOFTWARE_TOKEN_MFA", &session, answers).unwrap();
        assert!(world.outbox.is_empty() && world.warnings.is_empty(), "{action}: once");
    }
}

#[test]
fn no_message_is_sent_unless_it_is_asked_for() {
    let quiet = |setting: &str, value: Value| {
        let mut world = away();
        configure(&mut world, "NO_ACTION");
        world.set_pool(setting, value);
        world
    };
    let mut audit = quiet("UserPoolAddOns", json!({"AdvancedSecurityMode": "AUDIT"}));
    audit.sign_in("ada", None, None);
    assert!(audit.outbox.is_empty(), "audit only");

    let mut home = quiet("UserPoolAddOns", json!({"AdvancedSecurityMode": "ENFORCED"}));
    home.ip = HOME;
    home.sign_in("ada", None, None);
    assert!(home.outbox.is_empty(), "no risk");

    let mut unverified = away();
    configure(&mut unverified, "NO_ACTION");
    unverified.set_attributes("ada", &[("email_verified", "false")]);
    unverified.sign_in("ada", None, None);
    assert!(unverified.outbox.is_empty());
    let told = latest(&mut unverified)["EventContextData"]["DeviceName"].to_string();
    assert!(told.contains("there is no verified e-mail address"), "{told}");
}

#[test]
fn a_user_is_told_of_twenty_risky_sign_ins_an_hour() {
    for action in ["BLOCK", "NO_ACTION"] {
        let mut world = away();
        configure(&mut world, action);
        let mut messages = 0;
        for address in 1..=22 {
            world.ip = [198, 51, 100, address];
            world.seconds(1);
            let _ = world.first_factor(Flow::Password, "ada", None);
            messages += world.outbox.len() + world.warnings.len();
        }
        assert_eq!(messages, 20, "{action}");
        let told = latest(&mut world)["EventContextData"]["DeviceName"].to_string();
        assert!(told.contains("too many in this hour"), "{told}");
    }
}

#[test]
fn a_pool_without_texts_has_ones_of_its_own() {
    let mut world = away();
    let action = json!({"EventAction": "BLOCK", "Notify": true});
    let request = json!({
        "UserPoolId": world.pool,
        "AccountTakeoverRiskConfiguration": {"Actions": {"MediumAction": action}},
    });
    world.ok(Operation::SetRiskConfiguration, request);
    world.first_factor(Flow::Password, "ada", None).unwrap_err();
    let message = sent(&world);
    assert_eq!(message.subject, "A sign-in was blocked");
    assert!(message.body.contains("198.51.100.1") && message.body.contains("<br>"));
    assert!(!message.body.contains('{'), "{}", message.body.as_str());
}

/// A blocked sign-in, and a request for feedback on it.
fn feedback(value: &str) -> (World, Value) {
    let mut world = away();
    configure(&mut world, "BLOCK");
    world.first_factor(Flow::Password, "ada", None).unwrap_err();
    let token = sent(&world).code.as_str().to_owned();
    let event = latest(&mut world);
    let request = json!({
        "UserPoolId": world.pool, "Username": "ada", "EventId": event["EventId"],
        "FeedbackToken": token, "FeedbackValue": value,
    });
    (world, request)
}

#[test]
fn feedback_by_token_makes_an_address_the_users_own() {
    for (value, is_let_in) in [("Valid", true), ("Invalid", false)] {
        let (mut world, request) = feedback(value);
        world.ok(Operation::UpdateAuthEventFeedback, request);
        let given = latest(&mut world)["EventFeedback"].clone();
        assert_eq!((&given["FeedbackValue"], &given["Provider"]), (&json!(value), &json!("User")));
        world.seconds(5);
        let entered = world.first_factor(Flow::Password, "ada", None);
        assert_eq!(entered.is_ok(), is_let_in, "{value}");
    }
}

#[test]
fn an_address_of_which_a_user_complains_is_new_again() {
    let mut world = away();
    configure(&mut world, "NO_ACTION");
    world.sign_in("ada", None, None);
    let (token, event) = (sent(&world).code.as_str().to_owned(), latest(&mut world));
    let request = json!({
        "UserPoolId": world.pool, "Username": "ada", "EventId": event["EventId"],
        "FeedbackToken": token, "FeedbackValue": "Invalid",
    });
    world.ok(Operation::UpdateAuthEventFeedback, request);
    world.seconds(5);
    world.sign_in("ada", None, None);
    assert_eq!(latest(&mut world)["EventRisk"]["RiskLevel"], "Medium");
}

#[test]
fn feedback_needs_the_token_of_that_event() {
    let (mut world, request) = feedback("Valid");
    world.user("eve");
    let (mut other, _) = feedback("Valid");
    let foreign = sent_token(&mut other);
    for (member, value) in [
        ("FeedbackToken", json!("AAAA")),
        ("FeedbackToken", json!(foreign)),
        ("EventId", json!("another-event")),
        ("Username", json!("eve")),
    ] {
        let mut wrong = request.clone();
        wrong[member] = value;
        let refused = world.refused(Operation::UpdateAuthEventFeedback, wrong);
        assert_eq!(refused, "NotAuthorizedException: Invalid feedback token.", "{member}");
    }
    world.seconds(7 * 24 * 60 * 60);
    let refused = world.refused(Operation::UpdateAuthEventFeedback, request.clone());
    assert!(refused.contains("Invalid feedback token"), "{refused}");
    world.set_pool("UserPoolAddOns", json!({"AdvancedSecurityMode": "OFF"}));
    let refused = world.refused(Operation::UpdateAuthEventFeedback, request);
    assert!(refused.starts_with("UserPoolAddOnNotEnabledException"), "{refused}");
}

fn sent_token(world: &mut World) -> String {
    world.seconds(1);
    world.first_factor(Flow::Password, "ada", None).unwrap_err();
    sent(world).code.as_str().to_owned()
}

#[test]
fn a_custom_sender_gets_the_services_event() {
    let mut world = away();
    let arn = "arn:aws:lambda:eu-test-1:123456789012:function:mail";
    let sender = json!({"LambdaArn": arn, "LambdaVersion": "V1_0"});
    let lambdas = json!({
        "CustomEmailSender": sender,
        "KMSKeyID": "arn:aws:kms:eu-test-1:123456789012:key/00000000-0000-4000-8000-000000000000",
    });
    world.set_pool("LambdaConfig", lambdas);
    configure(&mut world, "MFA_IF_CONFIGURED");
    world.first_factor(Flow::Password, "ada", None).unwrap();
    let sender = sent(&world).custom_sender.clone().unwrap();
    assert_eq!(sender.function, arn);
    let event = sender.complete_event(&device_store::MemoryStore::new()).unwrap();
    assert_eq!(event["triggerSource"], "CustomEmailSender_AccountTakeOverNotification");
    let request = &event["request"];
    assert_eq!(request["type"], "customEmailSenderRequestV1");
    assert_eq!(request["code"], Value::Null);
    let told = request["userAttributes"].as_object().unwrap();
    let names: Vec<&str> = told.keys().map(String::as_str).collect();
    let expected = [
        "ACCOUNT_TAKE_OVER_ACTION",
        "EVENT_ID",
        "FEEDBACK_TOKEN",
        "IP_ADDRESS",
        "LOGIN_TIME",
        "ONE_CLICK_LINK_INVALID",
        "ONE_CLICK_LINK_VALID",
        "USER_NAME",
    ];
    assert_eq!(names, expected);
    assert_eq!(told["ACCOUNT_TAKE_OVER_ACTION"], "MFA_IF_CONFIGURED");
    assert_eq!(told["USER_NAME"], "ada");
    assert_eq!(told["EVENT_ID"], latest(&mut world)["EventId"]);
}
