//! Messages to users. The engine words them; the host delivers them.

use std::fmt;

use device_wire::Sensitive;
use device_wire::enums::{DeliveryMediumType, VerifiedAttributeType};
use device_wire::shapes::CodeDeliveryDetailsType;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A message to deliver after its change is committed.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// The pool of the user.
    pub pool_id: String,
    /// The user's internal name.
    pub username: Sensitive<String>,
    /// How it is delivered.
    pub medium: Medium,
    /// The phone number (E.164) or e-mail address to deliver it to.
    pub destination: Sensitive<String>,
    /// What it is about.
    pub topic: Topic,
    /// The code, temporary password or link that the body also contains; empty if there is none.
    pub code: Sensitive<String>,
    /// The subject of an e-mail.
    pub subject: String,
    /// The text.
    pub body: Sensitive<String>,
    /// The trigger that delivers it in place of the host, if the pool has one.
    pub custom_sender: Option<CustomSender>,
}

/// A call of `CustomEmailSender` or `CustomSMSSender`, which delivers a message.
#[derive(Clone, PartialEq, Eq)]
pub struct CustomSender {
    /// The ARN that the pool names.
    pub function: String,
    /// The trigger's event, with the code in clear and without what
    /// [`complete_event`](Self::complete_event) adds.
    pub event: Value,
}

impl fmt::Debug for CustomSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomSender").field("function", &self.function).finish_non_exhaustive()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("medium", &self.medium)
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}

/// How a message is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Medium {
    /// A text message.
    Sms,
    /// An e-mail.
    Email,
}

impl Medium {
    /// The name on the wire: `SMS` or `EMAIL`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::Email => "EMAIL",
        }
    }

    /// The user attribute that holds the destination.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Sms => "phone_number",
            Self::Email => "email",
        }
    }

    /// The attribute that says whether the destination is verified.
    pub(crate) fn verified_flag(self) -> &'static str {
        match self {
            Self::Sms => "phone_number_verified",
            Self::Email => "email_verified",
        }
    }

    /// The medium that delivers to the destination in this attribute.
    pub(crate) fn of_attribute(name: &str) -> Option<Self> {
        [Self::Sms, Self::Email].into_iter().find(|medium| medium.attribute() == name)
    }

    pub(crate) fn on_wire(self) -> DeliveryMediumType {
        match self {
            Self::Sms => DeliveryMediumType::Sms,
            Self::Email => DeliveryMediumType::Email,
        }
    }

    /// The destination with most characters hidden, as responses show it.
    pub(crate) fn mask(self, destination: &str) -> String {
        match self {
            Self::Sms => {
                let digits = destination.chars().count();
                let last: String = destination.chars().skip(digits.saturating_sub(4)).collect();
                format!("+{}{last}", "*".repeat(digits.saturating_sub(5)))
            }
            Self::Email => {
                let (name, domain) = destination.split_once('@').unwrap_or((destination, ""));
                let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
                format!("{}***@{}***", first(name), first(domain))
            }
        }
    }

    /// The `CodeDeliveryDetails` of a response.
    pub(crate) fn details(self, destination: &str, attribute: &str) -> CodeDeliveryDetailsType {
        CodeDeliveryDetailsType {
            destination: Some(self.mask(destination)),
            delivery_medium: Some(self.on_wire()),
            attribute_name: Some(attribute.to_owned()),
        }
    }
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Topic {
    /// An administrator made the user; the code is the temporary password.
    Invitation,
    /// Confirms a sign-up.
    SignUp,
    /// Resets a forgotten password.
    ForgotPassword,
    /// Proves that an address or number is the user's.
    AttributeVerification,
    /// A factor of a sign-in.
    SignIn,
    /// A device was confirmed. Instead of a code there is the link that forgets it.
    NewDevice,
    /// A sign-in used an earlier secret of a device, which was probably copied.
    CopiedDevice,
    /// To an address that the user has left.
    ChangedAddress,
    /// A sign-in is risky. Instead of a code there is the token for feedback on its event.
    RiskySignIn,
}

pub(crate) fn verified_attribute(medium: Medium) -> VerifiedAttributeType {
    match medium {
        Medium::Sms => VerifiedAttributeType::PhoneNumber,
        Medium::Email => VerifiedAttributeType::Email,
    }
}
