//! The service's sentences that clients recognise.
//!
//! The service uses one [`ErrorCode`](crate::ErrorCode) for several situations, and only the
//! message distinguishes them. Each `const` is a text exactly as the service writes it, with or
//! without full stop. A server sends these texts; a client compares with [`is`].

/// Whether `message` says `sentence`.
///
/// A final full stop makes no difference, and neither does text after the sentence: the service
/// has added and dropped both over the years.
///
/// ```
/// use device_wire::sentence;
///
/// assert!(sentence::is("Device does not exist", sentence::UNKNOWN_DEVICE));
/// assert!(!sentence::is("User does not exist.", sentence::UNKNOWN_DEVICE));
/// ```
#[must_use]
pub fn is(message: &str, sentence: &str) -> bool {
    message.starts_with(sentence.trim_end_matches('.'))
}

/// `ResourceNotFoundException`: the device was never issued, never confirmed, was forgotten, or
/// belongs to another user.
pub const UNKNOWN_DEVICE: &str = "Device does not exist.";

/// `NotAuthorizedException`: the password is wrong, or the user is unknown and the client hides
/// that. One text for both, so that it reveals no names.
pub const INCORRECT_CREDENTIALS: &str = "Incorrect username or password.";

/// `NotAuthorizedException`: too many attempts failed; the user must wait.
pub const TOO_MANY_ATTEMPTS: &str = "Password attempts exceeded";

/// `NotAuthorizedException`: an administrator disabled the user.
pub const DISABLED_USER: &str = "User is disabled.";

/// `NotAuthorizedException`: the challenge session is too old.
pub const EXPIRED_SESSION: &str = "Invalid session for the user, session is expired.";

/// `NotAuthorizedException`: the challenge session was answered before.
pub const USED_SESSION: &str = "Invalid session for the user, session can only be used once.";

/// `NotAuthorizedException`: the text is not a refresh token of this client.
pub const INVALID_REFRESH_TOKEN: &str = "Invalid Refresh Token.";

/// `NotAuthorizedException`: the refresh token is too old.
pub const EXPIRED_REFRESH_TOKEN: &str = "Refresh Token has expired";

/// `NotAuthorizedException`: the refresh token was revoked, or its user signed out everywhere.
pub const REVOKED_REFRESH_TOKEN: &str = "Refresh Token has been revoked";

/// `NotAuthorizedException`: the access token is too old.
pub const EXPIRED_ACCESS_TOKEN: &str = "Access Token has expired";

/// `NotAuthorizedException`: the access token was revoked, or its user signed out everywhere.
pub const REVOKED_ACCESS_TOKEN: &str = "Access Token has been revoked";

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts as the service writes them. Clients in the field compare with these.
    const TEXTS: [(&str, &str); 11] = [
        (UNKNOWN_DEVICE, "Device does not exist."),
        (INCORRECT_CREDENTIALS, "Incorrect username or password."),
        (TOO_MANY_ATTEMPTS, "Password attempts exceeded"),
        (DISABLED_USER, "User is disabled."),
        (EXPIRED_SESSION, "Invalid session for the user, session is expired."),
        (USED_SESSION, "Invalid session for the user, session can only be used once."),
        (INVALID_REFRESH_TOKEN, "Invalid Refresh Token."),
        (EXPIRED_REFRESH_TOKEN, "Refresh Token has expired"),
        (REVOKED_REFRESH_TOKEN, "Refresh Token has been revoked"),
        (EXPIRED_ACCESS_TOKEN, "Access Token has expired"),
        (REVOKED_ACCESS_TOKEN, "Access Token has been revoked"),
    ];

    #[test]
    fn sentences_match_the_service_and_differ() {
        for (sentence, text) in TEXTS {
            assert_eq!(sentence, text);
            let with_and_without_stop = [text, text.trim_end_matches('.'), &format!("{text}.")];
            for message in with_and_without_stop {
                let said: Vec<_> = TEXTS.iter().filter(|(other, _)| is(message, other)).collect();
                assert_eq!(said, [&(sentence, text)], "{message}");
            }
        }
        assert!(!is("Invalid session for the user.", EXPIRED_SESSION));
        assert!(!is("", UNKNOWN_DEVICE));
    }
}
