//! The settings of a pool that are about devices, as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use device_wire::enums::UserPoolMfaType;
use device_wire::shapes::{DeviceConfigurationType, UserPoolType};
use serde_json::{Value, json};

/// The prefix of the tags that are settings.
const PREFIX: &str = "device:";

/// The tags, with what they say; `{}` is the value.
const TAGS: &[(&str, &str, &str)] = &[
    (
        "device:mfa-every",
        "a remembered device replaces MFA for {} after the last code",
        "a remembered device replaces MFA however long ago the last code was",
    ),
    (
        "device:forget-after-idle",
        "a device that did not sign in for {} is forgotten",
        "no device is forgotten because it is unused",
    ),
    (
        "device:max-per-user",
        "a user has at most {} devices",
        "a user may have any number of devices",
    ),
    ("device:when-full", "for one device too many: {}", "one device too many is refused"),
    (
        "device:rotate-secret",
        "each device proof may bring a new secret: {}",
        "devices keep their secret",
    ),
    (
        "device:session-required",
        "device proofs of these app clients must include the Session: {}",
        "no device proof must include the Session",
    ),
    ("device:notify", "users are told of each {}", "users are not told of new devices"),
];

/// A setting and its value, as `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            "a setting is NAME=VALUE, such as device:mfa-every=30d or remember=opt-in".to_owned()
        })?;
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// Refuses settings of which one is named twice: only one of its values could be meant.
pub(crate) fn check_named_once(settings: &[Assignment]) -> Result<(), String> {
    let mut names = BTreeSet::new();
    match settings.iter().find(|one| !names.insert(&one.name)) {
        Some(Assignment { name, .. }) => Err(format!("{name} is given twice: give it one value")),
        None => Ok(()),
    }
}

/// What is to change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    remember: Option<String>,
    suppress: Option<bool>,
    /// The tags with a new value.
    pub(super) set: BTreeMap<String, String>,
    /// The tags that go.
    pub(super) removed: Vec<String>,
}

impl Changes {
    pub(super) fn read(settings: &[Assignment]) -> Result<Self, String> {
        check_named_once(settings)?;
        let mut changes = Self::default();
        for Assignment { name, value } in settings {
            match (name.as_str(), value.as_str()) {
                ("remember", "always" | "opt-in" | "no") => changes.remember = Some(value.clone()),
                ("remember", _) => {
                    return Err(format!("remember is always, opt-in or no, not \"{value}\""));
                }
                ("suppress-mfa", "on" | "off") => changes.suppress = Some(value == "on"),
                ("suppress-mfa", _) => {
                    return Err(format!("suppress-mfa is on or off, not \"{value}\""));
                }
                (tag, "") if tag.starts_with(PREFIX) => changes.removed.push(name.clone()),
                (tag, _) if tag.starts_with(PREFIX) => {
                    changes.set.insert(name.clone(), value.clone());
                }
                _ => {
                    return Err(format!(
                        "{name} is not set here: the settings are remember, suppress-mfa and the \
                         tags under device:"
                    ));
                }
            }
        }
        Ok(changes)
    }

    /// The new device configuration; `None` if it stays, `Some(None)` if no device is remembered.
    pub(super) fn devices(
        &self,
        pool: &UserPoolType,
    ) -> Result<Option<Option<DeviceConfigurationType>>, String> {
        if self.remember.is_none() && self.suppress.is_none() {
            return Ok(None);
        }
        let own = pool.device_configuration.clone();
        let mut devices = match self.remember.as_deref() {
            None => own,
            Some("no") => None,
            Some(when) => Some(DeviceConfigurationType {
                device_only_remembered_on_user_prompt: Some(when == "opt-in"),
                ..own.unwrap_or_default()
            }),
        };
        match (&mut devices, self.suppress) {
            (Some(devices), Some(suppress)) => {
                devices.challenge_required_on_new_device = Some(suppress);
            }
            (None, Some(true)) => {
                return Err("only a remembered device can suppress MFA: add remember=always or \
                            remember=opt-in"
                    .to_owned());
            }
            (_, _) => {}
        }
        Ok(Some(devices))
    }

    /// All tags of the pool as they will be.
    pub(super) fn tags(&self, pool: &UserPoolType) -> BTreeMap<String, String> {
        let mut tags = pool.user_pool_tags.clone().unwrap_or_default();
        tags.retain(|tag, _| !self.removed.contains(tag));
        tags.extend(self.set.clone());
        tags
    }
}

/// What a pool does with devices. Displays as plain words.
pub(super) struct Shown<'p> {
    pool: &'p UserPoolType,
    remember: &'static str,
    suppress: bool,
}

impl<'p> Shown<'p> {
    pub(super) fn of(pool: &'p UserPoolType) -> Self {
        let devices = pool.device_configuration.as_ref();
        let remember = match devices.map(|devices| devices.device_only_remembered_on_user_prompt) {
            None => "no",
            Some(Some(true)) => "opt-in",
            Some(_) => "always",
        };
        let suppress =
            devices.is_some_and(|devices| devices.challenge_required_on_new_device == Some(true));
        Self { pool, remember, suppress }
    }

    fn mfa(&self) -> UserPoolMfaType {
        self.pool.mfa_configuration.clone().unwrap_or(UserPoolMfaType::Off)
    }

    fn device_tags(&self) -> impl Iterator<Item = (&String, &String)> {
        let tags = self.pool.user_pool_tags.iter().flatten();
        tags.filter(|(tag, _)| tag.starts_with(PREFIX))
    }

    pub(super) fn json(&self) -> Value {
        let tags: BTreeMap<_, _> = self.device_tags().collect();
        json!({
            "id": self.pool.id, "name": self.pool.name, "remember": self.remember,
            "suppressMfa": self.suppress, "mfa": self.mfa(), "tags": tags,
        })
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDTH: usize = 26;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut line = |name: &str, value: &str, words: &str| {
            let between = if words.is_empty() { "" } else { ": " };
            writeln!(f, "{name:WIDTH$}{value}{between}{words}")
        };
        line("name", &text(&self.pool.name), "")?;
        line("id", &text(&self.pool.id), "")?;
        let remember = match self.remember {
            "always" => "every device that an app confirms is remembered",
            "opt-in" => "a device is remembered if its user chooses so",
            _ => "devices are not remembered",
        };
        line("remember", self.remember, remember)?;
        let (suppress, words) = match (self.suppress, self.remember) {
            (true, _) => ("on", "on a remembered device, no code is asked for"),
            (false, "no") => ("off", "there are no remembered devices"),
            (false, _) => ("off", "a code is asked for on remembered devices, too"),
        };
        line("suppress-mfa", suppress, words)?;
        let mfa = self.mfa();
        let words = match mfa {
            UserPoolMfaType::On => "every user needs a second factor",
            UserPoolMfaType::Optional => "users who have a second factor are asked for it",
            _ => "no one is asked for a second factor",
        };
        line("mfa", &mfa.as_str().to_lowercase(), words)?;
        let tags: BTreeMap<&str, &str> =
            self.device_tags().map(|(tag, value)| (tag.as_str(), value.as_str())).collect();
        for (tag, set, unset) in TAGS {
            match tags.get(tag) {
                Some(value) => line(tag, value, &set.replace("{}", value))?,
                None => line(tag, "not set", unset)?,
            }
        }
        let is_known = |tag: &str| TAGS.iter().any(|(known, _, _)| *known == tag);
        for (tag, value) in tags.iter().filter(|(tag, _)| !is_known(tag)) {
            line(tag, value, "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[&str]) -> Result<Changes, String> {
        let settings: Result<Vec<Assignment>, _> =
            settings.iter().map(|text| text.parse()).collect();
        Changes::read(&settings?)
    }

    fn pool(described: Value) -> UserPoolType {
        serde_json::from_value(described).unwrap()
    }

    #[test]
    fn a_wrong_setting_is_told_what_would_be_right() {
        for (settings, hint) in [
            (["remember"], "NAME=VALUE"),
            (["remember=yes"], "always, opt-in or no"),
            (["suppress-mfa=yes"], "on or off"),
            (["colour=red"], "the tags under device:"),
        ] {
            let told = read(&settings).unwrap_err();
            assert!(told.contains(hint), "{told}");
        }
        for settings in [["remember=no", "remember=always"], ["device:x=1", "device:x="]] {
            let told = read(&settings).unwrap_err();
            assert!(told.contains("is given twice"), "{told}");
        }
        let changes = read(&["suppress-mfa=on"]).unwrap();
        let told = changes.devices(&UserPoolType::default()).unwrap_err();
        assert!(told.contains("add remember=always"), "{told}");
    }

    #[test]
    fn what_is_not_named_stays() {
        let pool = pool(json!({
            "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true,
                "DeviceOnlyRememberedOnUserPrompt": true },
            "UserPoolTags": { "stage": "test", "device:mfa-every": "30d",
                "device:max-per-user": "3" },
        }));
        let changes = read(&["device:mfa-every=7d", "device:max-per-user="]).unwrap();
        assert_eq!(changes.devices(&pool).unwrap(), None);
        let tags = [("device:mfa-every", "7d"), ("stage", "test")];
        let tags = tags.map(|(tag, value)| (tag.to_owned(), value.to_owned()));
        assert_eq!(changes.tags(&pool), BTreeMap::from(tags));
        let devices = read(&["remember=always"]).unwrap().devices(&pool).unwrap().unwrap().unwrap();
        assert_eq!(devices.challenge_required_on_new_device, Some(true));
        assert_eq!(devices.device_only_remembered_on_user_prompt, Some(false));
        assert_eq!(read(&["remember=no"]).unwrap().devices(&pool).unwrap(), Some(None));
    }
}
