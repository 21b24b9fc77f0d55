//! Responses of the service, and names for them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::encoding::file_name;
use crate::numbers::N;

/// A device key.
pub(crate) const DEVICE_KEY: &str = "us-east-1_0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";

/// A token without a valid signature.
fn jwt(claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2ln", part(&json!({"alg": "RS256", "kid": "k"})), part(claims))
}

/// The tokens at the end of a sign-in, of that device if there is one.
pub(crate) fn tokens(device: Option<&str>) -> Value {
    let mut access = json!({"sub": "5f1e7a52", "username": "user", "exp": 1_739_215_812,
        "token_use": "access"});
    if let Some(device) = device {
        access["device_key"] = json!(device);
    }
    let id = json!({"sub": "5f1e7a52", "cognito:username": "user", "exp": 1_739_215_812,
        "token_use": "id"});
    json!({"ChallengeParameters": {}, "AuthenticationResult": {"AccessToken": jwt(&access),
        "IdToken": jwt(&id), "RefreshToken": "refresh", "ExpiresIn": 3600, "TokenType": "Bearer"}})
}

/// Tokens with the key of a new device to confirm.
pub(crate) fn new_device() -> Value {
    let mut body = tokens(Some(DEVICE_KEY));
    body["AuthenticationResult"]["NewDeviceMetadata"] =
        json!({"DeviceKey": DEVICE_KEY, "DeviceGroupKey": "-Ab1Cd2Ef"});
    body
}

/// A challenge.
fn challenge(name: &str, parameters: Value) -> Value {
    json!({"ChallengeName": name, "Session": "s".repeat(24), "ChallengeParameters": parameters})
}

/// The challenge of a password by SRP.
pub(crate) fn password_verifier() -> Value {
    let b = format!("{:X}", &*N - 5u8);
    challenge(
        "PASSWORD_VERIFIER",
        json!({"SALT": "abc", "SRP_B": b, "SECRET_BLOCK": "AAAA", "USERNAME": "user",
            "USER_ID_FOR_SRP": "user"}),
    )
}

/// The challenge of a device's password by SRP.
pub(crate) fn device_verifier() -> Value {
    challenge(
        "DEVICE_PASSWORD_VERIFIER",
        json!({"SALT": "abc", "SRP_B": "abcd", "SECRET_BLOCK": "AAAA", "USERNAME": "user",
            "DEVICE_KEY": DEVICE_KEY}),
    )
}

/// All other challenges, with a note if a name has several.
pub(crate) fn challenges() -> Vec<(Value, &'static str)> {
    let mut select_challenge = challenge("SELECT_CHALLENGE", json!({}));
    select_challenge["AvailableChallenges"] = json!(["PASSWORD_SRP", "EMAIL_OTP", "WEB_AUTHN"]);
    vec![
        (
            challenge(
                "SMS_MFA",
                json!({"CODE_DELIVERY_DELIVERY_MEDIUM": "SMS", "USER_ID_FOR_SRP": "user",
                    "CODE_DELIVERY_DESTINATION": "+*******0100"}),
            ),
            "",
        ),
        (
            challenge(
                "SOFTWARE_TOKEN_MFA",
                json!({"USER_ID_FOR_SRP": "user", "FRIENDLY_DEVICE_NAME": "phone"}),
            ),
            "",
        ),
        (
            challenge(
                "EMAIL_OTP",
                json!({"CODE_DELIVERY_DELIVERY_MEDIUM": "EMAIL",
                    "CODE_DELIVERY_DESTINATION": "u***@e***"}),
            ),
            "",
        ),
        (
            challenge(
                "SELECT_MFA_TYPE",
                json!({"MFAS_CAN_CHOOSE": r#"["SMS_MFA","SOFTWARE_TOKEN_MFA"]"#}),
            ),
            "",
        ),
        (challenge("SELECT_MFA_TYPE", json!({"MFAS_CAN_CHOOSE": "[1,"})), "odd"),
        (
            challenge(
                "MFA_SETUP",
                json!({"MFAS_CAN_SETUP": r#"["SOFTWARE_TOKEN_MFA","EMAIL_OTP"]"#}),
            ),
            "",
        ),
        (
            challenge(
                "NEW_PASSWORD_REQUIRED",
                json!({"userAttributes": r#"{"email":"u@example.com"}"#,
                    "requiredAttributes": r#"["userAttributes.name"]"#}),
            ),
            "",
        ),
        (challenge("CUSTOM_CHALLENGE", json!({"question": "colour"})), ""),
        (select_challenge, ""),
        (challenge("WEB_AUTHN", json!({"CREDENTIAL_REQUEST_OPTIONS": "{}"})), ""),
        (challenge("DEVICE_SRP_AUTH", json!({"USERNAME": "user"})), ""),
        (challenge("SOMETHING_NEW", json!({"a": "b"})), ""),
        (json!({"ChallengeName": "SMS_MFA", "ChallengeParameters": {}}), "no_session"),
        (
            json!({"ChallengeName": "SMS_MFA", "Session": null, "ChallengeParameters": null,
                "AuthenticationResult": null}),
            "nulls",
        ),
    ]
}

/// Refusals that clients act on, each with a note if a code has several.
pub(crate) fn refusals() -> Vec<(Value, &'static str)> {
    [
        ("NotAuthorizedException", "Incorrect username or password.", "password"),
        ("NotAuthorizedException", "Password attempts exceeded", "locked"),
        ("NotAuthorizedException", "User is disabled.", "disabled"),
        ("NotAuthorizedException", "Invalid session for the user, session is expired.", "session"),
        ("ResourceNotFoundException", "Device does not exist.", ""),
        ("CodeMismatchException", "Invalid code received for user", ""),
        ("UserNotConfirmedException", "User is not confirmed.", ""),
        ("PasswordResetRequiredException", "Password reset required for the user", ""),
        ("TooManyRequestsException", "Rate exceeded", ""),
        ("InternalErrorException", "", ""),
        ("com.amazonaws#UserNotFoundException", "User does not exist.", ""),
        ("SomethingNewException", "new", ""),
    ]
    .into_iter()
    .map(|(code, message, note)| (json!({"__type": code, "message": message}), note))
    .collect()
}

/// Bytes that are not a response, or nearly one.
pub(crate) const NOISE: [(&str, &[u8]); 8] = [
    ("empty", b""),
    ("page", b"<html>"),
    ("not_utf8", b"{\"a\":\"\xff\"}"),
    ("deep", &[b'['; 200]),
    ("member_twice", br#"{"Session":"a","Session":"b"}"#),
    ("list", b"[]"),
    ("number", b"1e999"),
    ("surrogate", br#"{"Session":"\ud800"}"#),
];

/// The meaning of a body to a client: a challenge by name, tokens, a refusal by code, or other.
pub(crate) fn name(body: &[u8]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return "noise".to_owned() };
    let result = &body["AuthenticationResult"];
    if let Some(challenge) = body["ChallengeName"].as_str() {
        format!("asks_{}", file_name(challenge))
    } else if !result["NewDeviceMetadata"].is_null() {
        "new_device".to_owned()
    } else if result["AccessToken"].is_string() {
        "tokens".to_owned()
    } else if let Some(code) = body["__type"].as_str() {
        format!("refuses_{}", file_name(code))
    } else if body["UserConfirmationNecessary"].is_boolean() {
        "confirmed".to_owned()
    } else if body["Devices"].is_array() {
        "devices".to_owned()
    } else {
        "other".to_owned()
    }
}

/// Joins the descriptions of several answers.
pub(crate) fn conversation(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join("-") }
}
