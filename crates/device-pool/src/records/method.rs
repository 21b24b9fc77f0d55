//! The proofs of a sign-in, as the claim `amr` lists them.

use serde::{Deserialize, Serialize};

use crate::host::message::Medium;
use crate::records::factor::Factor;

/// One proof of a sign-in. The names are those of the claim `amr` (RFC 8176 if it has one; `mail`
/// and `dev` are this service's).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    /// The password.
    Pwd,
    /// A code of a software token.
    Otp,
    /// A code by SMS.
    Sms,
    /// A code by e-mail.
    Mail,
    /// The secret of a remembered device.
    Dev,
}

impl From<Factor> for Method {
    fn from(factor: Factor) -> Self {
        match factor {
            Factor::SoftwareToken => Self::Otp,
            Factor::Sms => Self::Sms,
            Factor::Email => Self::Mail,
        }
    }
}

impl From<Medium> for Method {
    fn from(medium: Medium) -> Self {
        match medium {
            Medium::Sms => Self::Sms,
            Medium::Email => Self::Mail,
        }
    }
}
