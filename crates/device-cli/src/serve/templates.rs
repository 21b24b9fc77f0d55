//! The file with the texts of messages about devices.

use std::fs;
use std::path::Path;

use device_server::{DeviceMessages, MessageTexts};

use super::ServeError;

/// What the texts may contain, and what the server replaces. Only messages about a device have the
/// last two.
const PLACEHOLDERS: [&str; 5] = ["username", "time", "ip-address", "device-name", "link"];

/// Reads the file, if there is one. A message that it does not name keeps its built-in text.
pub(super) fn read(path: Option<&Path>) -> Result<DeviceMessages, ServeError> {
    let Some(path) = path else { return Ok(DeviceMessages::default()) };
    let unusable = |reason: String| ServeError::Templates { path: path.to_owned(), reason };
    let text = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    let texts = toml::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    check(&texts).map_err(unusable)?;
    Ok(texts)
}

fn check(texts: &DeviceMessages) -> Result<(), String> {
    let DeviceMessages { new_device, copied_device, changed_address, .. } = texts;
    for (message, MessageTexts { email_subject, email_message, sms_message, .. }) in [
        ("new-device", new_device),
        ("copied-device", copied_device),
        ("changed-address", changed_address),
    ] {
        let placeholders = match message {
            "changed-address" => PLACEHOLDERS.get(..3).unwrap_or_default(),
            _ => &PLACEHOLDERS,
        };
        let texts = [
            ("email-subject", email_subject),
            ("email-message", email_message),
            ("sms-message", sms_message),
        ];
        for (name, text) in texts {
            if let Some(unknown) = unknown_placeholder(text, placeholders) {
                return Err(format!(
                    "{name} of {message} has the placeholder {{{unknown}}}; there are {{{}}}",
                    placeholders.join("}, {")
                ));
            }
            let has_link = text.contains("{link}");
            // Mail servers log subjects, and anyone who has the link may follow it.
            if name == "email-subject" && has_link {
                return Err(format!("{name} of {message} has {{link}}, which is for the message"));
            }
            if message == "new-device" && name != "email-subject" && !has_link {
                return Err(format!(
                    "{name} of {message} lacks {{link}}, by which users forget the device"
                ));
            }
        }
    }
    Ok(())
}

/// A word in braces that is no placeholder. A style sheet in an e-mail has other braces.
fn unknown_placeholder<'a>(text: &'a str, placeholders: &[&str]) -> Option<&'a str> {
    let in_braces = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let is_word = |text: &str| text.chars().all(|c| c.is_ascii_alphabetic() || "-_".contains(c));
    in_braces
        .map(|(word, _)| word)
        .find(|word| !word.is_empty() && is_word(word) && !placeholders.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<DeviceMessages, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("messages.toml");
        fs::write(&path, text).unwrap();
        read(Some(&path)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_replaces_the_messages_that_it_names() {
        let texts = read_text(
            r#"[new-device]
            email-subject = "Neues Gerät: {device-name}"
            email-message = "<style>p {color: red}</style><p>{device-name}: {link}</p>"
            sms-message = "{username}, {time}, {ip-address}: {link}""#,
        )
        .unwrap();
        assert_eq!(texts.new_device.email_subject, "Neues Gerät: {device-name}");
        assert_eq!(texts.copied_device, DeviceMessages::default().copied_device);
        assert_eq!(check(&DeviceMessages::default()), Ok(()));
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_what_is_right() {
        let texts = |subject: &str, email: &str, sms: &str| {
            format!(
                "[new-device]\nemail-subject = \"{subject}\"\nemail-message = \"{email}\"\n\
                 sms-message = \"{sms}\"\n"
            )
        };
        let message = |email: &str, sms: &str| texts("s", email, sms);
        for (text, expected) in [
            (message("{link}", "no link"), "sms-message of new-device lacks {link}"),
            (message("{link} {devicename}", "{link}"), "{devicename}; there are {username}, {time"),
            (
                texts("{device}", "{link}", "{link}"),
                "email-subject of new-device has the placeholder",
            ),
            (texts("{link}", "{link}", "{link}"), "email-subject of new-device has {link}"),
            (
                texts("s", "{link}", "{link}").replace("new-device", "changed-address"),
                "email-message of changed-address has the placeholder {link}; there are \
                 {username}, {time}, {ip-address}",
            ),
            ("[new-devices]".to_owned(), "new-devices"),
            ("[new-device]\nemail-subject = \"s\"".to_owned(), "email-message"),
        ] {
            let refused = read_text(&text).unwrap_err();
            assert!(refused.contains(expected) && refused.contains("messages.toml"), "{refused}");
        }
    }
}
