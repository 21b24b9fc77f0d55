//! Messages to users about their devices.

use device_wire::{ErrorCode, Sensitive};
use uuid::Uuid;

use crate::command::context::Context;
use crate::error::ServiceError;
use crate::host::message::{Message, Topic};
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

/// The kind under which messages about copied devices are counted.
const COPIED_DEVICE: &str = "copied_device";

/// Tells the user of a device that was just confirmed, with a link that forgets it.
///
/// The sign-in `confirmed_by` ends with the link. Beyond the hourly limit the confirmation is
/// refused: a device of which its user is not told would have no link that forgets it.
pub(crate) fn new_device(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    keys: &PoolKeys,
    user: &User,
    device: &Device,
    confirmed_by: Uuid,
) -> Result<(), ServiceError> {
    let addresses = addresses(cx, user);
    if addresses.is_empty() {
        return Ok(());
    }
    let sent = SentCodes::load(cx, Whose::user(user), &user.username, NEW_DEVICE)?;
    let sent = sent.permit().map_err(|_| {
        ServiceError::new(
            ErrorCode::LimitExceeded,
            "The user was told of too many new devices in this hour. Try again in an hour.",
        )
    })?;
    sent.count(cx)?;
    let link = device_link::url(cx, keys, device, confirmed_by)?;
    for address in addresses {
        let message = message(cx, pool, user, device, &address, Topic::NewDevice, &link);
        cx.outbox.push(message);
        note_sent(cx, &address);
    }
    Ok(())
}

/// Tells the user that a device was probably copied, although the sign-in is refused.
///
/// Beyond the hourly limit nothing is sent. The devices are no longer remembered all the same.
pub(crate) fn copied_device(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    user: &User,
    device: &Device,
) -> Result<(), ServiceError> {
    let addresses = addresses(cx, user);
    if addresses.is_empty() {
        return Ok(());
    }
    let sent = SentCodes::load(cx, Whose::user(user), &user.username, COPIED_DEVICE)?;
    let Ok(sent) = sent.permit() else {
        cx.notes
            .reason("No message was sent to the user: too many about copied devices in this hour");
        return Ok(());
    };
    sent.count_although_refused(cx)?;
    let no_link = Sensitive::default();
    for address in addresses {
        let message = message(cx, pool, user, device, &address, Topic::CopiedDevice, &no_link);
        cx.warnings.push(message);
        note_sent(cx, &address);
    }
    Ok(())
}

/// The user's verified address, and the one that the user left in the last day.
fn addresses(cx: &mut Context<'_, '_>, user: &User) -> Vec<Address> {
    let addresses: Vec<Address> =
        user.notice_address().into_iter().chain(user.left_notice_address(cx.now())).collect();
    if addresses.is_empty() {
        cx.notes.reason("No message was sent to the user: there is no verified address");
    }
    addresses
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
    let name = device.shown_name().unwrap_or_else(|| "a device without a name".to_owned());
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
