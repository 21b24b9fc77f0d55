//! Refusals, and how the service words them: written out here, not taken from the engine's own
//! constants, so that a change of a word is found.

use device_wire::ErrorCode;

/// Why an operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownUser,
    UserExists,
    Disabled,
    Incorrect,
    TooManyAttempts,
    /// The same, for a signed-in user.
    AttemptLimit,
    TemporaryPasswordExpired,
    PasswordUsedBefore,
    InvalidSession,
    ExpiredSession,
    UsedSession,
    UnknownDevice,
    InvalidDeviceKey,
    DeviceExists,
    TooManyDevices,
    CodeWrong,
    CodeUsed,
    EnrolmentCodeWrong,
    NoSecretToVerify,
    NoSoftwareToken,
    SoftwareTokensNotOffered,
    ExpiredAccessToken,
    RevokedAccessToken,
    InvalidRefreshToken,
    /// The same, from the operation that revokes.
    NothingToRevoke,
    ExpiredRefreshToken,
    RevokedRefreshToken,
    ReplacedRefreshToken,
    RefreshFlowNotEnabled,
}

impl Refusal {
    /// The number of different refusals.
    pub(crate) const COUNT: usize = Self::RefreshFlowNotEnabled as usize + 1;

    /// The error code and the message. An operation whose model lacks the code has another one.
    pub(crate) fn wording(self) -> (ErrorCode, &'static str) {
        use ErrorCode as E;
        match self {
            Self::UnknownUser => (E::UserNotFound, "User does not exist."),
            Self::UserExists => (E::UsernameExists, "User account already exists"),
            Self::Disabled => (E::NotAuthorized, "User is disabled."),
            Self::Incorrect => (E::NotAuthorized, "Incorrect username or password."),
            Self::TooManyAttempts => (E::NotAuthorized, "Password attempts exceeded"),
            Self::AttemptLimit => {
                (E::LimitExceeded, "Attempt limit exceeded, please try after some time.")
            }
            Self::TemporaryPasswordExpired => (
                E::NotAuthorized,
                "Temporary password has expired and must be reset by an administrator.",
            ),
            Self::PasswordUsedBefore => {
                (E::PasswordHistoryPolicyViolation, "Password has previously been used")
            }
            Self::InvalidSession => (E::NotAuthorized, "Invalid session for the user."),
            Self::ExpiredSession => {
                (E::NotAuthorized, "Invalid session for the user, session is expired.")
            }
            Self::UsedSession => {
                (E::NotAuthorized, "Invalid session for the user, session can only be used once.")
            }
            Self::UnknownDevice => (E::ResourceNotFound, "Device does not exist."),
            Self::InvalidDeviceKey => (E::InvalidParameter, "Invalid device key given."),
            Self::DeviceExists => (E::DeviceKeyExists, "Device already exists with this key."),
            // With the numbers of the pool.
            Self::TooManyDevices => (E::LimitExceeded, "The user has "),
            Self::CodeWrong => (E::CodeMismatch, "Invalid code received for user"),
            Self::CodeUsed => (E::ExpiredCode, "Your software token has already been used once."),
            Self::EnrolmentCodeWrong => (E::EnableSoftwareTokenMfa, "Code mismatch"),
            Self::NoSecretToVerify => (
                E::InvalidParameter,
                "No software token to verify: call AssociateSoftwareToken first.",
            ),
            Self::NoSoftwareToken => {
                (E::InvalidParameter, "User has not verified software token mfa")
            }
            Self::SoftwareTokensNotOffered => (
                E::SoftwareTokenMfaNotFound,
                "Software Token MFA has not been enabled by the userPool",
            ),
            Self::ExpiredAccessToken => (E::NotAuthorized, "Access Token has expired"),
            Self::RevokedAccessToken => (E::NotAuthorized, "Access Token has been revoked"),
            Self::InvalidRefreshToken => (E::NotAuthorized, "Invalid Refresh Token."),
            Self::NothingToRevoke => (E::InvalidParameter, "Invalid Refresh Token."),
            Self::ExpiredRefreshToken => (E::NotAuthorized, "Refresh Token has expired"),
            Self::RevokedRefreshToken => (E::NotAuthorized, "Refresh Token has been revoked"),
            Self::ReplacedRefreshToken => {
                (E::RefreshTokenReuse, "Refresh token has been invalidated by rotation.")
            }
            Self::RefreshFlowNotEnabled => {
                (E::InvalidParameter, "REFRESH_TOKEN_AUTH flow not enabled for this client")
            }
        }
    }
}
