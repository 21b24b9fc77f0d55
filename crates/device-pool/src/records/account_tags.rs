//! The pool's tags under `account:`: how accounts are protected beyond what the service does.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::ServiceError;
use crate::host::moment::minutes;
use crate::records::pool::Pool;

const PREFIX: &str = "account:";

/// The maximum of `account:fresh-sign-in`, in minutes: a day.
const MOST_MINUTES: u64 = 24 * 60;

/// The settings in a pool's `account:` tags.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AccountTags {
    /// `account:fresh-sign-in`: how old a sign-in may be that changes addresses or second factors.
    pub(crate) fresh_sign_in: Option<Duration>,
    /// `account:new-password`: whether a new password ends the user's sessions.
    pub(crate) sign_out_at_new_password: bool,
    /// `account:notify`: whether an address that its user left is told.
    pub(crate) notify_changed_address: bool,
}

impl AccountTags {
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

    /// Refuses tags under `account:` that are unknown or do not parse.
    pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), ServiceError> {
        let mut settings = Self::default();
        for (tag, value) in tags {
            let Some(name) = tag.strip_prefix(PREFIX) else { continue };
            settings.set(name, value).map_err(|right| {
                ServiceError::invalid(format!(
                    "The tag {tag} with the value \"{value}\" is not an account setting: {right}."
                ))
            })?;
        }
        Ok(())
    }

    /// Reads one tag. The error says what would be right.
    fn set(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "fresh-sign-in" => {
                const RIGHT: &str = "it takes a whole number of minutes, such as 10m, up to 1440m";
                let number = value.strip_suffix('m').ok_or(RIGHT)?;
                let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
                let number: Option<u64> = is_number.then(|| number.parse().ok()).flatten();
                let number = number.filter(|number| (1..=MOST_MINUTES).contains(number));
                self.fresh_sign_in = Some(minutes(number.ok_or(RIGHT)?));
            }
            "notify" if value == "changed-address" => self.notify_changed_address = true,
            "notify" => return Err("it takes changed-address"),
            "new-password" if value == "sign-out" => self.sign_out_at_new_password = true,
            "new-password" => return Err("it takes sign-out"),
            _ => {
                return Err("the settings are account:fresh-sign-in, account:new-password and \
                            account:notify");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_tag_is_told_what_would_be_right() {
        let check = |tag: &str, value: &str| {
            AccountTags::check(&BTreeMap::from([(tag.to_owned(), value.to_owned())]))
        };
        for (tag, value, hint) in [
            ("account:fresh-sign-in", "10", "such as 10m"),
            ("account:fresh-sign-in", "0m", "such as 10m"),
            ("account:fresh-sign-in", "+1m", "such as 10m"),
            ("account:fresh-sign-in", "1441m", "up to 1440m"),
            ("account:notify", "on", "changed-address"),
            ("account:new-password", "keep", "sign-out"),
            ("account:fresh", "10m", "account:fresh-sign-in"),
        ] {
            let error = check(tag, value).unwrap_err().to_string();
            assert!(error.contains(hint) && error.contains(tag), "{error}");
        }
        for (tag, value) in [
            ("account:fresh-sign-in", "1440m"),
            ("account:notify", "changed-address"),
            ("Account:x", "y"),
        ] {
            assert!(check(tag, value).is_ok(), "{tag}");
        }
    }
}
