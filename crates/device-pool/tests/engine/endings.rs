//! Whatever ends a user's access ends every token and every sign-in under way.

use device_pool::SUPPORTED;
use device_wire::{Auth, Operation};
use serde_json::{Value, json};

use crate::flows::Flow;
use crate::world::{PASSWORD, World};

/// An action of an administrator or the user that ends access.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    GlobalSignOut,
    AdminGlobalSignOut,
    Revoked,
    Disabled,
    DisabledAndEnabled,
    Deleted,
    DeletedAndMade,
    PasswordSet,
    ResetRequired,
    FactorDeleted,
}

impl Ending {
    fn happens(self, world: &mut World, access: &str, refresh: &str) {
        let ada = json!({"UserPoolId": world.pool, "Username": "ada"});
        match self {
            Self::GlobalSignOut => {
                world.ok(Operation::GlobalSignOut, json!({"AccessToken": access}));
            }
            Self::AdminGlobalSignOut => {
                world.ok(Operation::AdminUserGlobalSignOut, ada);
            }
            Self::Revoked => {
                let body = json!({"ClientId": world.client, "Token": refresh});
                world.ok(Operation::RevokeToken, body);
            }
            Self::Disabled => {
                world.ok(Operation::AdminDisableUser, ada);
            }
            Self::DisabledAndEnabled => {
                world.ok(Operation::AdminDisableUser, ada.clone());
                world.ok(Operation::AdminEnableUser, ada);
            }
            Self::Deleted => {
                world.ok(Operation::AdminDeleteUser, ada);
            }
            Self::DeletedAndMade => {
                world.ok(Operation::AdminDeleteUser, ada);
                world.user("ada");
            }
            Self::PasswordSet => {
                let mut body = ada;
                body["Password"] = json!(PASSWORD);
                body["Permanent"] = json!(true);
                // Setting the same password again also counts as a change.
                world.seconds(1);
                world.ok(Operation::AdminSetUserPassword, body);
            }
            Self::ResetRequired => {
                world.ok(Operation::AdminResetUserPassword, ada);
            }
            Self::FactorDeleted => {
                let body = json!({"UserPoolId": world.pool, "Username": "ada",
                    "SoftwareTokenMfaSettings": {"Enabled": false}});
                world.ok(Operation::AdminSetUserMFAPreference, body);
            }
        }
    }
}

/// A body that is valid except for the access token.
fn body(operation: Operation, access: &str) -> Value {
    json!({
        "AccessToken": access, "AttributeName": "email", "Code": "123456",
        "PreviousPassword": PASSWORD, "ProposedPassword": "Another-horse-8",
        "DeviceKey": "eu-test-1_00000000-0000-4000-8000-000000000000",
        "DeviceSecretVerifierConfig": {"PasswordVerifier": "AQ==", "Salt": "AQ=="},
        "UserAttributes": [{"Name": "name", "Value": "Ada"}], "UserAttributeNames": ["name"],
        "UserCode": "123456", "MFAOptions": [], "SessionId": "tkn0000000000000000000000000",
        "DeviceRememberedStatus": "remembered", "Operation": operation.name(),
    })
}

#[test]
fn no_operation_accepts_an_ended_token() {
    for ending in [
        Ending::GlobalSignOut,
        Ending::AdminGlobalSignOut,
        Ending::Revoked,
        Ending::Disabled,
        Ending::DisabledAndEnabled,
        Ending::Deleted,
        Ending::DeletedAndMade,
    ] {
        let mut world = World::opt_in();
        world.user("ada");
        let signed_in = world.sign_in("ada", None, None);
        let (access, refresh) = (signed_in.access_token(), signed_in.refresh_token());
        ending.happens(&mut world, &access, &refresh);
        let with_token = SUPPORTED.iter().filter(|operation| {
            matches!(operation.auth(), Auth::AccessToken | Auth::AccessTokenOrSession)
        });
        let mut tried = 0;
        for &operation in with_token {
            let refused = world.call(operation, body(operation, &access)).unwrap_err().to_string();
            let over = [
                "NotAuthorizedException: Access Token has been revoked",
                "NotAuthorizedException: User is disabled.",
                "NotAuthorizedException: User does not exist.",
                "UserNotFoundException: User does not exist.",
            ];
            assert!(over.contains(&refused.as_str()), "{ending:?} {operation}: {refused}");
            tried += 1;
        }
        assert!(tried >= 19, "{tried}");
        let again = json!({"ClientId": world.client, "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": {"REFRESH_TOKEN": refresh}});
        let refused = world.refused(Operation::InitiateAuth, again);
        assert!(refused.starts_with("NotAuthorizedException"), "{ending:?}: {refused}");
    }
}

#[test]
fn a_code_or_device_proof_is_refused_once_access_ended() {
    for ending in [
        Ending::AdminGlobalSignOut,
        Ending::Disabled,
        Ending::DisabledAndEnabled,
        Ending::Deleted,
        Ending::DeletedAndMade,
        Ending::PasswordSet,
        Ending::ResetRequired,
        Ending::FactorDeleted,
    ] {
        for by_device in [false, true] {
            if by_device && ending == Ending::FactorDeleted {
                continue;
            }
            let mut world = World::opt_in();
            world.user("ada");
            let address = [("email", "ada@mail.example"), ("email_verified", "true")];
            world.set_attributes("ada", &address);
            let secret = world.enrol_totp("ada");
            let (device, signed_in) = world.confirmed_device("ada", Some(&secret));
            world.set_status("ada", &device, "remembered");
            let key = by_device.then_some(device.key.as_str());
            let asked = world.first_factor(Flow::Srp, "ada", key).unwrap();
            let (challenge, session, answers) = if by_device {
                let (answers, session) =
                    world.device_claim("ada", &device, &asked["Session"]).unwrap();
                ("DEVICE_PASSWORD_VERIFIER", session, answers)
            } else {
                let code = world.code(&secret);
                let answers = json!({"USERNAME": "ada", "SOFTWARE_TOKEN_MFA_CODE": code});
                ("SOFTWARE_TOKEN_MFA", asked["Session"].clone(), answers)
            };
            let (access, refresh) = (signed_in.access_token(), signed_in.refresh_token());
            ending.happens(&mut world, &access, &refresh);
            let refused = world.respond(challenge, &session, answers);
            assert!(refused.is_err(), "{ending:?}, by device: {by_device}");
        }
    }
}

#[test]
fn a_disabled_user_is_told_so_in_the_middle_of_a_sign_in() {
    let mut world = World::opt_in();
    world.user("ada");
    let (device, _) = world.confirmed_device("ada", None);
    world.set_status("ada", &device, "remembered");
    let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
    let (answers, session) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
    world.set_mfa("ON");
    let set_up = world.first_factor(Flow::Srp, "ada", None).unwrap()["Session"].take();
    Ending::Disabled.happens(&mut world, "", "");
    let proof = world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers).unwrap_err();
    let shown = world.refused(Operation::AssociateSoftwareToken, json!({"Session": set_up}));
    for refused in [proof.to_string(), shown] {
        assert_eq!(refused, "NotAuthorizedException: User is disabled.");
    }
}

#[test]
fn a_device_proof_needs_what_the_pool_still_wants() {
    for (change, tokens) in
        [("nothing", true), ("not remembered", false), ("off", false), ("mfa", false)]
    {
        let mut world = World::opt_in();
        world.user("ada");
        let secret = world.enrol_totp("ada");
        let (device, _) = world.confirmed_device("ada", Some(&secret));
        world.set_status("ada", &device, "remembered");
        let asked = world.first_factor(Flow::Srp, "ada", Some(&device.key)).unwrap();
        let (answers, session) = world.device_claim("ada", &device, &asked["Session"]).unwrap();
        match change {
            "not remembered" => world.set_status("ada", &device, "not_remembered"),
            "off" => world.set_pool("DeviceConfiguration", Value::Null),
            "mfa" => world.set_pool(
                "DeviceConfiguration",
                json!({"ChallengeRequiredOnNewDevice": false,
                    "DeviceOnlyRememberedOnUserPrompt": true}),
            ),
            _ => {}
        }
        let answer = world.respond("DEVICE_PASSWORD_VERIFIER", &session, answers).unwrap();
        // If the device no longer stands in for the second factor, the second factor is asked for.
        let came_in = answer["AuthenticationResult"]["AccessToken"].is_string();
        let asked = answer["ChallengeName"] == "SOFTWARE_TOKEN_MFA";
        assert_eq!((came_in, asked), (tokens, !tokens), "{change}: {answer}");
    }
}
