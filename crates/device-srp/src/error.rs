use core::fmt;

/// The reasons to refuse a value or to abandon a handshake.
///
/// An error holds no input, so it is safe to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// A hexadecimal integer is empty or has a character that is no digit.
    NotHex,
    /// A proof is not the standard base64 of 32 bytes.
    NotBase64,
    /// An integer is longer than its bound: 384 bytes for a public value or verifier, 64 for a
    /// salt.
    TooLong,
    /// The peer's public value is 0 modulo N. It would fix the shared secret.
    ZeroPublicValue,
    /// The scrambling parameter u is 0. The shared secret would not depend on the verifier.
    ZeroScrambler,
    /// A verifier is not a residue between 2 and N - 2.
    VerifierOutOfRange,
    /// Stored powers of a verifier have the wrong length, or one is not below N.
    MalformedPowers,
    /// A timestamp is not like `EEE MMM d HH:mm:ss UTC yyyy`, or its day does not exist.
    MalformedTimestamp,
    /// The proof does not match: another password, another key, or another message.
    ProofMismatch,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHex => "not a hexadecimal integer",
            Self::NotBase64 => "not the base64 of a 32-byte proof",
            Self::TooLong => "integer is too long",
            Self::ZeroPublicValue => "public value is zero modulo N: abandon the sign-in",
            Self::ZeroScrambler => "scrambling parameter is zero: start the sign-in again",
            Self::VerifierOutOfRange => "verifier is not between 2 and N - 2",
            Self::MalformedPowers => "stored powers are not those of a verifier: derive them again",
            Self::MalformedTimestamp => {
                "timestamp is not a moment in the form `EEE MMM d HH:mm:ss UTC yyyy`"
            }
            Self::ProofMismatch => "proof does not match the password",
        })
    }
}

impl core::error::Error for Error {}
