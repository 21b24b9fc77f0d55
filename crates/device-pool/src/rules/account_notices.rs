//! Messages to users about changes to their accounts.

use device_wire::Sensitive;

use crate::command::context::Context;
use crate::host::message::{Medium, Topic};
use crate::records::account_tags::AccountTags;
use crate::records::address::Address;
use crate::records::pool::Pool;
use crate::records::user::User;

/// Tells each verified address that its user has left with this command, if the pool's tags say so.
/// The change may not have been the user's.
pub(crate) fn changed_address(cx: &mut Context<'_, '_>, pool: &Pool, before: &User, after: &User) {
    if !AccountTags::of(pool).notify_changed_address {
        return;
    }
    for medium in [Medium::Email, Medium::Sms] {
        let Some(left) = Address::verified(before, medium) else { continue };
        if Address::verified(after, medium).as_ref() == Some(&left) {
            continue;
        }
        let time = cx.now().minute();
        let ip = cx.invocation.source_ip.map(|ip| ip.to_string());
        let values = [
            ("{username}", after.username.as_str()),
            ("{time}", time.as_str()),
            ("{ip-address}", ip.as_deref().unwrap_or("unknown")),
        ];
        let no_code = Sensitive::default();
        let message = left.message(cx, pool, after, Topic::ChangedAddress, &no_code, &values);
        cx.outbox.push(message);
        cx.notes.reason(format!("A message was sent to the address left, by {}", medium.name()));
    }
}
