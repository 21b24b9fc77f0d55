//! The operations, and how the next one is chosen.

use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use crate::rules::{
    Address, Client, Code, DAY, ExchangeOf, HOUR, MINUTE, Mfa, Model, NAMES, Policy, SECOND, Stage,
    Tracking,
};

/// An operation. Users, devices, tokens, sessions and exchanges have the numbers of the model;
/// `token` is an access token, or a refresh token where one belongs.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Wait {
        millis: i64,
    },
    SetPolicy(Policy),
    Purge,
    // By administrators.
    CreateUser {
        user: usize,
        password: u8,
    },
    DeleteUser {
        user: usize,
    },
    EnableUser {
        user: usize,
    },
    DisableUser {
        user: usize,
    },
    SetPassword {
        user: usize,
        password: u8,
        temporary: bool,
    },
    SignOutUser {
        user: usize,
    },
    DeleteSoftwareToken {
        user: usize,
    },
    AdminForgetDevice {
        user: usize,
        device: usize,
    },
    AdminSetStatus {
        user: usize,
        device: usize,
        remembered: bool,
    },
    AdminListDevices {
        user: usize,
    },
    // Steps of a sign-in.
    PasswordSignIn {
        client: Client,
        user: usize,
        password: u8,
        device: Option<usize>,
        from: Address,
    },
    StartSrp {
        client: Client,
        user: usize,
        device: Option<usize>,
    },
    AnswerSrp {
        exchange: usize,
        password: u8,
        device: Option<usize>,
        from: Address,
    },
    AnswerCode {
        session: usize,
        code: Code,
        device: Option<usize>,
        from: Address,
    },
    AnswerNewPassword {
        session: usize,
        password: u8,
        device: Option<usize>,
    },
    AssociateInSession {
        session: usize,
    },
    VerifyInSession {
        session: usize,
        code: Code,
    },
    AnswerSetUp {
        session: usize,
        device: Option<usize>,
    },
    StartDevice {
        client: Client,
        user: usize,
        session: Option<usize>,
        device: usize,
        from: Address,
    },
    AnswerDevice {
        exchange: usize,
        device: usize,
        is_right: bool,
        with_session: bool,
        from: Address,
    },
    // By signed-in users.
    ConfirmDevice {
        token: usize,
        device: usize,
    },
    SetStatus {
        token: usize,
        device: usize,
        remembered: bool,
    },
    ForgetDevice {
        token: usize,
        device: usize,
    },
    GetDevice {
        token: usize,
        device: usize,
    },
    ListDevices {
        token: usize,
    },
    GetUser {
        token: usize,
    },
    ChangePassword {
        token: usize,
        previous: u8,
        password: u8,
    },
    AssociateSoftwareToken {
        token: usize,
    },
    VerifySoftwareToken {
        token: usize,
        code: Code,
    },
    SetMfaPreference {
        token: usize,
        on: bool,
    },
    GlobalSignOut {
        token: usize,
    },
    // With a refresh token.
    Refresh {
        client: Client,
        token: usize,
        device: Option<usize>,
        by_flow: bool,
    },
    RevokeToken {
        client: Client,
        token: usize,
    },
}

/// The next operation after `model`. Only deleting operations makes a failure simpler: each says
/// itself what it is about.
pub(crate) fn next(model: &Model) -> BoxedStrategy<Operation> {
    let model = model.clone();
    any::<u64>()
        .no_shrink()
        .prop_map(move |seed| Chooser { model: &model, rng: StdRng::seed_from_u64(seed) }.choose())
        .boxed()
}

/// The settings that a pool begins with.
pub(crate) fn policy() -> BoxedStrategy<Policy> {
    any::<u64>().no_shrink().prop_map(|seed| a_policy(&mut StdRng::seed_from_u64(seed))).boxed()
}

fn a_policy(rng: &mut StdRng) -> Policy {
    let some_time = |rng: &mut StdRng| {
        let times = [None, None, Some(HOUR), Some(12 * HOUR), Some(2 * DAY)];
        *times.choose(rng).unwrap()
    };
    let tracking = Tracking { always: rng.random_bool(0.4), replaces_mfa: rng.random_bool(0.75) };
    Policy {
        tracking: rng.random_bool(0.9).then_some(tracking),
        mfa: *[Mfa::Off, Mfa::Optional, Mfa::Optional, Mfa::On, Mfa::On].choose(rng).unwrap(),
        mfa_every: some_time(rng),
        forget_after_idle: some_time(rng),
        max_devices: *[None, None, Some(1), Some(2), Some(3)].choose(rng).unwrap(),
        forget_oldest: rng.random_bool(0.5),
        new_password_signs_out: rng.random_bool(0.3),
    }
}

/// Whether everything that the operation names exists. Without the operations before it, it may
/// not.
pub(crate) fn is_possible(model: &Model, operation: &Operation) -> bool {
    use Operation as O;
    let is_device = |device: &usize| *device < model.devices.len();
    let may_be_device = |device: &Option<usize>| device.as_ref().is_none_or(is_device);
    let is_secret = |code: &Code| match code {
        Code::Wrong => true,
        Code::Of { secret, .. } => *secret < model.secrets,
    };
    let is_session = |session: &usize| *session < model.sessions.len();
    let is_access_token = |token: &usize| *token < model.access_tokens.len();
    match operation {
        O::Wait { .. }
        | O::SetPolicy(_)
        | O::Purge
        | O::CreateUser { .. }
        | O::DeleteUser { .. }
        | O::EnableUser { .. }
        | O::DisableUser { .. }
        | O::SetPassword { .. }
        | O::SignOutUser { .. }
        | O::DeleteSoftwareToken { .. }
        | O::AdminListDevices { .. } => true,
        O::AdminForgetDevice { device, .. } | O::AdminSetStatus { device, .. } => is_device(device),
        O::PasswordSignIn { device, .. } | O::StartSrp { device, .. } => may_be_device(device),
        O::AnswerSrp { exchange, device, .. } => {
            *exchange < model.exchanges.len() && may_be_device(device)
        }
        O::AnswerCode { session, code, device, .. } => {
            is_session(session) && is_secret(code) && may_be_device(device)
        }
        O::AnswerNewPassword { session, device, .. } | O::AnswerSetUp { session, device } => {
            is_session(session) && may_be_device(device)
        }
        O::AssociateInSession { session } => is_session(session),
        O::VerifyInSession { session, code } => is_session(session) && is_secret(code),
        O::StartDevice { session, device, .. } => {
            session.as_ref().is_none_or(is_session) && is_device(device)
        }
        O::AnswerDevice { exchange, device, .. } => {
            let exchange = model.exchanges.get(*exchange);
            exchange.is_some_and(|exchange| matches!(exchange.of, ExchangeOf::Device { .. }))
                && is_device(device)
        }
        O::ConfirmDevice { token, device }
        | O::SetStatus { token, device, .. }
        | O::ForgetDevice { token, device }
        | O::GetDevice { token, device } => is_access_token(token) && is_device(device),
        O::VerifySoftwareToken { token, code } => is_access_token(token) && is_secret(code),
        O::ListDevices { token }
        | O::GetUser { token }
        | O::ChangePassword { token, .. }
        | O::AssociateSoftwareToken { token }
        | O::SetMfaPreference { token, .. }
        | O::GlobalSignOut { token } => is_access_token(token),
        O::Refresh { token, device, .. } => {
            *token < model.refresh_tokens.len() && may_be_device(device)
        }
        O::RevokeToken { token, .. } => *token < model.refresh_tokens.len(),
    }
}

/// Chooses operations that lead somewhere, and now and then one that does not.
struct Chooser<'m> {
    model: &'m Model,
    rng: StdRng,
}

impl Chooser<'_> {
    fn choose(mut self) -> Operation {
        let chosen = match self.rng.random_range(0..100) {
            0..38 => self.answer(),
            38..64 => self.signed_in(),
            64..71 => self.with_refresh_token(),
            71..80 => Some(self.administrator()),
            80..85 => Some(self.wait()),
            85 => Some(Operation::Purge),
            86 => Some(Operation::SetPolicy(a_policy(&mut self.rng))),
            _ => None,
        };
        chosen.unwrap_or_else(|| self.start())
    }

    /// Whether the users of this pool make mistakes half of the time, which locks them out.
    fn is_careless(&self) -> bool {
        self.model.seed.is_multiple_of(8)
    }

    fn often(&mut self) -> bool {
        self.rng.random_bool(if self.is_careless() { 0.5 } else { 0.9 })
    }

    fn seldom(&mut self) -> bool {
        !self.often()
    }

    /// One of `length` things: mostly one of the last that are good, seldom any.
    fn recent(&mut self, length: usize, is_good: impl Fn(usize) -> bool) -> Option<usize> {
        if self.often() {
            let good: Vec<usize> = (0..length).rev().filter(|at| is_good(*at)).take(3).collect();
            if let Some(chosen) = good.choose(&mut self.rng) {
                return Some(*chosen);
            }
        }
        (length > 0).then(|| self.rng.random_range(0..length))
    }

    fn user(&mut self) -> usize {
        usize::from(self.rng.random_bool(0.25)).min(NAMES.len() - 1)
    }

    fn client(&mut self) -> Client {
        if self.rng.random_bool(0.6) { Client::Plain } else { Client::Rotating }
    }

    fn from(&mut self) -> Address {
        if self.often() { Address::Home } else { Address::Elsewhere }
    }

    fn any_password(&mut self) -> u8 {
        self.rng.random_range(0..3)
    }

    /// Mostly the user's password.
    fn password(&mut self, user: usize) -> u8 {
        match &self.model.users[user] {
            Some(user) if self.often() => user.password.text,
            _ => self.any_password(),
        }
    }

    /// Mostly a confirmed device of this user, seldom any.
    fn device(&mut self, user: usize) -> Option<usize> {
        let model = self.model;
        self.recent(model.devices.len(), |device| model.has_device(user, device))
    }

    /// The device that a user's client presents, if it does.
    fn presented(&mut self, user: usize) -> Option<usize> {
        let device = self.device(user).filter(|device| self.model.has_device(user, *device));
        match self.rng.random_range(0..20) {
            0..14 => device,
            14 => self.device(user),
            _ => None,
        }
    }

    /// Mostly a code of this secret that was not used yet.
    fn code(&mut self, secret: Option<usize>, used_up_to: Option<i64>) -> Code {
        let Some(secret) = secret else { return Code::Wrong };
        let now = Code::Of { secret, steps_away: 0 };
        let is_used = used_up_to.is_some_and(|step| step >= self.model.step(now));
        match self.rng.random_range(0..20) {
            0 => Code::Wrong,
            1 => Code::Of { secret, steps_away: self.rng.random_range(-2..=2) },
            2 => Code::Of { secret: self.rng.random_range(0..self.model.secrets), steps_away: 0 },
            _ => Code::Of { secret, steps_away: i64::from(is_used) },
        }
    }

    fn code_of_user(&mut self, user: usize) -> Code {
        let token = self.model.users[user].as_ref().and_then(|user| user.token);
        self.code(token.map(|token| token.secret), token.map(|token| token.last_step))
    }

    fn start(&mut self) -> Operation {
        let (client, user) = (self.client(), self.user());
        if self.rng.random_bool(0.5) {
            let (password, device) = (self.password(user), self.presented(user));
            Operation::PasswordSignIn { client, user, password, device, from: self.from() }
        } else {
            let device = if self.seldom() { self.device(user) } else { None };
            Operation::StartSrp { client, user, device }
        }
    }

    /// Answers a challenge, which may be old or answered already.
    fn answer(&mut self) -> Option<Operation> {
        let model = self.model;
        if self.rng.random_bool(0.4) {
            let length = model.exchanges.len();
            let exchange = self.recent(length, |exchange| model.open_exchange(exchange).is_ok())?;
            return Some(self.prove(exchange));
        }
        let length = model.sessions.len();
        let session = self.recent(length, |session| model.open_session(session).is_ok())?;
        let of = &model.sessions[session];
        let (user, device) = (of.progress.user, of.progress.device);
        let mut stage = of.stage;
        if self.seldom() {
            // An answer to another challenge.
            let stages = [Stage::NewPassword, Stage::Code, Stage::SetUp, Stage::SetUpDone];
            stage = *stages.choose(&mut self.rng).unwrap();
        }
        Some(match stage {
            Stage::NewPassword => {
                let (password, device) = (self.any_password(), self.presented(user));
                Operation::AnswerNewPassword { session, password, device }
            }
            Stage::Code => {
                let (code, device) = (self.code_of_user(user), self.presented(user));
                Operation::AnswerCode { session, code, device, from: self.from() }
            }
            Stage::SetUp => Operation::AssociateInSession { session },
            Stage::SecretShown(secret) => {
                Operation::VerifyInSession { session, code: self.code(Some(secret), None) }
            }
            Stage::SetUpDone => Operation::AnswerSetUp { session, device: self.presented(user) },
            Stage::Device => {
                let session = self.rng.random_bool(0.6).then_some(session);
                let client = if self.often() { of.client } else { self.client() };
                let user = if self.often() { user } else { self.user() };
                let device = if self.often() { device } else { self.device(user) }?;
                Operation::StartDevice { client, user, session, device, from: self.from() }
            }
            Stage::DeviceProof(exchange) => self.prove(exchange),
        })
    }

    fn prove(&mut self, exchange: usize) -> Operation {
        match &self.model.exchanges[exchange].of {
            ExchangeOf::Password { user, .. } => {
                let (password, device) = (self.password(*user), self.presented(*user));
                Operation::AnswerSrp { exchange, password, device, from: self.from() }
            }
            ExchangeOf::Device { progress, .. } => {
                let other = if self.seldom() { self.device(progress.user) } else { None };
                let device = other.or(progress.device).unwrap_or_default();
                let (is_right, with_session) = (self.often(), self.rng.random_bool(0.5));
                let from = self.from();
                Operation::AnswerDevice { exchange, device, is_right, with_session, from }
            }
        }
    }

    /// What a user with an access token does.
    fn signed_in(&mut self) -> Option<Operation> {
        let model = self.model;
        let token = self.recent(model.access_tokens.len(), |token| model.caller(token).is_ok())?;
        let grant = &self.model.grants[self.model.access_tokens[token].grant];
        let name = grant.owner.0;
        if self.is_careless() && self.rng.random_bool(0.5) {
            let (previous, password) = (self.any_password(), self.any_password());
            return Some(Operation::ChangePassword { token, previous, password });
        }
        let remembered = self.rng.random_bool(0.75);
        let device = if self.often() { grant.device } else { self.device(name) };
        Some(match self.rng.random_range(0..100) {
            0..28 => Operation::ConfirmDevice { token, device: device? },
            28..42 => Operation::SetStatus { token, device: device?, remembered },
            42..46 => Operation::ForgetDevice { token, device: device? },
            46..52 => Operation::GetDevice { token, device: device? },
            52..62 => Operation::ListDevices { token },
            62..69 => Operation::GetUser { token },
            69..73 => {
                let (previous, password) = (self.password(name), self.any_password());
                Operation::ChangePassword { token, previous, password }
            }
            73..98 => self.software_token(token, name),
            _ => Operation::GlobalSignOut { token },
        })
    }

    /// The next step to a software token, or away from it.
    fn software_token(&mut self, token: usize, name: usize) -> Operation {
        let user = self.model.users[name].as_ref();
        let pending = user.and_then(|user| user.pending_secret);
        let is_due = user.is_some_and(|user| user.token.is_some() && !user.mfa_enabled);
        match self.rng.random_range(0..10) {
            0 => Operation::AssociateSoftwareToken { token },
            1 => Operation::VerifySoftwareToken { token, code: self.code(pending, None) },
            2 => Operation::SetMfaPreference { token, on: self.rng.random_bool(0.7) },
            _ if pending.is_some() => {
                Operation::VerifySoftwareToken { token, code: self.code(pending, None) }
            }
            _ if is_due => Operation::SetMfaPreference { token, on: true },
            _ if user.is_some_and(|user| user.token.is_none()) => {
                Operation::AssociateSoftwareToken { token }
            }
            _ => Operation::GetUser { token },
        }
    }

    fn with_refresh_token(&mut self) -> Option<Operation> {
        let model = self.model;
        let token = self.recent(model.refresh_tokens.len(), |token| model.is_valid(token))?;
        let grant = &self.model.grants[self.model.refresh_tokens[token].grant];
        let client = if self.often() { grant.client } else { self.client() };
        if self.seldom() {
            return Some(Operation::RevokeToken { client, token });
        }
        let device = if self.often() { grant.device } else { self.device(grant.owner.0) };
        let by_flow = self.rng.random_bool(if client == Client::Plain { 0.5 } else { 0.1 });
        Some(Operation::Refresh { client, token, device, by_flow })
    }

    fn administrator(&mut self) -> Operation {
        let user = self.user();
        match &self.model.users[user] {
            None if self.rng.random_bool(0.5) => {
                return Operation::CreateUser { user, password: self.any_password() };
            }
            Some(known) if !known.enabled && self.rng.random_bool(0.5) => {
                return Operation::EnableUser { user };
            }
            _ => {}
        }
        let (device, remembered) = (self.device(user), self.rng.random_bool(0.7));
        match (self.rng.random_range(0..100), device) {
            (0..30, Some(device)) => Operation::AdminSetStatus { user, device, remembered },
            (30..40, Some(device)) => Operation::AdminForgetDevice { user, device },
            (40..55, _) => {
                let (password, temporary) = (self.any_password(), self.rng.random_bool(0.3));
                Operation::SetPassword { user, password, temporary }
            }
            (55..58, _) => Operation::DisableUser { user },
            (58..61, _) => Operation::EnableUser { user },
            (61..65, _) => Operation::SignOutUser { user },
            (65..67, _) => Operation::DeleteSoftwareToken { user },
            (67..70, _) => Operation::DeleteUser { user },
            (70..73, _) => Operation::CreateUser { user, password: self.any_password() },
            _ => Operation::AdminListDevices { user },
        }
    }

    fn wait(&mut self) -> Operation {
        const SHORT: [i64; 6] =
            [SECOND, 4 * SECOND, 9 * SECOND, 11 * SECOND, 30 * SECOND, 61 * SECOND];
        const LONG: [i64; 7] =
            [2 * MINUTE, 4 * MINUTE, 16 * MINUTE, HOUR, 13 * HOUR, 25 * HOUR, 8 * DAY];
        let times = if self.rng.random_bool(0.8) { &SHORT[..] } else { &LONG[..] };
        Operation::Wait { millis: *times.choose(&mut self.rng).unwrap() }
    }
}
