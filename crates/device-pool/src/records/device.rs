//! Devices: issued keys, and the records of confirmed devices.

use std::time::Duration;

use device_wire::enums::DeviceRememberedStatusType;
use device_wire::shapes::{AttributeType, DeviceType};
use device_wire::{Sensitive, Timestamp, sentence};
use serde::{Deserialize, Serialize};

use crate::command::beside::{Beside, Counts};
use crate::command::context::Context;
use crate::command::transaction::{Entity, Transaction, id_of};
use crate::crypto::stored_verifier::StoredVerifier;
use crate::error::ServiceError;
use crate::host::moment::{CLOCK_STEP_MINUTES, Moment, minutes};
use crate::records::device_tags::DeviceTags;
use crate::records::pool::Pool;
use crate::records::user::User;
use crate::records::whose::Whose;
use crate::store::Table;

/// How long an issued key may be confirmed: the maximum lifetime of an access token.
pub(crate) const CONFIRM_WITHIN_MINUTES: u32 = 24 * 60;

/// When a key certainly can no longer be confirmed. Keys hold the minute of issue, so the last
/// minute counts in full. The clock may have stepped back since the issue, and may do so again.
const UNCONFIRMABLE_AFTER: Duration =
    minutes(CONFIRM_WITHIN_MINUTES as u64 + 1 + 2 * CLOCK_STEP_MINUTES);

/// The maximum length of a device name that is shown to a user, in characters. An attacker who
/// confirms a device chooses its name, which must leave no room for a text of the attacker's own.
const LONGEST_SHOWN_NAME: usize = 40;

/// A confirmed device.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Device {
    pub(crate) pool_id: String,
    pub(crate) username: String,
    pub(crate) key: String,
    pub(crate) name: Option<String>,
    /// The group key of a seed's device; others have that of their user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group_key: Option<String>,
    #[serde(flatten)]
    pub(crate) secret: StoredVerifier,
    pub(crate) remembered: DeviceRememberedStatusType,
    /// When this device was last present as its user passed a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_mfa: Option<Moment>,
    /// Whether it ever was: records of earlier releases say so without the time.
    #[serde(default, rename = "seen_mfa", skip_serializing_if = "std::ops::Not::not")]
    saw_mfa_at_unknown_time: bool,
    /// How often the secret was replaced.
    #[serde(default, skip_serializing_if = "is_zero")]
    rotations: u32,
    pub(crate) last_ip: Option<String>,
    /// The `sub` of the device's user; `None` in records of earlier releases.
    #[serde(default)]
    owner: Option<String>,
    pub(crate) created: Moment,
    pub(crate) modified: Moment,
    pub(crate) last_authenticated: Moment,
    /// Whether the device is counted. Devices of earlier releases are in time.
    #[serde(default)]
    pub(crate) is_listed: bool,
}

impl Entity for Device {
    const TABLE: Table = Table::Device;

    fn id(&self) -> String {
        Self::id_of(&self.pool_id, &self.username, &self.key)
    }

    const HAS_BESIDE: bool = true;

    fn beside(&self) -> Beside {
        let counts = match (self.is_listed, self.is_remembered()) {
            (false, _) => Counts::default(),
            (true, true) => Counts { remembered: 1, ..Counts::default() },
            (true, false) => Counts { not_remembered: 1, ..Counts::default() },
        };
        Beside { counts, ..Beside::default() }
    }
}

/// A forgotten device: its key is never valid again. Kept until the key could no longer be
/// confirmed.
#[derive(Serialize, Deserialize)]
pub(crate) struct ForgottenDevice {
    pub(crate) pool_id: String,
    pub(crate) username: String,
    pub(crate) key: String,
    pub(crate) at: Moment,
}

impl Entity for ForgottenDevice {
    const TABLE: Table = Table::ForgottenDevice;

    fn id(&self) -> String {
        Device::id_of(&self.pool_id, &self.username, &self.key)
    }

    fn expires_at(&self) -> Option<Moment> {
        Some(self.at + UNCONFIRMABLE_AFTER)
    }
}

/// The data for confirming a device.
pub(crate) struct Confirmation {
    pub(crate) name: Option<String>,
    pub(crate) secret: StoredVerifier,
    pub(crate) remembered: DeviceRememberedStatusType,
    pub(crate) last_mfa: Option<Moment>,
}

impl Device {
    pub(crate) fn id_of(pool_id: &str, username: &str, key: &str) -> String {
        id_of([pool_id, username, key])
    }

    /// The name in one line of limited length; `None` if nothing of it can be seen.
    pub(crate) fn shown_name(&self) -> Option<String> {
        shown(self.name.as_deref()?)
    }

    /// The prefix of the ids of a user's devices.
    pub(crate) fn prefix_of(pool_id: &str, username: &str) -> String {
        id_of([pool_id, username, ""])
    }

    /// The user's device with this key, unless it has been unused for too long.
    pub(crate) fn find(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        user: &User,
        key: &str,
    ) -> Result<Option<Self>, ServiceError> {
        let found: Option<Self> = cx.tx.find(&Self::id_of(&user.pool_id, &user.username, key))?;
        let is_there = |device: &Self| device.is_there(&DeviceTags::of(pool), user, cx.now());
        Ok(found.filter(is_there))
    }

    /// Whether this is still a device of `user`: not of an earlier user with the same name, and
    /// not one that was unused for too long.
    pub(crate) fn is_there(&self, tags: &DeviceTags, user: &User, now: Moment) -> bool {
        self.is_of(user) && !self.is_idle(tags, now)
    }

    /// Whether it is of this user, and not of an earlier one of that name.
    pub(crate) fn is_of(&self, user: &User) -> bool {
        match &self.owner {
            Some(sub) => *sub == user.sub,
            None => self.created >= user.created,
        }
    }

    /// Whether `key` belongs to a remembered device of this user. Unknown names cause a look-up
    /// too, so that the time is the same.
    pub(crate) fn is_remembered_of(
        cx: &mut Context<'_, '_>,
        whose: Whose<'_>,
        key: &str,
    ) -> Result<bool, ServiceError> {
        let found: Option<Self> = cx.tx.find(&Self::id_of(whose.pool_id, whose.username, key))?;
        let own = |device: &Self| whose.user.is_some_and(|user| device.is_of(user));
        Ok(found.is_some_and(|device| own(&device) && device.is_remembered()))
    }

    /// Loads the user's device with this key, or gives the service's refusal.
    pub(crate) fn load(
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        user: &User,
        key: &str,
    ) -> Result<Self, ServiceError> {
        Self::find(cx, pool, user, key)?.ok_or_else(does_not_exist)
    }

    pub(crate) fn confirm(
        cx: &Context<'_, '_>,
        user: &User,
        key: &str,
        with: Confirmation,
    ) -> Self {
        let now = cx.now();
        Self {
            pool_id: user.pool_id.clone(),
            username: user.username.clone(),
            key: key.to_owned(),
            name: with.name,
            group_key: None,
            secret: with.secret,
            remembered: with.remembered,
            last_mfa: with.last_mfa,
            saw_mfa_at_unknown_time: false,
            rotations: 0,
            last_ip: cx.invocation.source_ip.map(|ip| ip.to_string()),
            owner: Some(user.sub.clone()),
            created: now,
            modified: now,
            last_authenticated: now,
            is_listed: true,
        }
    }

    /// When it was last present at a passed second factor; only then may it replace one. If the
    /// record does not tell the time, the earliest that is possible.
    pub(crate) fn last_mfa(&self) -> Option<Moment> {
        self.last_mfa.or(self.saw_mfa_at_unknown_time.then_some(self.created))
    }

    /// Replaces the secret. From now on the previous one is a sign of a copied device.
    pub(crate) fn rotate_secret(&mut self, secret: StoredVerifier) {
        self.secret = secret;
        self.rotations = self.rotations.saturating_add(1);
    }

    /// How often the secret was replaced.
    pub(crate) fn rotations(&self) -> u32 {
        self.rotations
    }

    /// Notes that a second factor was passed with this device.
    pub(crate) fn saw_mfa(&mut self, now: Moment) {
        self.last_mfa = Some(now);
        self.saw_mfa_at_unknown_time = false;
    }

    /// Whether it has been unused for as long as the pool keeps such devices.
    pub(crate) fn is_idle(&self, tags: &DeviceTags, now: Moment) -> bool {
        tags.forget_after_idle.is_some_and(|idle| now.since(self.last_authenticated) >= idle)
    }

    pub(crate) fn is_remembered(&self) -> bool {
        self.remembered == DeviceRememberedStatusType::Remembered
    }

    pub(crate) fn set_remembered(
        &mut self,
        cx: &Context<'_, '_>,
        status: DeviceRememberedStatusType,
    ) {
        self.remembered = status;
        self.modified = cx.now();
    }

    /// Records that a sign-in presented this device.
    pub(crate) fn seen(&mut self, cx: &Context<'_, '_>) {
        self.last_authenticated = cx.now();
        if let Some(ip) = cx.invocation.source_ip {
            self.last_ip = Some(ip.to_string());
        }
    }

    /// Removes the device; its key cannot be confirmed again.
    pub(crate) fn forget(self, cx: &mut Context<'_, '_>) -> Result<(), ServiceError> {
        let now = cx.now();
        self.forget_at(&mut cx.tx, now)
    }

    /// As [`Self::forget`], outside of a command.
    pub(crate) fn forget_at(
        self,
        tx: &mut Transaction<'_>,
        at: Moment,
    ) -> Result<(), ServiceError> {
        tx.delete::<Self>(&self.id());
        tx.put(&ForgottenDevice {
            pool_id: self.pool_id,
            username: self.username,
            key: self.key,
            at,
        })
    }

    /// The device as its user sees it.
    pub(crate) fn describe(&self) -> DeviceType {
        let attributes = [
            ("device_status", Some("valid".to_owned())),
            ("device_name", self.name.clone()),
            ("last_ip_used", self.last_ip.clone()),
        ];
        self.with_attributes(attributes)
    }

    /// The device as an administrator sees it, with the `dev:` attributes.
    pub(crate) fn describe_for_admin(&self, cx: &Context<'_, '_>) -> DeviceType {
        let arn = format!(
            "arn:aws:cognito-idp:{}:{}:owner/{}/{}",
            cx.config.region, cx.config.account_id, self.username, self.key
        );
        let attributes = [
            ("device_status", Some("valid".to_owned())),
            ("device_name", self.name.clone()),
            ("dev:device_arn", Some(arn)),
            ("dev:device_owner", Some(self.username.clone())),
            ("last_ip_used", self.last_ip.clone()),
            ("dev:device_remembered_status", Some(self.remembered.as_str().to_owned())),
            ("dev:device_sdk", Some(String::new())),
        ];
        self.with_attributes(attributes)
    }

    fn with_attributes<const N: usize>(
        &self,
        attributes: [(&str, Option<String>); N],
    ) -> DeviceType {
        let attributes = attributes.into_iter().filter_map(|(name, value)| {
            Some(AttributeType { value: Some(Sensitive::from(value?)), ..AttributeType::new(name) })
        });
        DeviceType {
            device_key: Some(self.key.clone()),
            device_attributes: Some(attributes.collect()),
            device_create_date: Some(Timestamp::from(self.created)),
            device_last_modified_date: Some(Timestamp::from(self.modified)),
            // The service shows this date in whole seconds.
            device_last_authenticated_date: Some(Timestamp::from_seconds(
                self.last_authenticated.unix_seconds(),
            )),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

pub(crate) fn does_not_exist() -> ServiceError {
    ServiceError::not_found(sentence::UNKNOWN_DEVICE)
}

fn shown(name: &str) -> Option<String> {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    let visible = name.chars().filter(|c| !is_format(*c));
    let line: String = visible.map(|c| if is_break(c) { ' ' } else { c }).collect();
    if line.trim().is_empty() {
        return None;
    }
    Some(match line.char_indices().nth(LONGEST_SHOWN_NAME) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    })
}

/// Whether this is of Unicode's category Cf: it has no width, or changes the direction of the text
/// around it.
fn is_format(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_device_name_is_one_line_of_limited_length() {
        let text = |name: &str| shown(name).unwrap();
        assert_eq!(text("Ada's\r\nphone\u{7}"), "Ada's  phone ");
        assert_eq!(text(&"ä".repeat(40)), "ä".repeat(40));
        assert_eq!(text(&"ä".repeat(41)), format!("{}...", "ä".repeat(40)));
        assert_eq!(text("a\u{2028}b\u{2029}c\u{85}d"), "a b c d");
        assert_eq!(text("\u{202e}e\u{200b}v\u{2066}e\u{feff}\u{e0041}"), "eve");
        assert_eq!(["", " \n", "\u{200b}\u{202e}"].map(shown), [None, None, None]);
    }
}
