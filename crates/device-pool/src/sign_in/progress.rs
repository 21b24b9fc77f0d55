//! The progress of a sign-in, sealed in the `Session`. The server stores only used sessions.

use std::collections::BTreeSet;

use device_wire::param;
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::parameters::Parameters;
use crate::command::trail::Trail;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::host::moment::Moment;
use crate::records::device::{self, Device};
use crate::records::factor::Factor;
use crate::records::method::Method;
use crate::records::pool::{DevicePolicy, Pool};
use crate::records::user::User;
use crate::rules::account::Account;

/// What a sign-in has established so far.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) username: String,
    /// When the user's password was set, since changing the password ends a running sign-in. The
    /// text has the same width for a decoy: otherwise a session's length would reveal it.
    password_set_at: String,
    /// Identifies the user; see [`mark`]. Empty in sessions of earlier releases.
    #[serde(default)]
    user: String,
    /// Whether the password was proven in this sign-in. Devices take part only then.
    pub(crate) password_proven: bool,
    pub(crate) device_key: Option<String>,
    /// How often the device's secret had been replaced when this sign-in first met the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    device_rotations: Option<u32>,
    /// The steps of a custom flow so far; `None` in other flows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom: Option<Vec<ChallengeResult>>,
    pub(crate) mfa_passed: bool,
    pub(crate) device_proven: bool,
    /// Whether the device's proof replaced its secret, in this step alone.
    #[serde(skip)]
    pub(crate) secret_rotated: bool,
    /// The codes that were right, of first and second factors.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    codes: BTreeSet<Method>,
    pub(crate) trail: Trail,
}

impl Progress {
    /// A new sign-in, which presented `device_key` at its start.
    pub(crate) fn start(
        cx: &mut Context<'_, '_>,
        username: &str,
        user: Option<&User>,
        device_key: Option<String>,
    ) -> Self {
        Self {
            username: username.to_owned(),
            password_set_at: password_mark(user.and_then(User::password_set_at)),
            user: mark(user),
            password_proven: false,
            device_key,
            device_rotations: None,
            custom: None,
            mfa_passed: false,
            device_proven: false,
            secret_rotated: false,
            codes: BTreeSet::new(),
            trail: Trail::start(cx.uuid().to_string(), cx.now()),
        }
    }

    /// Whether this is a sign-in of `account`, with its password of the start.
    pub(crate) fn is_about(&self, account: &Account) -> bool {
        match account.user.as_deref() {
            Some(user) => self.is_of(user),
            None => {
                self.username == account.username && self.password_set_at == password_mark(None)
            }
        }
    }

    /// The device policy for this sign-in: off if no password was proven.
    pub(crate) fn device_policy(&self, pool: &Pool) -> DevicePolicy {
        if self.password_proven { pool.device_policy() } else { DevicePolicy::Off }
    }

    /// Whether this user began the sign-in, whatever has changed since.
    pub(crate) fn began_with(&self, user: &User) -> bool {
        self.username == user.username && self.user.starts_with(&user.sub)
    }

    /// Whether `user` began this sign-in and still has the same password. False for a later user
    /// with the same name.
    pub(crate) fn is_of(&self, user: &User) -> bool {
        self.username == user.username
            && self.password_set_at == password_mark(user.password_set_at())
            && match self.user.as_str() {
                "" => self.trail.started >= user.created,
                started_by => started_by == mark(Some(user)),
            }
    }

    /// Notes that a first factor was passed by a code.
    pub(crate) fn pass_first_factor(&mut self, medium: Medium, reason: impl Into<String>) {
        self.codes.insert(medium.into());
        self.trail.note(reason);
    }

    /// What this sign-in was proven by so far.
    pub(crate) fn methods(&self) -> BTreeSet<Method> {
        let mut methods = self.codes.clone();
        methods.extend(self.password_proven.then_some(Method::Pwd));
        methods.extend(self.device_proven.then_some(Method::Dev));
        methods
    }

    /// Goes on after a second factor was passed.
    pub(crate) fn pass_mfa(&mut self, factor: Factor, reason: impl Into<String>) {
        self.mfa_passed = true;
        self.codes.insert(factor.into());
        self.trail.mfa = Some(true);
        self.trail.note(reason);
    }

    /// Notes that `user` has set a new password in this sign-in.
    pub(crate) fn password_changed(&mut self, user: &User) {
        self.password_set_at = password_mark(user.password_set_at());
        self.trail.note("New password set");
    }

    /// Takes the device that this answer presents.
    ///
    /// An unknown device is refused before anything is used up: clients then repeat the same answer
    /// without the key.
    pub(crate) fn present_device(
        &mut self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        user: &User,
        answers: &Parameters,
    ) -> Result<(), ServiceError> {
        let Some(key) = answers.get(param::DEVICE_KEY) else { return Ok(()) };
        if self.device_policy(pool) == DevicePolicy::Off {
            return Ok(());
        }
        if Device::find(cx, pool, user, key)?.is_none() {
            return Err(device::does_not_exist());
        }
        if self.device_key.as_deref() != Some(key) {
            // The proof was of another device.
            self.device_proven = false;
            self.device_key = Some(key.to_owned());
            self.device_rotations = None;
        }
        Ok(())
    }

    /// Notes the device that takes part, or that none does.
    pub(crate) fn meet(&mut self, device: Option<&Device>) {
        self.device_key = device.map(|device| device.key.clone());
        let met_before = self.device_rotations;
        self.device_rotations = device.map(|device| met_before.unwrap_or(device.rotations()));
    }

    /// Whether the device's secret was replaced after this sign-in first met the device.
    pub(crate) fn is_overtaken(&self, device: &Device) -> bool {
        self.device_rotations != Some(device.rotations())
    }
}

/// The user's `sub` and number of global sign-outs. Without a user the text has the same width,
/// since a session's length would reveal it.
fn mark(user: Option<&User>) -> String {
    match user {
        Some(user) => format!("{:36}.{:08x}", user.sub, user.sign_outs),
        None => format!("{:36}.{:08x}", "", 0),
    }
}

/// Sixteen digits, also if no password was set.
fn password_mark(set_at: Option<Moment>) -> String {
    format!("{:016x}", set_at.map_or(i64::MIN, Moment::millis))
}

/// The result of one step, as the hooks see it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChallengeResult {
    pub(crate) challenge_name: String,
    pub(crate) challenge_result: bool,
    /// `null` in the hooks' events if there is none: hooks in typed languages read it.
    pub(crate) challenge_metadata: Option<String>,
}

impl ChallengeResult {
    pub(crate) fn passed(name: &str) -> Self {
        Self { challenge_name: name.to_owned(), challenge_result: true, challenge_metadata: None }
    }
}
