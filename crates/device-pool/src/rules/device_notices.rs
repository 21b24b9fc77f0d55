//! Messages to users about their devices.

use device_wire::Sensitive;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::{Medium, Message, Topic};
use crate::records::address::Address;
use crate::records::device::Device;
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::sent_codes::SentCodes;
use crate::records::user::User;
use crate::records::whose::Whose;
use crate::rules::device_link;

/// The kind under which messages about new devices are counted.
const NEW_DEVICE: &str = "new_device";

/// The maximum length of a device name in a message, in characters. Whoever confirms the device
/// chooses the name, and the message is not theirs to write.
const LONGEST_NAME: usize = 40;

/// Tells the user of a device that was just confirmed, with a link that forgets it.
///
/// Beyond the hourly limit nothing is sent: the user was told of those before.
pub(crate) fn new_device(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    keys: &PoolKeys,
    user: &User,
    device: &Device,
) -> Result<(), ServiceError> {
    let Some(address) = address(cx, user) else { return Ok(()) };
    let sent = SentCodes::load(cx, Whose::user(user), &user.username, NEW_DEVICE)?;
    let Ok(sent) = sent.permit() else {
        cx.notes.reason("No message was sent to the user: too many about new devices in this hour");
        return Ok(());
    };
    sent.count(cx)?;
    let link = device_link::url(cx, keys, device)?;
    let message = message(cx, pool, user, device, &address, Topic::NewDevice, &link);
    cx.outbox.push(message);
    note_sent(cx, &address);
    Ok(())
}

/// Tells the user that a device was probably copied, although the sign-in is refused.
pub(crate) fn copied_device(cx: &mut Context<'_, '_>, pool: &Pool, user: &User, device: &Device) {
    let Some(address) = address(cx, user) else { return };
    let no_link = Sensitive::default();
    let message = message(cx, pool, user, device, &address, Topic::CopiedDevice, &no_link);
    cx.warnings.push(message);
    note_sent(cx, &address);
}

/// The user's verified address: e-mail if possible, or else the phone number.
fn address(cx: &mut Context<'_, '_>, user: &User) -> Option<Address> {
    let media = [Medium::Email, Medium::Sms];
    let address = media.into_iter().find_map(|medium| Address::verified(user, medium));
    if address.is_none() {
        cx.notes.reason("No message was sent to the user: there is no verified address");
    }
    address
}

fn note_sent(cx: &mut Context<'_, '_>, address: &Address) {
    cx.notes.reason(format!("A message was sent to the user by {}", address.medium.name()));
}

fn message(
    cx: &Context<'_, '_>,
    pool: &Pool,
    user: &User,
    device: &Device,
    address: &Address,
    topic: Topic,
    link: &Sensitive<String>,
) -> Message {
    let name = shown(device.name.as_deref().unwrap_or("a device without a name"));
    let time = cx.now().minute();
    let ip = cx.invocation.source_ip.map(|ip| ip.to_string());
    let values = [
        ("{username}", user.username.as_str()),
        ("{device-name}", name.as_str()),
        ("{time}", time.as_str()),
        ("{ip-address}", ip.as_deref().unwrap_or("unknown")),
        ("{link}", link.as_str()),
    ];
    address.message(cx, pool, user, topic, link, &values)
}

/// A device's name in one line of limited length.
fn shown(name: &str) -> String {
    let line: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match line.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_name_is_one_line_of_limited_length() {
        assert_eq!(shown("Ada's\r\nphone\u{7}"), "Ada's  phone ");
        assert_eq!(shown(&"ä".repeat(40)), "ä".repeat(40));
        assert_eq!(shown(&"ä".repeat(41)), format!("{}...", "ä".repeat(40)));
    }
}
