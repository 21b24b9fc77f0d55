//! Destinations of messages: phone numbers and e-mail addresses.

use device_wire::Sensitive;
use device_wire::shapes::CodeDeliveryDetailsType;
use serde::{Deserialize, Serialize};

use crate::host::message::Medium;

/// The destination of a message: a phone number or an e-mail address.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub(crate) medium: Medium,
    pub(crate) destination: Sensitive<String>,
}

impl Address {
    /// The masked destination, as responses show it.
    pub(crate) fn details(&self) -> CodeDeliveryDetailsType {
        self.medium.details(&self.destination, self.medium.attribute())
    }
}

/// Checks an e-mail address: text before and after an `@`, without white space.
///
/// Characters that mail programs read as more than an address (`x<me@example.com>`) are refused.
/// Whether the address exists is known only when a message has arrived.
pub(crate) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, domain)| {
        !name.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !text.contains(char::is_whitespace)
    }) && !text.contains(|c: char| c.is_control() || "<>()[],;:\\".contains(c))
}

/// E.164: a plus sign and up to fifteen digits.
pub(crate) fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (1..=15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_pass_the_address_checks() {
        for (text, email, phone) in [
            ("ada@example.com", true, false),
            ("a@b", true, false),
            ("+15550100", false, true),
            ("", false, false),
            ("@", false, false),
            ("a@", false, false),
            ("a@b@c", false, false),
            ("a b@c", false, false),
            ("a@b\r\nBcc: c@d", false, false),
            ("15550100", false, false),
            ("x<a@b.example>", false, false),
            ("a@b>c", false, false),
            ("a(b)@c", false, false),
            ("a)@c", false, false),
            ("a[@c", false, false),
            ("a@c]", false, false),
            ("a,b@c", false, false),
            ("a;b@c", false, false),
            ("a:b@c", false, false),
            ("a\\b@c", false, false),
            ("+", false, false),
            ("+1234567890123456", false, false),
            ("+12x", false, false),
        ] {
            assert_eq!((is_email(text), is_phone(text)), (email, phone), "{text}");
        }
    }
}
