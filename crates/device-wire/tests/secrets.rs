//! `Debug` never shows a secret.

use device_wire::enums::{AuthFlowType, ChallengeNameType};
use device_wire::requests::{
    ConfirmDeviceRequest, ConfirmForgotPasswordRequest, InitiateAuthRequest,
    RespondToAuthChallengeRequest, SignUpRequest, VerifyUserAttributeRequest,
};
use device_wire::responses::RespondToAuthChallengeResponse;
use device_wire::shapes::{
    AttributeType, AuthenticationResultType, DeviceSecretVerifierConfigType, UserContextDataType,
};
use device_wire::{Sensitive, param};

/// The text in every place that holds a secret.
const SECRET: &str = "hunter2";

fn secret() -> Sensitive<String> {
    SECRET.into()
}

#[test]
fn debug_shows_that_a_secret_is_there_but_not_which() {
    let printed = [
        format!(
            "{:?}",
            InitiateAuthRequest {
                auth_parameters: Some(
                    [(param::PASSWORD, SECRET), (param::SECRET_HASH, SECRET)].into()
                ),
                session: Some(secret()),
                user_context_data: Some(UserContextDataType {
                    ip_address: Some(secret()),
                    encoded_data: Some(secret())
                }),
                ..InitiateAuthRequest::new(AuthFlowType::UserPasswordAuth, SECRET)
            }
        ),
        format!(
            "{:?}",
            RespondToAuthChallengeRequest {
                challenge_responses: Some([(param::SOFTWARE_TOKEN_MFA_CODE, SECRET)].into()),
                ..RespondToAuthChallengeRequest::new(SECRET, ChallengeNameType::SoftwareTokenMfa)
            }
        ),
        format!(
            "{:?}",
            RespondToAuthChallengeResponse {
                challenge_parameters: Some([(param::SECRET_BLOCK, SECRET)].into()),
                session: Some(secret()),
                authentication_result: Some(AuthenticationResultType {
                    access_token: Some(secret()),
                    id_token: Some(secret()),
                    refresh_token: Some(secret()),
                    ..Default::default()
                }),
                ..Default::default()
            }
        ),
        format!(
            "{:?}",
            ConfirmDeviceRequest {
                device_secret_verifier_config: Some(DeviceSecretVerifierConfigType {
                    password_verifier: Some(secret()),
                    salt: Some(secret()),
                }),
                ..ConfirmDeviceRequest::new(SECRET, "eu-west-1_d0c1")
            }
        ),
        format!(
            "{:?}",
            SignUpRequest {
                password: Some(secret()),
                secret_hash: Some(secret()),
                user_attributes: Some(vec![AttributeType {
                    value: Some(secret()),
                    ..AttributeType::new("email")
                }]),
                ..SignUpRequest::new(SECRET, SECRET)
            }
        ),
        format!("{:?}", ConfirmForgotPasswordRequest::new(SECRET, SECRET, SECRET, SECRET)),
        format!("{:?}", VerifyUserAttributeRequest::new(SECRET, "email", SECRET)),
    ];
    for printed in printed {
        assert!(!printed.contains(SECRET), "{printed}");
        assert!(printed.contains("[redacted]"), "{printed}");
    }
}

/// Checks every member whose name says that it holds a secret. `Debug` is derived, so the member's
/// type decides.
#[test]
fn no_member_named_like_a_secret_is_printable() {
    const SECRET_WORDS: [&str; 12] = [
        "token",
        "password",
        "code",
        "secret",
        "session",
        "salt",
        "verifier",
        "answer",
        "responses",
        "parameters",
        "username",
        "user_data",
    ];
    // Cursors of lists, ids that are not challenge sessions or secrets, a kind of token, a
    // function's name, a device's fingerprint, and the name of a place that keeps a secret.
    const HARMLESS: [&str; 10] = [
        "pagination_token",
        "next_token",
        "client_secret_arn",
        "client_secret_id",
        "session_id",
        "origin_session_id",
        "token_type",
        "pre_token_generation",
        "username_attributes",
        "encoded_data",
    ];
    let sources = [
        include_str!("../src/generated/requests.rs"),
        include_str!("../src/generated/responses.rs"),
        include_str!("../src/generated/shapes.rs"),
    ];
    let members = sources.iter().flat_map(|source| source.lines()).filter_map(|line| {
        let (name, kind) = line.trim().strip_prefix("pub ")?.strip_suffix(',')?.split_once(": ")?;
        let is_secret =
            SECRET_WORDS.iter().any(|word| name.contains(word)) && !HARMLESS.contains(&name);
        (is_secret && kind.contains("String")).then_some((name, kind))
    });
    let members: Vec<_> = members.collect();
    assert!(members.len() > 100, "only {} are looked at", members.len());
    let shown: Vec<_> = members.iter().filter(|(_, kind)| !kind.contains("Sensitive<")).collect();
    assert!(shown.is_empty(), "{shown:?}");
}
