//! Lambda triggers: when they are called, with which events, and what their answers change.

use std::sync::{Arc, Mutex};

use device_pool::{HookError, Hooks};
use device_wire::Operation;
use serde_json::{Value, json};

use crate::world::{Flow, PASSWORD, World, claims};

/// The function that the pool of [`world`] names for every trigger.
pub(crate) const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:f";

pub(crate) type Respond = fn(&Value) -> Result<Value, HookError>;

/// The operator's code: it notes each event, and its response is what a test says.
struct Recorder {
    events: Arc<Mutex<Vec<Value>>>,
    respond: Respond,
}

impl Hooks for Recorder {
    fn call(&self, function: Option<&str>, event: &Value) -> Result<Value, HookError> {
        assert_eq!(function, Some(ARN));
        self.events.lock().unwrap().push(event.clone());
        let mut answer = event.clone();
        answer["response"] = (self.respond)(event)?;
        Ok(answer)
    }
}

/// A world whose pool names a function for these triggers.
pub(crate) fn world(triggers: &[&str], respond: Respond) -> (World, Arc<Mutex<Vec<Value>>>) {
    let mut world = World::new();
    let arn = ARN;
    let mut config = json!({});
    for trigger in triggers {
        config[*trigger] = match *trigger {
            "PreTokenGenerationConfig" => json!({"LambdaVersion": "V2_0", "LambdaArn": arn}),
            "CustomEmailSender" | "CustomSMSSender" => {
                json!({"LambdaVersion": "V1_0", "LambdaArn": arn})
            }
            _ => json!(arn),
        };
    }
    world.set_pool("LambdaConfig", config);
    let events = Arc::new(Mutex::new(Vec::new()));
    world.set_hooks(Recorder { events: Arc::clone(&events), respond });
    (world, events)
}

pub(crate) fn sources(events: &Mutex<Vec<Value>>) -> Vec<String> {
    let events = events.lock().unwrap();
    events.iter().map(|event| event["triggerSource"].as_str().unwrap().to_owned()).collect()
}

fn unchanged(event: &Value) -> Result<Value, HookError> {
    Ok(event["response"].clone())
}

fn sign_up(world: &mut World, name: &str) -> Value {
    let request = json!({
        "ClientId": world.client, "Username": name, "Password": PASSWORD,
        "UserAttributes": [{"Name": "email", "Value": "ada@example.com"}],
        "ValidationData": [{"Name": "invited-by", "Value": "bob"}],
        "ClientMetadata": {"campaign": "spring"},
    });
    world.ok(Operation::SignUp, request)
}

#[test]
fn a_pool_without_triggers_asks_no_hook() {
    let (mut world, events) = world(&[], |_| Err(HookError::Failed("asked".into())));
    world.user("ada");
    sign_up(&mut world, "bob");
    world.sign_in("ada", None, None);
    assert!(sources(&events).is_empty());
}

#[test]
fn pre_sign_up_confirms_and_vouches() {
    let (mut world, events) = world(&["PreSignUp", "PostConfirmation"], |event| {
        Ok(match event["triggerSource"].as_str() {
            Some("PreSignUp_SignUp") => json!({"autoConfirmUser": true, "autoVerifyEmail": true}),
            _ => json!({}),
        })
    });
    let made = sign_up(&mut world, "ada");
    assert_eq!(made["UserConfirmed"], true);
    assert!(world.outbox.is_empty(), "no code is due");
    world.sign_in("ada", None, None);
    let request = json!({"UserPoolId": world.pool, "Username": "ada"});
    let described = world.ok(Operation::AdminGetUser, request).to_string();
    assert!(described.contains(r#"{"Name":"email_verified","Value":"true"}"#), "{described}");

    assert_eq!(sources(&events), ["PreSignUp_SignUp", "PostConfirmation_ConfirmSignUp"]);
    let event = events.lock().unwrap()[0].clone();
    assert_eq!(event["version"], "1");
    assert_eq!(event["userName"], "ada");
    assert_eq!(event["callerContext"]["clientId"], world.client);
    assert_eq!(
        event["request"],
        json!({
            "userAttributes": {"email": "ada@example.com"},
            "validationData": {"invited-by": "bob"},
            "clientMetadata": {"campaign": "spring"},
        })
    );
    assert_eq!(
        event["response"],
        json!({"autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false})
    );
}

#[test]
fn pre_sign_up_refuses_an_account() {
    let (mut world, _) =
        world(&["PreSignUp"], |_| Err(HookError::Refused("not invited".to_owned())));
    let request = json!({"ClientId": world.client, "Username": "ada", "Password": PASSWORD});
    assert_eq!(
        world.refused(Operation::SignUp, request),
        "UserLambdaValidationException: PreSignUp failed with error not invited."
    );
    let made = json!({"UserPoolId": world.pool, "Username": "ada"});
    let refused = world.refused(Operation::AdminCreateUser, made);
    assert!(refused.starts_with("UserLambdaValidationException"), "{refused}");
}

#[test]
fn pre_authentication_refuses_before_the_password() {
    let (mut world, events) = world(&["PreAuthentication"], |event| {
        match event["request"]["validationData"]["from"].as_str() {
            Some("office") => Ok(json!({})),
            _ => Err(HookError::Refused("not from the office".to_owned())),
        }
    });
    world.user("ada");
    let mut request = json!({
        "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": "Wrong-horse-7"},
    });
    assert_eq!(
        world.refused(Operation::InitiateAuth, request.clone()),
        "UserLambdaValidationException: PreAuthentication failed with error not from the office."
    );
    request["ClientMetadata"] = json!({"from": "office"});
    request["AuthParameters"]["PASSWORD"] = json!(PASSWORD);
    world.ok(Operation::InitiateAuth, request);
    let event = events.lock().unwrap()[0].clone();
    assert_eq!(event["triggerSource"], "PreAuthentication_Authentication");
    assert_eq!(event["request"]["userNotFound"], false);
    assert_eq!(event["request"]["userAttributes"]["cognito:user_status"], "CONFIRMED");
}

#[test]
fn triggers_come_in_the_order_of_the_service() {
    let triggers = ["PreAuthentication", "PostAuthentication", "PreTokenGeneration"];
    let (mut world, events) = world(&triggers, unchanged);
    world.user("ada");
    let signed_in = world.sign_in("ada", None, None);
    let refresh = json!({
        "AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": world.client,
        "AuthParameters": {"REFRESH_TOKEN": signed_in.refresh_token()},
    });
    world.ok(Operation::InitiateAuth, refresh);
    assert_eq!(
        sources(&events),
        [
            "PreAuthentication_Authentication",
            "PostAuthentication_Authentication",
            "TokenGeneration_Authentication",
            "TokenGeneration_RefreshTokens",
        ]
    );
    let events = events.lock().unwrap();
    assert_eq!(events[1]["request"]["newDeviceUsed"], false);
    assert_eq!(events[2]["version"], "1");
    assert_eq!(events[2]["response"], json!({"claimsOverrideDetails": null}));
}

#[test]
fn a_failing_trigger_before_tokens_gives_none() {
    let (mut world, _) =
        world(&["PostAuthentication"], |_| Err(HookError::Failed("it took too long".to_owned())));
    world.user("ada");
    let refused = world.first_factor(Flow::Password, "ada", None).unwrap_err().to_string();
    assert_eq!(
        refused,
        "UnexpectedLambdaException: PostAuthentication invocation failed due to error it took too \
         long."
    );
}

#[test]
fn version_1_changes_the_id_token_and_groups() {
    let (mut world, _) = world(&["PreTokenGeneration"], |_| {
        Ok(json!({"claimsOverrideDetails": {
            "claimsToAddOrOverride": {"tier": "gold", "sub": "forged", "email": "x@example.com"},
            "claimsToSuppress": ["event_id", "phone_number"],
            "groupOverrideDetails": {
                "groupsToOverride": ["editors"], "iamRolesToOverride": ["arn:r"],
                "preferredRole": "arn:r",
            },
        }}))
    });
    world.user("ada");
    world.set_attributes("ada", &[("phone_number", "+15550100")]);
    let result = world.sign_in("ada", None, None).result;
    let id = claims(result["IdToken"].as_str().unwrap());
    assert_eq!((&id["tier"], &id["email"]), (&json!("gold"), &json!("x@example.com")));
    assert_ne!(id["sub"], "forged");
    assert!(id["event_id"].is_string() && id.get("phone_number").is_none(), "{id}");
    assert_eq!(id["cognito:groups"], json!(["editors"]));
    assert_eq!(id["cognito:preferred_role"], "arn:r");
    let access = claims(result["AccessToken"].as_str().unwrap());
    assert!(access.get("tier").is_none());
    assert_eq!(access["cognito:groups"], json!(["editors"]));
}

#[test]
fn version_2_changes_access_tokens_and_scopes() {
    let (mut world, events) = world(&["PreTokenGenerationConfig"], |_| {
        Ok(json!({"claimsAndScopeOverrideDetails": {
            "idTokenGeneration": {"claimsToAddOrOverride": {"plan": {"seats": 3}}},
            "accessTokenGeneration": {
                "claimsToAddOrOverride": {"tenant": "acme", "client_id": "forged"},
                "scopesToAdd": ["reports/read"],
                "scopesToSuppress": ["aws.cognito.signin.user.admin"],
            },
        }}))
    });
    world.user("ada");
    let result = world.sign_in("ada", None, None).result;
    let id = claims(result["IdToken"].as_str().unwrap());
    assert_eq!(id["plan"], json!({"seats": 3}));
    let access = claims(result["AccessToken"].as_str().unwrap());
    assert_eq!(access["tenant"], "acme");
    assert_eq!(access["client_id"], world.client);
    assert_eq!(access["scope"], "reports/read");
    let event = events.lock().unwrap()[0].clone();
    assert_eq!(event["version"], "2");
    assert_eq!(event["request"]["scopes"], json!(["aws.cognito.signin.user.admin"]));
    assert_eq!(event["response"], json!({"claimsAndScopeOverrideDetails": null}));
}
