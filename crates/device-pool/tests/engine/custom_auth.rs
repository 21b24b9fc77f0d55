//! `CUSTOM_AUTH`: a hook defines, creates and verifies challenges, as the service's triggers do.

use std::sync::{Arc, Mutex};

use device_pool::{HookError, Hooks};
use device_srp::{ClientEphemeral, Identity};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, PASSWORD, World};

/// A riddle, after the password if the client starts with it. Three wrong answers end the sign-in.
#[derive(Clone, Default)]
struct Riddle(Arc<Mutex<Vec<Value>>>);

impl Riddle {
    fn events(&self) -> Vec<Value> {
        self.0.lock().unwrap().clone()
    }
}

impl Hooks for Riddle {
    fn call(&self, _: Option<&str>, event: &Value) -> Result<Value, HookError> {
        self.0.lock().unwrap().push(event.clone());
        let mut event = event.clone();
        let steps = event["request"]["session"].as_array().cloned().unwrap_or_default();
        let last = steps.last();
        let is = |name: &str| last.is_some_and(|step| step["challengeName"] == name);
        event["response"] = match event["triggerSource"].as_str().unwrap() {
            "DefineAuthChallenge_Authentication" if is("SRP_A") => {
                json!({"challengeName": "PASSWORD_VERIFIER"})
            }
            "DefineAuthChallenge_Authentication"
                if is("CUSTOM_CHALLENGE") && last.unwrap()["challengeResult"] == true =>
            {
                json!({"issueTokens": true, "failAuthentication": false})
            }
            "DefineAuthChallenge_Authentication"
                if steps.len() >= 3 && !is("PASSWORD_VERIFIER") =>
            {
                json!({"issueTokens": false, "failAuthentication": true})
            }
            "DefineAuthChallenge_Authentication" => {
                json!({"challengeName": "CUSTOM_CHALLENGE", "issueTokens": false,
                    "failAuthentication": false})
            }
            "CreateAuthChallenge_Authentication" => json!({
                "publicChallengeParameters": {"question": "What has keys and opens no door?"},
                "privateChallengeParameters": {"answer": "a piano"},
                "challengeMetadata": "PIANO",
            }),
            "VerifyAuthChallengeResponse_Authentication" => {
                let request = &event["request"];
                let right = &request["privateChallengeParameters"]["answer"];
                json!({"answerCorrect": *right == request["challengeAnswer"]})
            }
            other => panic!("{other}"),
        };
        Ok(event)
    }
}

fn world() -> (World, Riddle) {
    let mut world = World::opt_in();
    let riddle = Riddle::default();
    world.set_hooks(riddle.clone());
    world.user("ada");
    (world, riddle)
}

fn start(world: &World) -> Value {
    json!({"AuthFlow": "CUSTOM_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": "ada"}})
}

fn answer(world: &mut World, session: &Value, text: &str) -> Result<Value, String> {
    let answers = json!({"USERNAME": "ada", "ANSWER": text});
    world.respond("CUSTOM_CHALLENGE", session, answers).map_err(|error| error.to_string())
}

#[test]
fn the_hook_asks_and_judges_and_keeps_the_answer_private() {
    let (mut world, riddle) = world();
    let mut request = start(&world);
    request["ClientMetadata"] = json!({"locale": "en"});
    let asked = world.ok(Operation::InitiateAuth, request);
    assert_eq!(asked["ChallengeName"], "CUSTOM_CHALLENGE");
    assert_eq!(
        asked["ChallengeParameters"],
        json!({"USERNAME": "ada", "question": "What has keys and opens no door?"})
    );
    let again = answer(&mut world, &asked["Session"], "a map").unwrap();
    assert_eq!(again["ChallengeName"], "CUSTOM_CHALLENGE");
    let used = answer(&mut world, &asked["Session"], "a piano").unwrap_err();
    assert!(used.ends_with("session can only be used once."), "{used}");
    let done = answer(&mut world, &again["Session"], "a piano").unwrap();
    assert!(done["AuthenticationResult"]["AccessToken"].is_string());
    assert_eq!(
        done["AuthenticationResult"]["NewDeviceMetadata"],
        Value::Null,
        "no password was proven"
    );

    let events = riddle.events();
    let first = &events[0];
    assert_eq!(first["triggerSource"], "DefineAuthChallenge_Authentication");
    assert_eq!(first["version"], "1");
    assert_eq!(first["region"], "eu-test-1");
    assert_eq!(first["userPoolId"], world.pool);
    assert_eq!(first["userName"], "ada");
    assert_eq!(first["callerContext"]["clientId"], world.client);
    assert_eq!(first["request"]["session"], json!([]));
    assert_eq!(first["request"]["clientMetadata"], json!({}), "none of a start");
    assert_eq!(first["request"]["userNotFound"], false);
    assert_eq!(first["request"]["userAttributes"]["cognito:user_status"], "CONFIRMED");
    let last = events.last().unwrap();
    let step = |result: bool| {
        json!({"challengeName": "CUSTOM_CHALLENGE", "challengeResult": result,
        "challengeMetadata": "PIANO"})
    };
    assert_eq!(last["request"]["session"], json!([step(false), step(true)]));
}

#[test]
fn the_password_comes_first_if_the_client_starts_with_it() {
    let (mut world, riddle) = world();
    for (password, proven) in [("Wrong-horse-7", false), (PASSWORD, true)] {
        let ephemeral = ClientEphemeral::generate(&mut world.rng);
        let mut request = start(&world);
        request["AuthParameters"]["CHALLENGE_NAME"] = json!("SRP_A");
        request["AuthParameters"]["SRP_A"] = json!(ephemeral.public().to_hex());
        let asked = world.ok(Operation::InitiateAuth, request);
        assert_eq!(asked["ChallengeName"], "PASSWORD_VERIFIER");
        let pool_name = world.pool.split_once('_').unwrap().1.to_owned();
        let identity = Identity::user(&pool_name, "ada");
        let mut claim = world.claim(&identity, password, &ephemeral, &asked["ChallengeParameters"]);
        claim["USERNAME"] = json!("ada");
        let answered = world.respond("PASSWORD_VERIFIER", &Value::Null, claim);
        if !proven {
            let refused = answered.unwrap_err().to_string();
            assert_eq!(refused, "NotAuthorizedException: Incorrect username or password.");
            continue;
        }
        let asked = answered.unwrap();
        assert_eq!(asked["ChallengeName"], "CUSTOM_CHALLENGE");
        let done = answer(&mut world, &asked["Session"], "a piano").unwrap();
        assert!(
            done["AuthenticationResult"]["NewDeviceMetadata"].is_object(),
            "a password was proven"
        );
    }
    let steps = riddle.events().last().unwrap()["request"]["session"].clone();
    let names: Vec<_> =
        steps.as_array().unwrap().iter().map(|step| step["challengeName"].clone()).collect();
    assert_eq!(names, ["SRP_A", "PASSWORD_VERIFIER", "CUSTOM_CHALLENGE"]);
    let metadata = steps[0].as_object().unwrap().get("challengeMetadata");
    assert_eq!(metadata, Some(&Value::Null), "hooks in typed languages read it");
}

#[test]
fn a_custom_challenge_is_no_second_factor() {
    let (mut world, _) = world();
    world.enrol_totp("ada");
    let request = start(&world);
    let asked = world.ok(Operation::InitiateAuth, request);
    let asked = answer(&mut world, &asked["Session"], "a piano").unwrap();
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
}

#[test]
fn the_hook_can_refuse_a_sign_in() {
    let (mut world, _) = world();
    let request = start(&world);
    let mut asked = world.ok(Operation::InitiateAuth, request);
    for _ in 0..2 {
        asked = answer(&mut world, &asked["Session"], "a map").unwrap();
    }
    let refused = answer(&mut world, &asked["Session"], "a map").unwrap_err();
    assert_eq!(refused, "NotAuthorizedException: Incorrect username or password.");
    let late = answer(&mut world, &asked["Session"], "a piano").unwrap_err();
    assert!(
        late.ends_with("session can only be used once."),
        "a flow that was ended goes on: {late}"
    );
}

/// An easy question, followed by a hard one.
struct EasyThenHard;

impl Hooks for EasyThenHard {
    fn call(&self, _: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let steps = event["request"]["session"].as_array().cloned().unwrap_or_default();
        let last_failed = steps.last().is_some_and(|step| step["challengeResult"] == false);
        Ok(json!({"response": match event["triggerSource"].as_str().unwrap() {
            "DefineAuthChallenge_Authentication" if last_failed => {
                json!({"failAuthentication": true})
            }
            "DefineAuthChallenge_Authentication" if steps.len() == 2 => {
                json!({"issueTokens": true})
            }
            "DefineAuthChallenge_Authentication" => json!({"challengeName": "CUSTOM_CHALLENGE"}),
            "CreateAuthChallenge_Authentication" => {
                let answer = if steps.is_empty() { "easy" } else { "hard" };
                json!({"privateChallengeParameters": {"answer": answer}})
            }
            _ => {
                let due = &event["request"]["privateChallengeParameters"]["answer"];
                json!({"answerCorrect": *due == event["request"]["challengeAnswer"]})
            }
        }}))
    }
}

#[test]
fn an_easy_step_buys_no_guesses_at_a_hard_one() {
    let (mut world, _) = world();
    world.set_hooks(EasyThenHard);
    let guess = |world: &mut World, hard: &str| {
        let request = start(world);
        let asked = world.ok(Operation::InitiateAuth, request);
        let asked = answer(world, &asked["Session"], "easy")?;
        answer(world, &asked["Session"], hard)
    };
    for _ in 0..4 {
        let refused = guess(&mut world, "soft").unwrap_err();
        assert_eq!(refused, "NotAuthorizedException: Incorrect username or password.");
    }
    assert!(guess(&mut world, "hard").unwrap()["AuthenticationResult"].is_object());
    for _ in 0..5 {
        let refused = guess(&mut world, "soft").unwrap_err();
        assert_eq!(
            refused, "NotAuthorizedException: Incorrect username or password.",
            "success starts afresh"
        );
    }
    let locked = guess(&mut world, "hard").unwrap_err();
    assert_eq!(locked, "NotAuthorizedException: Password attempts exceeded");
}

#[test]
fn guesses_at_custom_challenges_are_locked_out() {
    let (mut world, _) = world();
    let mut wrong = 0;
    let locked = loop {
        let request = start(&world);
        let mut asked = world.ok(Operation::InitiateAuth, request);
        let refused = loop {
            match answer(&mut world, &asked["Session"], "a map") {
                Ok(again) => asked = again,
                Err(refused) => break refused,
            }
            wrong += 1;
        };
        if refused.contains("exceeded") {
            break refused;
        }
        wrong += 1;
        assert!(wrong < 9, "never locked");
    };
    assert_eq!(locked, "NotAuthorizedException: Password attempts exceeded");
    assert_eq!(wrong, 5);
}

/// A riddle whose hook throws on a wrong answer, as many hooks do, instead of reporting it.
struct Throwing(Riddle);

impl Hooks for Throwing {
    fn call(&self, _: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let answer = self.0.call(None, event)?;
        if answer["response"]["answerCorrect"] == false {
            return Err(HookError::Refused("wrong".into()));
        }
        Ok(answer)
    }
}

#[test]
fn a_hook_that_refuses_an_answer_buys_no_guesses() {
    let (mut world, riddle) = world();
    world.set_hooks(Throwing(riddle));
    let request = start(&world);
    let mut asked = Value::Null;
    for _ in 0..5 {
        asked = world.ok(Operation::InitiateAuth, request.clone());
        let refused = answer(&mut world, &asked["Session"], "a map").unwrap_err();
        assert!(refused.starts_with("UserLambdaValidationException"), "{refused}");
    }
    let late = answer(&mut world, &asked["Session"], "a piano").unwrap_err();
    assert!(late.ends_with("session can only be used once."), "{late}");
    let asked = world.ok(Operation::InitiateAuth, request);
    let locked = answer(&mut world, &asked["Session"], "a piano").unwrap_err();
    assert_eq!(locked, "NotAuthorizedException: Password attempts exceeded");
}

#[test]
fn a_hook_is_told_of_an_unknown_user_who_gets_no_tokens() {
    let (mut world, riddle) = world();
    let mut request = start(&world);
    request["AuthParameters"]["USERNAME"] = json!("nobody");
    let refused = world.refused(Operation::InitiateAuth, request.clone());
    assert_eq!(refused, "UserNotFoundException: User does not exist.");
    world.client = world.make_client(json!({
        "ExplicitAuthFlows": ["ALLOW_CUSTOM_AUTH"], "PreventUserExistenceErrors": "ENABLED",
    }));
    request["ClientId"] = json!(world.client);
    let asked = world.ok(Operation::InitiateAuth, request);
    assert_eq!(riddle.events().last().unwrap()["request"]["userNotFound"], true);
    let answers = json!({"USERNAME": "nobody", "ANSWER": "a piano"});
    let refused = world.respond("CUSTOM_CHALLENGE", &asked["Session"], answers).unwrap_err();
    assert_eq!(refused.to_string(), "NotAuthorizedException: Incorrect username or password.");
}

/// A hook with a constant answer.
struct Always(Result<Value, HookError>);

impl Hooks for Always {
    fn call(&self, _: Option<&str>, _: &Value) -> Result<Value, HookError> {
        self.0.clone()
    }
}

#[test]
fn hook_failures_are_worded_as_the_service_words_them() {
    let mut world = World::new();
    world.user("ada");
    let request = start(&world);
    let long = json!({"response": {
        "challengeName": "CUSTOM_CHALLENGE",
        "privateChallengeParameters": {"answer": "a".repeat(2000)},
    }});
    for (answer, refusal) in [
        (
            Err(HookError::Missing),
            "InvalidParameterException: Custom auth lambda trigger is not configured for the user \
             pool.",
        ),
        (
            Err(HookError::Refused("not today".into())),
            "UserLambdaValidationException: DefineAuthChallenge failed with error not today.",
        ),
        (
            Err(HookError::Refused("no\u{1b}[31m\r\n    at handler (/var/task/index.js:3)".into())),
            "UserLambdaValidationException: DefineAuthChallenge failed with error no[31m.",
        ),
        (
            Err(HookError::Failed("timed out".into())),
            "UnexpectedLambdaException: DefineAuthChallenge invocation failed due to error timed \
             out.",
        ),
        (
            Err(HookError::Failed("x".repeat(300) + "\u{1b}\nat handler")),
            &format!(
                "UnexpectedLambdaException: DefineAuthChallenge invocation failed due to error {}.",
                "x".repeat(256)
            ),
        ),
        (Ok(json!({})), "InvalidLambdaResponseException: Unrecognizable lambda output"),
        (
            Ok(json!({"response": null})),
            "InvalidLambdaResponseException: Unrecognizable lambda output",
        ),
        (
            Ok(json!({"response": {}})),
            "InvalidLambdaResponseException: Unrecognizable lambda output",
        ),
        (
            Ok(json!({"response": {"challengeName": "SMS_MFA"}})),
            "InvalidLambdaResponseException: Unrecognizable lambda output",
        ),
        (
            Ok(json!({"response": {"failAuthentication": true, "issueTokens": true}})),
            "NotAuthorizedException: Incorrect username or password.",
        ),
        (
            Ok(long),
            "InvalidLambdaResponseException: The challenge's parameters are too long for a session",
        ),
    ] {
        world.set_hooks(Always(answer));
        assert_eq!(world.refused(Operation::InitiateAuth, request.clone()), refusal);
    }
    world.client = world.make_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"]}));
    let request = start(&world);
    let refused = world.refused(Operation::InitiateAuth, request);
    assert_eq!(refused, "InvalidParameterException: CUSTOM_AUTH flow not enabled for this client");
}

#[test]
fn a_second_factor_is_asked_for_right_after_the_password() {
    let (mut world, _) = world();
    let secret = world.enrol_totp("ada");
    let signed_in =
        world.try_sign_in(Flow::CustomWithPassword, "ada", None, Some(&secret)).unwrap();
    assert_eq!(
        signed_in.challenges,
        ["SOFTWARE_TOKEN_MFA"],
        "the helper leaves the custom one out"
    );
    let asked = world.first_factor(Flow::CustomWithPassword, "ada", None).unwrap();
    assert_eq!(asked["ChallengeName"], "SOFTWARE_TOKEN_MFA");
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": world.code(&secret)});
    let next = world.respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers).unwrap();
    assert_eq!(next["ChallengeName"], "CUSTOM_CHALLENGE");
}

/// Answers CUSTOM_CHALLENGE to every start, as samples for old clients do.
struct AlwaysCustom;

impl Hooks for AlwaysCustom {
    fn call(&self, _: Option<&str>, event: &Value) -> Result<Value, HookError> {
        let session = event["request"]["session"].as_array().map_or(0, Vec::len);
        let response = match event["triggerSource"].as_str().unwrap() {
            "DefineAuthChallenge_Authentication" if session < 2 => {
                json!({"challengeName": "CUSTOM_CHALLENGE"})
            }
            "DefineAuthChallenge_Authentication" => json!({"issueTokens": true}),
            "VerifyAuthChallengeResponse_Authentication" => json!({"answerCorrect": true}),
            _ => json!({}),
        };
        Ok(json!({"response": response}))
    }
}

#[test]
fn a_start_with_srp_may_go_on_without_the_password() {
    let (mut world, _) = world();
    world.set_hooks(AlwaysCustom);
    let mut request = start(&world);
    request["AuthParameters"]["CHALLENGE_NAME"] = json!("SRP_A");
    request["AuthParameters"]["SRP_A"] = json!("2");
    let asked = world.ok(Operation::InitiateAuth, request);
    assert_eq!(asked["ChallengeName"], "CUSTOM_CHALLENGE");
    let done = answer(&mut world, &asked["Session"], "anything").unwrap();
    assert_eq!(
        done["AuthenticationResult"]["NewDeviceMetadata"],
        Value::Null,
        "no password was proven"
    );
}
