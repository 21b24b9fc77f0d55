//! Keys of `AuthParameters`, `ChallengeParameters` and `ChallengeResponses`.
//!
//! The model leaves these maps open. The names are those of the service's documentation of flows
//! and challenges.

macro_rules! names {
    ($($(#[$meta:meta])* $name:ident)*) => {
        $($(#[$meta])* pub const $name: &str = stringify!($name);)*
    };
}

names! {
    /// The username. In a challenge's parameters and answers, the user's internal name.
    USERNAME
    /// The password, in plain text.
    PASSWORD
    /// base64 of the HMAC-SHA-256 of username and client id, keyed with the client secret.
    SECRET_HASH
    /// The refresh token of `REFRESH_TOKEN_AUTH`.
    REFRESH_TOKEN
    /// The challenge that the client prefers, in `USER_AUTH`.
    PREFERRED_CHALLENGE

    /// The client's ephemeral public value, hex.
    SRP_A
    /// The server's ephemeral public value, hex.
    SRP_B
    /// The salt of the user's or the device's verifier, hex.
    SALT
    /// The server's state of the SRP exchange, base64. Opaque to the client.
    SECRET_BLOCK
    /// The username that goes into the proof, without the pool's name.
    USER_ID_FOR_SRP
    /// The `SECRET_BLOCK`, returned unchanged.
    PASSWORD_CLAIM_SECRET_BLOCK
    /// The proof of the password, base64 of 32 bytes.
    PASSWORD_CLAIM_SIGNATURE
    /// The time that went into the proof, such as `Thu Nov 6 09:05:07 UTC 2025`.
    TIMESTAMP

    /// The key of the device that signs in, such as `eu-west-1_` and a UUID.
    DEVICE_KEY

    /// A code from a text message, as a second factor.
    SMS_MFA_CODE
    /// A code from an authenticator app, as a second factor.
    SOFTWARE_TOKEN_MFA_CODE
    /// A code from an e-mail, as a first or second factor.
    EMAIL_OTP_CODE
    /// A code from a text message, as a first factor.
    SMS_OTP_CODE
    /// The user's name for the authenticator app.
    FRIENDLY_DEVICE_NAME
    /// `SMS` or `EMAIL`.
    CODE_DELIVERY_DELIVERY_MEDIUM
    /// The address or number that a code was sent to, masked.
    CODE_DELIVERY_DESTINATION
    /// The second factors to choose from, as a JSON list.
    MFAS_CAN_CHOOSE
    /// The second factors that the user can set up, as a JSON list.
    MFAS_CAN_SETUP
    /// The e-mail address to use as a second factor, in an answer to `MFA_SETUP`.
    EMAIL
    /// The choice of a factor, or the answer to a custom challenge.
    ANSWER
    /// The password that replaces a temporary one.
    NEW_PASSWORD
    /// `SRP_A`, if a custom flow starts with a proof of the password.
    CHALLENGE_NAME
}

/// Asks the device for a new secret, if it is `on` in `DEVICE_PASSWORD_VERIFIER`.
///
/// `DEVICE_SRP_AUTH` announces it, so that sign-ins of one device do not overlap from there on.
/// Only this project's server sends it, if the pool has the tag `device:rotate-secret`.
pub const ROTATE_DEVICE_SECRET: &str = "ROTATE_DEVICE_SECRET";

/// `true` beside the tokens if the offered secret has replaced the old one.
pub const DEVICE_SECRET_ROTATED: &str = "DEVICE_SECRET_ROTATED";

/// The salt of the offered secret in `ClientMetadata`, base64. The real service ignores it.
pub const NEW_DEVICE_SALT: &str = "device:new-salt";

/// The verifier of the offered secret in `ClientMetadata`, base64. The real service ignores it.
pub const NEW_DEVICE_VERIFIER: &str = "device:new-verifier";

/// The user's attributes in `NEW_PASSWORD_REQUIRED`, as a JSON object.
pub const USER_ATTRIBUTES: &str = "userAttributes";

/// The attributes that must be set with a new password, as a JSON list.
pub const REQUIRED_ATTRIBUTES: &str = "requiredAttributes";

/// The prefix of an attribute in the answer to `NEW_PASSWORD_REQUIRED`: `userAttributes.email`.
pub const USER_ATTRIBUTES_PREFIX: &str = "userAttributes.";
