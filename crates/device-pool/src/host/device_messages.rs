//! The texts of messages about devices, which an operator may replace.

use serde::Deserialize;

/// The texts of messages about devices. They are the same for all pools.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceMessages {
    /// A device was confirmed, in a pool with the tag `device:notify`. Each text has to contain
    /// `{link}`.
    pub new_device: MessageTexts,
    /// A device was probably copied: a sign-in used one of its earlier secrets.
    pub copied_device: MessageTexts,
    /// A user's verified address was replaced, in a pool with the tag `account:notify`. Sent to
    /// the earlier address; has no device and no link.
    pub changed_address: MessageTexts,
}

/// The texts of one message.
///
/// `{username}`, `{device-name}`, `{time}`, `{ip-address}` and `{link}` are replaced, in the
/// subject too; `{link}` is empty if there is none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MessageTexts {
    /// The subject of an e-mail.
    pub email_subject: String,
    /// The text of an e-mail, in HTML.
    pub email_message: String,
    /// The text of a text message.
    pub sms_message: String,
}

impl Default for DeviceMessages {
    fn default() -> Self {
        let texts = |subject: &str, email: &str, sms: &str| MessageTexts {
            email_subject: subject.to_owned(),
            email_message: email.to_owned(),
            sms_message: sms.to_owned(),
        };
        Self {
            new_device: texts(
                "A new device signed in to your account",
                "<p>A new device signed in to your account {username}: \"{device-name}\", on \
                 {time}, from the address {ip-address}.</p>\
                 <p>If this was you, there is nothing to do.</p>\
                 <p>If this was not you, <a href=\"{link}\">forget the device</a>, then change \
                 your password. The link is good for seven days.</p>",
                "A new device signed in to your account on {time}: \"{device-name}\". If this was \
                 not you: {link}",
            ),
            copied_device: texts(
                "Someone used a copy of your device",
                "<p>Someone signed in to your account {username} with the right password and with \
                 a copy of your device \"{device-name}\", on {time}, from the address \
                 {ip-address}.</p>\
                 <p>The sign-in was refused. The device is no longer remembered, so that the next \
                 sign-in asks for a second factor.</p>\
                 <p>Change your password, unless you restored the device from a backup \
                 yourself.</p>",
                "Someone used your password and a copy of your device \"{device-name}\" on {time}. \
                 The sign-in was refused. Change your password.",
            ),
            changed_address: texts(
                "Your account has another address now",
                "<p>This address is no longer that of your account {username}. It was changed on \
                 {time}, from the address {ip-address}.</p>\
                 <p>If this was not you, reset your password, or ask those who run the service for \
                 help.</p>",
                "This number is no longer that of your account. It was changed on {time}. If this \
                 was not you, ask those who run the service for help.",
            ),
        }
    }
}
