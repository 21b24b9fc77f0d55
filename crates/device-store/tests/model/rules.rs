//! The rules of remembered devices as a plain program: the specification that the engine must meet.
//!
//! It has no cryptography, no records and no code of the engine. Users, devices, tokens and
//! sessions have numbers. Where the service would check a proof, the model is told whether it is
//! right. Each operation checks everything first and changes something last, so a refused operation
//! changes nothing but the counts of failed attempts.
//!
//! What it leaves out: first factors other than a password, second factors other than a software
//! token, custom challenges, sign-ins by administrators, hooks, risk, seeds, secrets that change at
//! each sign-in, messages of all kinds, links to forget a device, sign-up, forgotten passwords and
//! password rules, aliases and case of names, attributes, groups and scopes, changes of app clients
//! and their secrets, fresh sign-ins for sensitive changes, hours of sign-ins, replaced keys, the
//! audit trail, grants listed and ended one by one, limits of users and of attempts by address, and
//! the lockout after a hundred failures in a row.

mod devices;
mod lockout;
mod refusal;
mod sign_in;
mod tokens;

use std::collections::BTreeMap;

use crate::operation::Operation;
pub(crate) use devices::Device;
use lockout::{Counted, Failures};
pub(crate) use refusal::Refusal;
pub(crate) use sign_in::{Challenge, Exchange, ExchangeOf, Session, Stage};
pub(crate) use tokens::{AccessToken, Grant, ROTATION_GRACE, RefreshToken};

pub(crate) const SECOND: i64 = 1000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The time that each operation takes, so that no two things happen at the same moment.
const TAKES: i64 = 10;

/// How long a temporary password is good for.
const TEMPORARY_PASSWORD_LIFE: i64 = 7 * DAY;

/// The names of all users that there may be.
pub(crate) const NAMES: [&str; 2] = ["ada", "bob"];

/// The two app clients of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Client {
    /// Says that a user does not exist, and keeps its refresh tokens.
    Plain,
    /// Hides which users exist, and replaces refresh tokens.
    Rotating,
}

/// The two addresses that requests come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Address {
    Home,
    Elsewhere,
}

/// The pool's settings. Durations are in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Whether the pool tracks devices, and how.
    pub(crate) tracking: Option<Tracking>,
    pub(crate) mfa: Mfa,
    /// How long a passed second factor lets a device replace the next one.
    pub(crate) mfa_every: Option<i64>,
    /// How long an unused device is kept.
    pub(crate) forget_after_idle: Option<i64>,
    pub(crate) max_devices: Option<usize>,
    /// What happens to one device too many: the oldest is forgotten, or the new one refused.
    pub(crate) forget_oldest: bool,
    /// Whether a new password ends the user's sessions.
    pub(crate) new_password_signs_out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tracking {
    /// Whether a confirmed device is remembered at once, and not only if its user says so.
    pub(crate) always: bool,
    /// Whether a remembered device replaces the second factor.
    pub(crate) replaces_mfa: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mfa {
    Off,
    /// For users who have switched a factor on.
    Optional,
    On,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    /// Distinguishes this user from earlier ones of the same name.
    pub(crate) id: usize,
    pub(crate) enabled: bool,
    pub(crate) password: Password,
    /// The number of times that all sessions were ended. What began before is over.
    sign_outs: usize,
    pub(crate) token: Option<SoftwareToken>,
    /// A secret that was shown and not verified yet.
    pub(crate) pending_secret: Option<usize>,
    /// Whether the user has switched the software token on.
    pub(crate) mfa_enabled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Password {
    pub(crate) text: u8,
    /// Distinguishes this password from an earlier one of the same text.
    set_at: i64,
    /// Whether it was set by an administrator and must be replaced at the sign-in.
    temporary: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SoftwareToken {
    pub(crate) secret: usize,
    /// The step of the last accepted code. Codes up to it are used up.
    pub(crate) last_step: i64,
}

/// A code of a software token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Code {
    Wrong,
    /// The code of this secret, so many steps of 30 seconds from now.
    Of {
        secret: usize,
        steps_away: i64,
    },
}

/// The answer to an operation that succeeded. Challenges, tokens and devices that are new have the
/// last numbers of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Challenge(Challenge),
    Tokens {
        /// The device in the tokens.
        device: Option<usize>,
        /// Whether its key was issued with them.
        is_new_device: bool,
        /// What the sign-in was proven by.
        proofs: Vec<&'static str>,
        has_refresh_token: bool,
    },
    /// A confirmed device; whether the app should ask its user to remember it.
    Confirmed {
        asks_user: bool,
    },
    Devices(Vec<ListedDevice>),
}

/// A device as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListedDevice {
    pub(crate) device: usize,
    /// Shown to administrators alone.
    pub(crate) remembered: Option<bool>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// In whole seconds.
    pub(crate) last_authenticated: i64,
}

/// A user pool.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The randomness of the engines. The model has none.
    pub(crate) seed: u64,
    pub(crate) now: i64,
    pub(crate) policy: Policy,
    pub(crate) users: [Option<User>; NAMES.len()],
    users_so_far: usize,
    /// All device keys that were issued.
    pub(crate) devices: Vec<Device>,
    pub(crate) grants: Vec<Grant>,
    pub(crate) access_tokens: Vec<AccessToken>,
    pub(crate) refresh_tokens: Vec<RefreshToken>,
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) sessions: Vec<Session>,
    /// The number of secrets of software tokens that were shown.
    pub(crate) secrets: usize,
    first_factors: BTreeMap<(Client, usize, usize), sign_in::FirstFactor>,
    failures: BTreeMap<Counted, Failures>,
    /// The answer to the last operation.
    pub(crate) answer: Result<Answer, Refusal>,
}

impl Model {
    /// A pool in which all names have a user.
    pub(crate) fn new(seed: u64, now: i64, policy: Policy) -> Self {
        Self {
            seed,
            now,
            policy,
            users: std::array::from_fn(|user| Some(User::new(user, 0, now))),
            users_so_far: NAMES.len(),
            devices: Vec::new(),
            grants: Vec::new(),
            access_tokens: Vec::new(),
            refresh_tokens: Vec::new(),
            exchanges: Vec::new(),
            sessions: Vec::new(),
            secrets: 0,
            first_factors: BTreeMap::new(),
            failures: BTreeMap::new(),
            answer: Ok(Answer::Done),
        }
    }

    /// Performs an operation.
    pub(crate) fn perform(&mut self, operation: &Operation) {
        self.now += TAKES;
        self.answer = match operation.clone() {
            Operation::Wait { millis } => {
                self.now += millis;
                Ok(Answer::Done)
            }
            Operation::SetPolicy(policy) => {
                self.policy = policy;
                Ok(Answer::Done)
            }
            Operation::Purge => self.purge(),
            Operation::CreateUser { user, password } => self.create_user(user, password),
            Operation::DeleteUser { user } => self.delete_user(user),
            Operation::EnableUser { user } => self.enable_user(user),
            Operation::DisableUser { user } => self.disable_user(user),
            Operation::SetPassword { user, password, temporary } => {
                self.set_password(user, password, temporary)
            }
            Operation::SignOutUser { user } => self.sign_out_user(user),
            Operation::DeleteSoftwareToken { user } => self.delete_software_token(user),
            Operation::AdminForgetDevice { user, device } => self.forget_device(user, device),
            Operation::AdminSetStatus { user, device, remembered } => {
                self.set_status(user, device, remembered)
            }
            Operation::AdminListDevices { user } => {
                self.user(user).map(|_| Answer::Devices(self.list(user, true)))
            }
            Operation::PasswordSignIn { client, user, password, device, from } => {
                self.sign_in_by_password(client, user, password, device, from)
            }
            Operation::StartSrp { client, user, device } => self.start_srp(client, user, device),
            Operation::AnswerSrp { exchange, password, device, from } => {
                self.answer_srp(exchange, password, device, from)
            }
            Operation::AnswerCode { session, code, device, from } => {
                self.answer_code(session, code, device, from)
            }
            Operation::AnswerNewPassword { session, password, device } => {
                self.answer_new_password(session, password, device)
            }
            Operation::AssociateInSession { session } => self.associate_in_session(session),
            Operation::VerifyInSession { session, code } => self.verify_in_session(session, code),
            Operation::AnswerSetUp { session, device } => self.answer_set_up(session, device),
            Operation::StartDevice { client, user, session, device, from } => {
                self.start_device(client, user, session, device, from)
            }
            Operation::AnswerDevice { exchange, device, is_right, with_session, from } => {
                self.answer_device(exchange, device, is_right, with_session, from)
            }
            Operation::ConfirmDevice { token, device } => self.confirm_device(token, device),
            Operation::SetStatus { token, device, remembered } => {
                self.caller(token).and_then(|user| self.set_status(user, device, remembered))
            }
            Operation::ForgetDevice { token, device } => {
                self.caller(token).and_then(|user| self.forget_device(user, device))
            }
            Operation::GetDevice { token, device } => {
                self.caller(token).and_then(|user| self.get_device(user, device))
            }
            Operation::ListDevices { token } => {
                self.caller(token).map(|user| Answer::Devices(self.list(user, false)))
            }
            Operation::GetUser { token } => self.caller(token).map(|_| Answer::Done),
            Operation::ChangePassword { token, previous, password } => {
                self.change_password(token, previous, password)
            }
            Operation::AssociateSoftwareToken { token } => self.associate_software_token(token),
            Operation::VerifySoftwareToken { token, code } => {
                self.verify_software_token(token, code)
            }
            Operation::SetMfaPreference { token, on } => self.set_mfa_preference(token, on),
            Operation::GlobalSignOut { token } => {
                self.caller(token).and_then(|user| self.sign_out_user(user))
            }
            Operation::Refresh { client, token, device, by_flow } => {
                self.refresh(client, token, device, by_flow)
            }
            Operation::RevokeToken { client, token } => self.revoke(client, token),
        };
    }

    /// The user of this name.
    fn user(&self, user: usize) -> Result<&User, Refusal> {
        self.users[user].as_ref().ok_or(Refusal::UnknownUser)
    }

    /// The same, to be changed. Only for a user who was found before.
    fn user_mut(&mut self, user: usize) -> &mut User {
        self.users[user].as_mut().unwrap()
    }

    fn create_user(&mut self, user: usize, text: u8) -> Result<Answer, Refusal> {
        if self.users[user].is_some() {
            return Err(Refusal::UserExists);
        }
        self.users[user] = Some(User::new(self.users_so_far, text, self.now));
        self.users_so_far += 1;
        Ok(Answer::Done)
    }

    /// Devices, counts and software token go with the user. A later user of that name is another.
    fn delete_user(&mut self, user: usize) -> Result<Answer, Refusal> {
        let id = self.user(user)?.id;
        self.users[user] = None;
        self.devices.iter_mut().filter(|device| device.owner == id).for_each(Device::remove);
        self.lift_lockouts(user);
        Ok(Answer::Done)
    }

    fn enable_user(&mut self, user: usize) -> Result<Answer, Refusal> {
        self.user(user)?;
        self.user_mut(user).enabled = true;
        Ok(Answer::Done)
    }

    /// A disabled user may not sign in, and all sessions are over. Devices stay.
    fn disable_user(&mut self, user: usize) -> Result<Answer, Refusal> {
        self.sign_out_user(user)?;
        self.user_mut(user).enabled = false;
        Ok(Answer::Done)
    }

    /// Ends all sessions and all sign-ins that have begun. Devices stay.
    fn sign_out_user(&mut self, user: usize) -> Result<Answer, Refusal> {
        self.user(user)?;
        self.user_mut(user).sign_outs += 1;
        Ok(Answer::Done)
    }

    /// Sets a password as administrator, which also lifts every lockout.
    fn set_password(&mut self, user: usize, text: u8, temporary: bool) -> Result<Answer, Refusal> {
        self.user(user)?;
        self.replace_password(user, text, temporary);
        self.lift_lockouts(user);
        Ok(Answer::Done)
    }

    fn change_password(&mut self, token: usize, previous: u8, text: u8) -> Result<Answer, Refusal> {
        let user = self.caller(token)?;
        let counted = self.permit(lockout::Kind::PasswordChange, user, None, Address::Home)?;
        let password = self.user(user)?.password;
        if previous != password.text {
            return Err(self.fail(counted, Address::Home, Refusal::Incorrect));
        }
        self.succeed(counted);
        self.replace_password(user, text, password.temporary);
        Ok(Answer::Done)
    }

    /// Sets a password, which ends all sign-ins that have begun, and sessions if the pool says so.
    fn replace_password(&mut self, user: usize, text: u8, temporary: bool) {
        let (now, signs_out) = (self.now, self.policy.new_password_signs_out);
        let user = self.user_mut(user);
        user.password = Password { text, set_at: now, temporary };
        user.sign_outs += usize::from(signs_out);
    }

    /// Whether a second factor must be passed at a sign-in.
    fn is_mfa_due(&self, user: &User) -> bool {
        match self.policy.mfa {
            Mfa::Off => false,
            Mfa::Optional => user.has_second_factor(Mfa::Optional),
            Mfa::On => true,
        }
    }

    fn delete_software_token(&mut self, user: usize) -> Result<Answer, Refusal> {
        self.user(user)?;
        let user = self.user_mut(user);
        (user.token, user.pending_secret, user.mfa_enabled) = (None, None, false);
        Ok(Answer::Done)
    }

    /// Shows a signed-in user a new secret. A token that is in use stays so.
    fn associate_software_token(&mut self, token: usize) -> Result<Answer, Refusal> {
        let user = self.caller(token)?;
        self.check_software_tokens()?;
        let secret = self.new_secret();
        self.user_mut(user).pending_secret = Some(secret);
        Ok(Answer::Done)
    }

    fn verify_software_token(&mut self, token: usize, code: Code) -> Result<Answer, Refusal> {
        let user = self.caller(token)?;
        self.check_software_tokens()?;
        let secret = self.user(user)?.pending_secret.ok_or(Refusal::NoSecretToVerify)?;
        self.enrol(user, secret, code)?;
        Ok(Answer::Done)
    }

    /// Enrols a software token if the code is right, which uses the code up.
    fn enrol(&mut self, user: usize, secret: usize, code: Code) -> Result<(), Refusal> {
        let counted = self.permit(lockout::Kind::Code, user, None, Address::Home)?;
        let Some(last_step) = self.matching_step(secret, code) else {
            return Err(self.fail(counted, Address::Home, Refusal::EnrolmentCodeWrong));
        };
        self.succeed(counted);
        let user = self.user_mut(user);
        user.token = Some(SoftwareToken { secret, last_step });
        user.pending_secret = None;
        Ok(())
    }

    fn set_mfa_preference(&mut self, token: usize, on: bool) -> Result<Answer, Refusal> {
        let user = self.caller(token)?;
        if on && self.user(user)?.token.is_none() {
            return Err(Refusal::NoSoftwareToken);
        }
        self.user_mut(user).mfa_enabled = on;
        Ok(Answer::Done)
    }

    fn check_software_tokens(&self) -> Result<(), Refusal> {
        if self.policy.mfa == Mfa::Off { Err(Refusal::SoftwareTokensNotOffered) } else { Ok(()) }
    }

    fn new_secret(&mut self) -> usize {
        self.secrets += 1;
        self.secrets - 1
    }

    /// The step of a right code: of the current 30 seconds, or of those before or after.
    fn matching_step(&self, secret: usize, code: Code) -> Option<i64> {
        match code {
            Code::Of { secret: of, steps_away: -1..=1 } if of == secret => Some(self.step(code)),
            _ => None,
        }
    }

    /// The step of a code.
    pub(crate) fn step(&self, code: Code) -> i64 {
        let away = match code {
            Code::Wrong => 0,
            Code::Of { steps_away, .. } => steps_away,
        };
        self.now.div_euclid(30 * SECOND) + away
    }

    /// Removes what is no longer kept. Nothing that still counts is among it.
    fn purge(&mut self) -> Result<Answer, Refusal> {
        let now = self.now;
        if let Some(idle) = self.policy.forget_after_idle {
            for device in &mut self.devices {
                device.forget_if_idle(now, idle);
            }
        }
        self.first_factors.retain(|_, first_factor| first_factor.expires_at >= now);
        let users = self.users.clone();
        let is_kept = |grant: &Grant| {
            grant.expires_at + DAY >= now
                && users.iter().flatten().any(|user| user.id == grant.owner.1)
        };
        for grant in &mut self.grants {
            grant.is_kept &= is_kept(grant);
        }
        Ok(Answer::Done)
    }
}

impl User {
    fn new(id: usize, password: u8, now: i64) -> Self {
        Self {
            id,
            enabled: true,
            password: Password { text: password, set_at: now, temporary: false },
            sign_outs: 0,
            token: None,
            pending_secret: None,
            mfa_enabled: false,
        }
    }

    /// Whether the user could pass a second factor. If the pool requires one, a token counts
    /// although the user has not switched it on.
    fn has_second_factor(&self, mfa: Mfa) -> bool {
        self.token.is_some() && (mfa == Mfa::On || mfa == Mfa::Optional && self.mfa_enabled)
    }
}
