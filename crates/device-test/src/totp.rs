//! The codes of an authenticator app.

use totp_rs::{Builder, Secret};

/// The code of `secret` at a time (milliseconds since the epoch): RFC 6238 with SHA-1, six digits,
/// steps of 30 s.
///
/// # Panics
/// If `secret`, the `SecretCode` of `AssociateSoftwareToken`, is not base32.
#[must_use]
pub fn totp_code(secret: &str, now_millis: i64) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let authenticator = Builder::new().with_secret(secret).build_noncompliant();
    authenticator.generate(u64::try_from(now_millis).unwrap() / 1000).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_codes_of_rfc_6238() {
        // Appendix B, the last six of its eight digits; the secret is "12345678901234567890".
        let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        assert_eq!(totp_code(secret, 59_000), "287082");
        assert_eq!(totp_code(secret, 1_111_111_109_000), "081804");
        assert_eq!(totp_code(secret, 20_000_000_000_000), "353130");
    }
}
