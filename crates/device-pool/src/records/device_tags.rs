//! The pool's tags under `device:`: device settings that the service does not have.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::ServiceError;
use crate::host::moment::{days, hours};
use crate::records::pool::Pool;

const PREFIX: &str = "device:";

/// The maximum duration of a tag.
const LONGEST: Duration = days(3650);

/// The maximum of `device:max-per-user`.
const MOST_DEVICES: usize = 1000;

/// The settings in a pool's `device:` tags.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DeviceTags {
    /// `device:mfa-every`: how long a passed second factor lets a device replace the next one.
    pub(crate) mfa_every: Option<Duration>,
    /// `device:forget-after-idle`: how long an unused device is kept.
    pub(crate) forget_after_idle: Option<Duration>,
    /// `device:max-per-user`: how many devices a user may have.
    pub(crate) max_per_user: Option<usize>,
    /// `device:when-full`: what happens if a user has too many devices.
    pub(crate) when_full: WhenFull,
    /// `device:rotate-secret`: whether each device proof may bring a new secret.
    pub(crate) rotate_secret: bool,
    /// `device:notify`: whether users are told of a new device.
    pub(crate) notify_new_device: bool,
    /// `device:session-required`: app clients whose device proofs must bring the session.
    session_required: Vec<String>,
}

/// What happens if a user has too many devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// The new device is not confirmed.
    #[default]
    Refuse,
    /// The device that authenticated longest ago is forgotten.
    ForgetOldest,
}

impl DeviceTags {
    /// The settings of a pool. Invalid tags, which earlier releases accepted, count as absent.
    pub(crate) fn of(pool: &Pool) -> Self {
        let mut settings = Self::default();
        for (name, value) in pool.description.user_pool_tags.iter().flatten() {
            if let Some(name) = name.strip_prefix(PREFIX) {
                let _ = settings.set(name, value);
            }
        }
        settings
    }

    /// Refuses tags under `device:` that are unknown or do not parse.
    pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), ServiceError> {
        let mut settings = Self::default();
        for (tag, value) in tags {
            let Some(name) = tag.strip_prefix(PREFIX) else { continue };
            settings.set(name, value).map_err(|right| {
                ServiceError::invalid(format!(
                    "The tag {tag} with the value \"{value}\" is not a device setting: {right}."
                ))
            })?;
        }
        Ok(())
    }

    /// Whether device proofs of this app client must include the session.
    pub(crate) fn requires_session(&self, client_id: &str) -> bool {
        self.session_required.iter().any(|name| name == "all" || name == client_id)
    }

    /// Reads one tag. The error says what would be right.
    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        const DURATION: &str =
            "it takes a whole number of days or hours, such as 30d or 12h, up to 3650d";
        match name {
            "mfa-every" => self.mfa_every = Some(duration(value).ok_or(DURATION)?),
            "forget-after-idle" => self.forget_after_idle = Some(duration(value).ok_or(DURATION)?),
            "max-per-user" => {
                let most = number(value).filter(|most| (1..=MOST_DEVICES).contains(most));
                self.max_per_user = Some(most.ok_or("it takes a number from 1 to 1000")?);
            }
            "when-full" => {
                self.when_full = match value {
                    "refuse" => WhenFull::Refuse,
                    "forget-oldest" => WhenFull::ForgetOldest,
                    _ => return Err("it takes refuse or forget-oldest"),
                }
            }
            "rotate-secret" => {
                self.rotate_secret = match value {
                    "on" => true,
                    "off" => false,
                    _ => return Err("it takes on or off"),
                }
            }
            "notify" => {
                self.notify_new_device = match value {
                    "new-device" => true,
                    _ => return Err("it takes new-device"),
                }
            }
            "session-required" => {
                self.session_required = value.split(' ').map(str::to_owned).collect();
            }
            _ => {
                return Err("the settings are device:mfa-every, device:forget-after-idle, \
                            device:max-per-user, device:when-full, device:rotate-secret, \
                            device:session-required and device:notify");
            }
        }
        Ok(())
    }
}

/// Digits only: the standard parser also accepts a sign.
fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Parses `30d` or `12h`, above zero.
fn duration(text: &str) -> Option<Duration> {
    let (unit, number_of): (fn(u64) -> Duration, _) = match text.strip_suffix('d') {
        Some(number) => (days, number),
        None => (hours, text.strip_suffix('h')?),
    };
    // At most six digits, so that no multiplication overflows.
    let number = number(number_of).filter(|number| (1..=999_999).contains(number))?;
    Some(unit(u64::try_from(number).ok()?)).filter(|duration| *duration <= LONGEST)
}

/// An interval in the words of the tags: in whole days if possible, otherwise in hours.
pub(crate) fn how_often(duration: Duration) -> String {
    let hours = duration.as_secs() / 3600;
    if hours.is_multiple_of(24) { count(hours / 24, "day") } else { count(hours, "hour") }
}

/// A past time in whole days, or in hours within the first day.
pub(crate) fn how_long_ago(duration: Duration) -> String {
    let hours = duration.as_secs() / 3600;
    if hours >= 24 { count(hours / 24, "day") } else { count(hours, "hour") }
}

fn count(number: u64, unit: &str) -> String {
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(tag: &str, value: &str) -> Result<(), String> {
        DeviceTags::check(&BTreeMap::from([(tag.to_owned(), value.to_owned())]))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_duration_is_a_number_of_days_or_hours() {
        assert_eq!(duration("30d"), Some(days(30)));
        assert_eq!(duration("12h"), Some(hours(12)));
        assert_eq!(duration("3650d"), Some(LONGEST));
        for wrong in ["", "d", "0d", "-1d", "+1d", "1.5d", "30", "30 d", "30D", "3651d", "9999999h"]
        {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_tag_is_told_what_would_be_right() {
        for (tag, value, hint) in [
            ("device:mfa-every", "monthly", "30d or 12h"),
            ("device:forget-after-idle", "0h", "30d or 12h"),
            ("device:max-per-user", "0", "from 1 to 1000"),
            ("device:max-per-user", "+5", "from 1 to 1000"),
            ("device:when-full", "drop", "refuse or forget-oldest"),
            ("device:notify", "on", "new-device"),
            ("device:mfa_every", "30d", "device:mfa-every"),
        ] {
            let error = check(tag, value).unwrap_err();
            assert!(error.contains(hint) && error.contains(tag), "{error}");
        }
    }

    #[test]
    fn other_tags_are_free() {
        assert_eq!(check("Device:mfa", "x"), Ok(()));
        assert_eq!(check("stage", "device:test"), Ok(()));
    }

    #[test]
    fn durations_read_as_a_person_would_say_them() {
        assert_eq!(how_often(days(31)), "31 days");
        assert_eq!(how_often(days(1) + hours(1)), "25 hours");
        assert_eq!(how_often(days(1)), "1 day");
        assert_eq!(how_often(hours(12)), "12 hours");
        assert_eq!(how_long_ago(days(31) + hours(5)), "31 days");
        assert_eq!(how_long_ago(hours(23)), "23 hours");
    }
}
