//! No secret is ever printed.

use device_wire::{
    AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType, ConfirmDeviceRequest,
    ConfirmForgotPasswordRequest, DeviceSecretVerifierConfigType, InitiateAuthRequest,
    RespondToAuthChallengeRequest, RespondToAuthChallengeResponse, Sensitive, SignUpRequest,
    UserContextDataType, VerifyUserAttributeRequest, param,
};

/// A text that stands in every place where a secret would.
const SECRET: &str = "hunter2";

fn secret() -> Sensitive<String> {
    SECRET.into()
}

#[test]
fn debug_shows_what_is_there_and_none_of_it() {
    let printed = [
        format!(
            "{:?}",
            InitiateAuthRequest {
                auth_parameters: Some([(param::PASSWORD, SECRET), (param::SECRET_HASH, SECRET)].into()),
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
