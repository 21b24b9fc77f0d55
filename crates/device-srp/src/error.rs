use core::fmt;

/// Why a value was refused or a handshake was abandoned.
///
/// Small, `Copy`, and free of any input, so it is safe to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// Text that should be a hexadecimal integer is empty or has another character.
    NotHex,
    /// Text that should be standard base64 of a 32-byte proof is not.
    NotBase64,
    /// An integer is longer than its bound: 384 bytes for a public value or verifier, 64 for a
    /// salt.
    TooLong,
    /// The peer's public value is 0 modulo N, which would fix the shared secret.
    ZeroPublicValue,
    /// The scrambling parameter u is 0, which would take the verifier out of the shared secret.
    ZeroScrambler,
    /// A verifier is not a residue between 2 and N - 2.
    VerifierOutOfRange,
    /// Stored powers of a verifier do not have the length that they are stored in.
    MalformedPowers,
    /// A timestamp is not in the form `EEE MMM d HH:mm:ss UTC yyyy`, or names a day that does not
    /// exist.
    MalformedTimestamp,
    /// The proof does not match: another password, another key, or another message.
    ProofMismatch,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotHex => "not a hexadecimal integer",
            Self::NotBase64 => "not the base64 of a 32-byte proof",
            Self::TooLong => "integer longer than its bound",
            Self::ZeroPublicValue => "public value is zero modulo N",
            Self::ZeroScrambler => "scrambling parameter is zero",
            Self::VerifierOutOfRange => "verifier out of range",
            Self::MalformedPowers => "stored powers of a verifier have the wrong length",
            Self::MalformedTimestamp => "malformed timestamp",
            Self::ProofMismatch => "proof does not match",
        })
    }
}

impl core::error::Error for Error {}
