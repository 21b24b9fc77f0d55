//! Of many equal requests at once exactly one is accepted.

use std::sync::Barrier;

use device_pool::Invocation;
use device_wire::Operation;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::flows::Flow;
use crate::world::{PASSWORD, World};

const RACERS: u64 = 50;

/// Something that is valid once.
#[derive(Clone, Copy, Debug)]
enum Once {
    SignUpName,
    SignUpCode,
    ResetCode,
    TemporaryPassword,
    SecretBlock,
    TotpSession,
    DeviceKey,
    DeviceProof,
    RefreshToken,
}

const ALL: [Once; 9] = [
    Once::SignUpName,
    Once::SignUpCode,
    Once::ResetCode,
    Once::TemporaryPassword,
    Once::SecretBlock,
    Once::TotpSession,
    Once::DeviceKey,
    Once::DeviceProof,
    Once::RefreshToken,
];

impl Once {
    /// The request that is accepted once.
    fn request(self, world: &mut World) -> (Operation, Value) {
        let client = world.client.clone();
        let respond = |challenge: &str, session: &Value, answers: Value| {
            let body = json!({"ClientId": client, "ChallengeName": challenge, "Session": session,
                "ChallengeResponses": answers});
            (Operation::RespondToAuthChallenge, body)
        };
        let sign_up = json!({"ClientId": client, "Username": "eve", "Password": PASSWORD,
            "UserAttributes": [{"Name": "email", "Value": "eve@mail.example"}]});
        match self {
            Self::SignUpName => (Operation::SignUp, sign_up),
            Self::SignUpCode => {
                world.set_pool("AutoVerifiedAttributes", json!(["email"]));
                world.ok(Operation::SignUp, sign_up);
                let code = world.outbox[0].code.to_string();
                let body = json!({"ClientId": client, "Username": "eve", "ConfirmationCode": code});
                (Operation::ConfirmSignUp, body)
            }
            Self::ResetCode => {
                let address = [("email", "ada@mail.example"), ("email_verified", "true")];
                world.set_attributes("ada", &address);
                world.ok(Operation::ForgotPassword, json!({"ClientId": client, "Username": "ada"}));
                let code = world.outbox[0].code.to_string();
                let body = json!({"ClientId": client, "Username": "ada",
                    "ConfirmationCode": code, "Password": "Another-horse-8"});
                (Operation::ConfirmForgotPassword, body)
            }
            Self::TemporaryPassword => {
                let body = json!({"UserPoolId": world.pool, "Username": "ada",
                    "Password": "Temporary-horse-1", "Permanent": false});
                world.ok(Operation::AdminSetUserPassword, body);
                let claim = world.srp_claim("ada", "Temporary-horse-1");
                let asked = world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap();
                let answers = json!({"USERNAME": "ada", "NEW_PASSWORD": "Another-horse-8"});
                respond("NEW_PASSWORD_REQUIRED", &asked["Session"], answers)
            }
            Self::SecretBlock => {
                let claim = world.srp_claim("ada", PASSWORD);
                respond("PASSWORD_VERIFIER", &Value::Null, claim)
            }
            Self::TotpSession => {
                let secret = world.enrol_totp("ada");
                let asked = world.first_factor(Flow::Srp, "ada", None).unwrap();
                let code = world.code(&secret);
                let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
                respond("SOFTWARE_TOKEN_MFA", &asked["Session"], answers)
            }
            Self::DeviceKey => {
                let signed_in = world.sign_in("ada", None, None);
                let device = world.issued_device(&signed_in);
                let body = world.confirmation(&signed_in.access_token(), &device);
                (Operation::ConfirmDevice, body)
            }
            Self::DeviceProof => {
                let (device, _) = world.confirmed_device("ada", None);
                world.set_status("ada", &device, "remembered");
                let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
                let (answers, session) =
                    world.device_claim("ada", &device, &asked["Session"]).unwrap();
                respond("DEVICE_PASSWORD_VERIFIER", &session, answers)
            }
            Self::RefreshToken => {
                world.client = world.make_client(json!({
                    "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"],
                    "RefreshTokenRotation": {"Feature": "ENABLED", "RetryGracePeriodSeconds": 0},
                }));
                let (device, signed_in) = world.confirmed_device("ada", None);
                let body = json!({"ClientId": world.client, "DeviceKey": device.key,
                    "RefreshToken": signed_in.refresh_token()});
                (Operation::GetTokensFromRefreshToken, body)
            }
        }
    }
}

/// The number of accepted requests of [`RACERS`] equal ones that arrive at once.
fn taken(world: &World, operation: Operation, body: &Value) -> usize {
    let (engine, now, start) = (&world.engine, world.moment(), Barrier::new(RACERS as usize));
    let race = |seed: u64| {
        let mut rng = StdRng::seed_from_u64(seed);
        let source_ip = Some(world.ip.into());
        let mut invocation = Invocation { source_ip, ..Invocation::new(now, &mut rng) };
        start.wait();
        engine.execute(operation, body.clone(), &mut invocation).is_ok()
    };
    std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS).map(|seed| scope.spawn(move || race(seed))).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).filter(|won| *won).count()
    })
}

#[test]
fn of_fifty_equal_requests_at_once_one_is_accepted() {
    for once in ALL {
        let devices = json!({"ChallengeRequiredOnNewDevice": false,
            "DeviceOnlyRememberedOnUserPrompt": true});
        let mut world = World::with(devices, "OPTIONAL");
        world.user("ada");
        let (operation, body) = once.request(&mut world);
        assert_eq!(taken(&world, operation, &body), 1, "{once:?}");
    }
}

#[test]
fn a_totp_code_is_taken_once_over_many_sessions() {
    let mut world = World::with(Value::Null, "OPTIONAL");
    world.user("ada");
    let secret = world.enrol_totp("ada");
    let sessions: Vec<Value> = (0..20)
        .map(|_| world.first_factor(Flow::Srp, "ada", None).unwrap()["Session"].take())
        .collect();
    let code = world.code(&secret);
    let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
    let taken = sessions
        .iter()
        .filter(|session| world.respond("SOFTWARE_TOKEN_MFA", session, answers.clone()).is_ok())
        .count();
    assert_eq!(taken, 1);
}

#[test]
fn of_fifty_wrong_passwords_at_once_five_are_checked() {
    let mut world = World::new();
    world.user("ada");
    let body = json!({"ClientId": world.client, "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": {"USERNAME": "ada", "PASSWORD": "Wrong-horse-7"}});
    assert_eq!(taken(&world, Operation::InitiateAuth, &body), 0);
    // The right password then has to wait, with every flow, client and spelling of the name.
    let other = world.make_client(json!({"ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]}));
    for (client, flow, name) in [
        (world.client.clone(), "USER_PASSWORD_AUTH", "ada"),
        (other, "USER_PASSWORD_AUTH", "ADA"),
        (world.client.clone(), "USER_AUTH", "Ada"),
    ] {
        let body = json!({"ClientId": client, "AuthFlow": flow, "AuthParameters": {
            "USERNAME": name, "PASSWORD": PASSWORD, "PREFERRED_CHALLENGE": "PASSWORD"}});
        let refused = world.refused(Operation::InitiateAuth, body);
        assert!(refused.contains("Password attempts exceeded"), "{flow} {name}: {refused}");
    }
    let claim = world.srp_claim("ada", PASSWORD);
    let refused = world.respond("PASSWORD_VERIFIER", &Value::Null, claim).unwrap_err();
    assert!(refused.to_string().contains("Password attempts exceeded"), "{refused}");
}
