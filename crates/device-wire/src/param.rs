//! Names of the keys in `AuthParameters`, `ChallengeParameters` and `ChallengeResponses`.
//!
//! The model leaves these maps open; the names are from the service's documentation of the flows
//! and challenges.

macro_rules! names {
    ($($(#[$meta:meta])* $name:ident)*) => {
        $($(#[$meta])* pub const $name: &str = stringify!($name);)*
    };
}

names! {
    /// The user's name. In a challenge's parameters and answers, the internal one.
    USERNAME
    /// The password in the clear.
    PASSWORD
    /// base64 of HMAC-SHA-256 over the username and client id, under the client's secret.
    SECRET_HASH
    /// The refresh token of `REFRESH_TOKEN_AUTH`.
    REFRESH_TOKEN
    /// The factor that the client would rather be challenged with, in `USER_AUTH`.
    PREFERRED_CHALLENGE

    /// The client's ephemeral public value, hex.
    SRP_A
    /// The server's ephemeral public value, hex.
    SRP_B
    /// The salt of the user's or the device's verifier, hex.
    SALT
    /// The server's state of an exchange, base64, opaque to the client.
    SECRET_BLOCK
    /// The user id to compute the proof with: the name without the pool's identity.
    USER_ID_FOR_SRP
    /// The `SECRET_BLOCK` given back.
    PASSWORD_CLAIM_SECRET_BLOCK
    /// The proof, base64.
    PASSWORD_CLAIM_SIGNATURE
    /// The moment that went into the proof, such as `Thu Nov 6 09:05:07 UTC 2025`.
    TIMESTAMP

    /// The key of the device that signs in.
    DEVICE_KEY

    /// A code from a text message, second factor.
    SMS_MFA_CODE
    /// A code from an authenticator app, second factor.
    SOFTWARE_TOKEN_MFA_CODE
    /// A code from an e-mail.
    EMAIL_OTP_CODE
    /// A code from a text message, first factor.
    SMS_OTP_CODE
    /// The name that the user gave to the authenticator.
    FRIENDLY_DEVICE_NAME
    /// `SMS` or `EMAIL`.
    CODE_DELIVERY_DELIVERY_MEDIUM
    /// Where a code went, masked.
    CODE_DELIVERY_DESTINATION
    /// The second factors to choose from, a list as JSON text.
    MFAS_CAN_CHOOSE
    /// The second factors that can be set up, a list as JSON text.
    MFAS_CAN_SETUP
    /// The e-mail address to set up as a second factor, in an answer to `MFA_SETUP`.
    EMAIL
    /// The choice made, or the answer to a custom challenge.
    ANSWER
    /// The password to replace a temporary one.
    NEW_PASSWORD
    /// Which challenge a custom flow starts with: `SRP_A`, to prove the password first.
    CHALLENGE_NAME
}

/// The user's attributes, an object as JSON text, in `NEW_PASSWORD_REQUIRED`.
pub const USER_ATTRIBUTES: &str = "userAttributes";

/// The attributes that must be given with a new password, a list as JSON text.
pub const REQUIRED_ATTRIBUTES: &str = "requiredAttributes";

/// Prefix of an attribute in the answer to `NEW_PASSWORD_REQUIRED`, as in `userAttributes.email`.
pub const USER_ATTRIBUTES_PREFIX: &str = "userAttributes.";
