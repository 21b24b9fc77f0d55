//! A sign-in: the password, then what the device rules ask for, then tokens.

use super::lockout::Kind;
use super::{
    Address, Answer, Client, Code, Device, MINUTE, Mfa, Model, Refusal, SECOND, SoftwareToken,
    TEMPORARY_PASSWORD_LIFE, User,
};

/// How long a client may take to answer.
const SESSION_LIFE: i64 = 3 * MINUTE;
/// How long a device may go on without the session, from the address that proved the password.
const WITHOUT_SESSION: i64 = 10 * SECOND;

/// What the client must answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// The last exchange.
    PasswordVerifier,
    /// The last exchange, which is for a device.
    DevicePasswordVerifier,
    /// The last session, at this stage.
    Session(Stage),
}

impl Challenge {
    /// The number of different challenges: the two exchanges, and the stages before a device's.
    pub(crate) const COUNT: usize = 8;
}

/// What a session waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    NewPassword,
    Code,
    /// The user must set up a second factor: the secret is to be shown, was shown, was verified.
    SetUp,
    SecretShown(usize),
    SetUpDone,
    /// The device begins its proof.
    Device,
    /// The device gives its proof in this exchange.
    DeviceProof(usize),
}

/// How far a sign-in has come.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub(crate) user: usize,
    /// What must not have changed since: the user's id, password and number of sign-outs.
    id: usize,
    password_set_at: i64,
    sign_outs: usize,
    pub(crate) device: Option<usize>,
    passed_mfa: bool,
    device_proven: bool,
}

impl Progress {
    /// Whether `user` began this sign-in and nothing has ended it since.
    fn is_of(&self, user: &User) -> bool {
        self.id == user.id
            && self.password_set_at == user.password.set_at
            && self.sign_outs == user.sign_outs
    }
}

/// A session, which is good for one answer.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    expires_at: i64,
    is_used: bool,
    pub(crate) stage: Stage,
    pub(crate) progress: Progress,
}

/// An SRP exchange, which is good for one proof.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) client: Client,
    expires_at: i64,
    is_used: bool,
    pub(crate) of: ExchangeOf,
}

#[derive(Clone, Debug)]
pub(crate) enum ExchangeOf {
    Password {
        user: usize,
        /// The password to prove: of which user, and set when. `None` for an unknown user.
        password: Option<(usize, i64)>,
        device: Option<usize>,
    },
    /// A device's proof, which uses up the session that it began with, and the one to send with it.
    Device { progress: Progress, began: usize, session: usize },
}

/// A device may begin its proof without the session.
#[derive(Clone, Debug)]
pub(super) struct FirstFactor {
    session: usize,
    from: Address,
    pub(super) expires_at: i64,
}

impl Model {
    pub(super) fn sign_in_by_password(
        &mut self,
        client: Client,
        user: usize,
        password: u8,
        device: Option<usize>,
        from: Address,
    ) -> Result<Answer, Refusal> {
        self.check_exists(client, user)?;
        let counted = self.permit(Kind::Password, user, device, from)?;
        let is_right = self.users[user].as_ref().is_some_and(|user| user.password.text == password);
        if !is_right {
            return Err(self.fail(counted, from, Refusal::Incorrect));
        }
        let progress = self.password_proven(user, None, device)?;
        self.succeed(counted);
        Ok(self.go_on(client, progress, from))
    }

    /// Begins a proof of the password. It ends like that of a wrong one if there is no such user
    /// and the client hides it.
    pub(super) fn start_srp(
        &mut self,
        client: Client,
        user: usize,
        device: Option<usize>,
    ) -> Result<Answer, Refusal> {
        self.check_exists(client, user)?;
        let password = self.users[user].as_ref().map(|user| (user.id, user.password.set_at));
        self.start_exchange(client, ExchangeOf::Password { user, password, device });
        Ok(Answer::Challenge(Challenge::PasswordVerifier))
    }

    pub(super) fn answer_srp(
        &mut self,
        exchange: usize,
        text: u8,
        device: Option<usize>,
        from: Address,
    ) -> Result<Answer, Refusal> {
        let Exchange { client, of, .. } = self.open_exchange(exchange)?;
        let ExchangeOf::Password { user, password: begun_with, device: offered } = of else {
            return Err(Refusal::InvalidSession);
        };
        self.check_exists(client, user)?;
        let counted = self.permit(Kind::Password, user, device.or(offered), from)?;
        let is_right = self.users[user].as_ref().is_some_and(|user| {
            begun_with == Some((user.id, user.password.set_at)) && user.password.text == text
        });
        if !is_right {
            return Err(self.fail(counted, from, Refusal::Incorrect));
        }
        let progress = self.password_proven(user, offered, device)?;
        self.succeed(counted);
        self.exchanges[exchange].is_used = true;
        Ok(self.go_on(client, progress, from))
    }

    /// The sign-in of a user whose password was proven.
    ///
    /// An unknown device that came with the start is ignored; one that comes with the answer is
    /// refused, and the client repeats the answer without it.
    fn password_proven(
        &self,
        name: usize,
        offered: Option<usize>,
        presented: Option<usize>,
    ) -> Result<Progress, Refusal> {
        let user = self.user(name)?;
        if !user.enabled {
            return Err(Refusal::Disabled);
        }
        if user.password.temporary && self.now - user.password.set_at > TEMPORARY_PASSWORD_LIFE {
            return Err(Refusal::TemporaryPasswordExpired);
        }
        let progress = Progress {
            user: name,
            id: user.id,
            password_set_at: user.password.set_at,
            sign_outs: user.sign_outs,
            device: offered,
            passed_mfa: false,
            device_proven: false,
        };
        self.present(progress, presented)
    }

    /// Takes the device that an answer presents. If the pool tracks none, it is ignored.
    fn present(&self, progress: Progress, device: Option<usize>) -> Result<Progress, Refusal> {
        let Some(device) = device.filter(|_| self.policy.tracking.is_some()) else {
            return Ok(progress);
        };
        self.device(progress.user, device)?;
        // A proof is of one device.
        let device_proven = progress.device_proven && progress.device == Some(device);
        Ok(Progress { device: Some(device), device_proven, ..progress })
    }

    /// What comes next in a sign-in: the rules of devices and second factors.
    fn go_on(&mut self, client: Client, mut progress: Progress, from: Address) -> Answer {
        let tracking = self.policy.tracking;
        let user = self.users[progress.user].clone().unwrap();
        progress.device = progress
            .device
            .filter(|device| tracking.is_some() && self.has_device(progress.user, *device));
        if user.password.temporary {
            return self.ask(client, Stage::NewPassword, progress);
        }
        let present = progress.device.and_then(|device| self.devices[device].confirmed());
        let remembered = present.filter(|device| device.remembered);
        // A device replaces the second factor only if it was present at one, not too long ago.
        let replaces_mfa = tracking.is_some_and(|tracking| tracking.replaces_mfa)
            && remembered.and_then(|device| device.last_mfa).is_some_and(|last_mfa| {
                self.policy.mfa_every.is_none_or(|every| self.now - last_mfa <= every)
            });
        if self.is_mfa_due(&user) && !progress.passed_mfa && !replaces_mfa {
            let has_one = user.has_second_factor(self.policy.mfa);
            return self.ask(client, if has_one { Stage::Code } else { Stage::SetUp }, progress);
        }
        // A remembered device always proves itself, and does so last.
        if let (Some(_), Some(device), false) =
            (remembered, progress.device, progress.device_proven)
        {
            let key = (client, progress.user, device);
            let answer = self.ask(client, Stage::Device, progress);
            let session = self.sessions.len() - 1;
            let expires_at = self.now + WITHOUT_SESSION;
            self.first_factors.insert(key, FirstFactor { session, from, expires_at });
            return answer;
        }
        self.finish(client, &user, &progress)
    }

    /// Tokens, and a key for a device that has none, if the pool tracks devices.
    fn finish(&mut self, client: Client, user: &User, progress: &Progress) -> Answer {
        let is_new_device = self.policy.tracking.is_some() && progress.device.is_none();
        let device = if is_new_device {
            self.devices.push(Device::issue(user.id, self.now, progress.passed_mfa));
            Some(self.devices.len() - 1)
        } else {
            progress.device
        };
        let now = self.now;
        if let Some(device) = progress.device.and_then(|at| self.devices[at].confirmed_mut()) {
            device.last_authenticated = now;
            if progress.passed_mfa {
                device.last_mfa = Some(now);
            }
        }
        let mut proofs = vec!["pwd"];
        proofs.extend(progress.passed_mfa.then_some("otp"));
        proofs.extend(progress.device_proven.then_some("dev"));
        let owner = (progress.user, user.id);
        self.issue_tokens(client, owner, user.sign_outs, device, proofs.clone());
        Answer::Tokens { device, is_new_device, proofs, has_refresh_token: true }
    }

    pub(super) fn answer_code(
        &mut self,
        session: usize,
        code: Code,
        device: Option<usize>,
        from: Address,
    ) -> Result<Answer, Refusal> {
        let Session { client, stage, progress, .. } = self.open_session(session)?;
        if stage != Stage::Code {
            return Err(Refusal::InvalidSession);
        }
        let user = self.user_of(&progress)?;
        // A factor that was switched off since no longer counts.
        let token = user.token.filter(|_| user.has_second_factor(self.policy.mfa));
        let SoftwareToken { secret, last_step } = token.ok_or(Refusal::InvalidSession)?;
        let counted = self.permit(Kind::Code, progress.user, progress.device, from)?;
        let Some(step) = self.matching_step(secret, code) else {
            return Err(self.fail(counted, from, Refusal::CodeWrong));
        };
        if step <= last_step {
            return Err(self.fail(counted, from, Refusal::CodeUsed));
        }
        let progress = self.present(progress, device)?;
        self.succeed(counted);
        self.user_mut(progress.user).token = Some(SoftwareToken { secret, last_step: step });
        self.sessions[session].is_used = true;
        Ok(self.go_on(client, Progress { passed_mfa: true, ..progress }, from))
    }

    pub(super) fn answer_new_password(
        &mut self,
        session: usize,
        text: u8,
        device: Option<usize>,
    ) -> Result<Answer, Refusal> {
        let Session { client, stage, progress, .. } = self.open_session(session)?;
        let current = self.user_of(&progress)?.password;
        if stage != Stage::NewPassword {
            return Err(Refusal::InvalidSession);
        }
        let progress = self.present(progress, device)?;
        if text == current.text {
            return Err(Refusal::PasswordUsedBefore);
        }
        let now = self.now;
        let password = super::Password { text, set_at: now, temporary: false };
        self.user_mut(progress.user).password = password;
        self.sessions[session].is_used = true;
        let progress = Progress { password_set_at: now, ..progress };
        Ok(self.go_on(client, progress, Address::Home))
    }

    /// Shows the secret of a software token to a user who must set one up.
    pub(super) fn associate_in_session(&mut self, session: usize) -> Result<Answer, Refusal> {
        let Session { client, progress, .. } = self.open_set_up(session)?;
        self.sessions[session].is_used = true;
        let secret = self.new_secret();
        Ok(self.ask(client, Stage::SecretShown(secret), progress))
    }

    pub(super) fn verify_in_session(
        &mut self,
        session: usize,
        code: Code,
    ) -> Result<Answer, Refusal> {
        let Session { client, stage, progress, .. } = self.open_set_up(session)?;
        let Stage::SecretShown(secret) = stage else { return Err(Refusal::InvalidSession) };
        self.enrol(progress.user, secret, code)?;
        self.user_mut(progress.user).mfa_enabled = true;
        self.sessions[session].is_used = true;
        Ok(self.ask(client, Stage::SetUpDone, progress))
    }

    /// A session that may set up a software token: only for a user who has none, since someone who
    /// knows the password alone must not replace it.
    fn open_set_up(&self, session: usize) -> Result<Session, Refusal> {
        let opened = self.open_session(session)?;
        if !matches!(opened.stage, Stage::SetUp | Stage::SecretShown(_) | Stage::SetUpDone) {
            return Err(Refusal::InvalidSession);
        }
        self.check_software_tokens()?;
        let user = self.user_of(&opened.progress)?;
        if user.token.is_some() {
            return Err(Refusal::InvalidSession);
        }
        Ok(opened)
    }

    /// Goes on with the session of a verified software token, which counts as a second factor.
    pub(super) fn answer_set_up(
        &mut self,
        session: usize,
        device: Option<usize>,
    ) -> Result<Answer, Refusal> {
        let Session { client, stage, progress, .. } = self.open_session(session)?;
        let has_token = self.user_of(&progress)?.token.is_some();
        let progress = self.present(progress, device)?;
        if stage != Stage::SetUpDone || !has_token {
            return Err(Refusal::InvalidSession);
        }
        self.sessions[session].is_used = true;
        Ok(self.go_on(client, Progress { passed_mfa: true, ..progress }, Address::Home))
    }

    /// Begins a device's proof, with the session or without it.
    pub(super) fn start_device(
        &mut self,
        client: Client,
        user: usize,
        session: Option<usize>,
        device: usize,
        from: Address,
    ) -> Result<Answer, Refusal> {
        // Browsers send the session of the code, which is used up, so it counts as none.
        let is_of_passed_code = |session: &usize| {
            let Session { stage, is_used, client: of, .. } = &self.sessions[*session];
            let is_of_mfa = matches!(
                stage,
                Stage::Code | Stage::SetUp | Stage::SecretShown(_) | Stage::SetUpDone
            );
            *of == client && is_of_mfa && *is_used
        };
        let began = match session.filter(|session| !is_of_passed_code(session)) {
            Some(session) => session,
            None => self.session_of_first_factor(client, user, device, from)?,
        };
        if self.sessions[began].client != client {
            return Err(Refusal::InvalidSession);
        }
        let Session { stage, progress, .. } = self.open_session(began)?;
        if progress.user != user {
            return Err(Refusal::InvalidSession);
        }
        self.user_of(&progress)?;
        self.device(user, device)?;
        if stage != Stage::Device || progress.device != Some(device) {
            return Err(Refusal::InvalidSession);
        }
        let exchange = self.exchanges.len();
        self.ask(client, Stage::DeviceProof(exchange), progress.clone());
        let session = self.sessions.len() - 1;
        self.start_exchange(client, ExchangeOf::Device { progress, began, session });
        Ok(Answer::Challenge(Challenge::DevicePasswordVerifier))
    }

    /// The session for an answer that brings none.
    fn session_of_first_factor(
        &self,
        client: Client,
        user: usize,
        device: usize,
        from: Address,
    ) -> Result<usize, Refusal> {
        self.check_exists(client, user)?;
        let first_factor =
            self.first_factors.get(&(client, user, device)).ok_or(Refusal::InvalidSession)?;
        if self.now >= first_factor.expires_at {
            return Err(Refusal::ExpiredSession);
        }
        // A thief of the device may be waiting for its owner to sign in.
        if from != first_factor.from {
            return Err(Refusal::InvalidSession);
        }
        Ok(first_factor.session)
    }

    pub(super) fn answer_device(
        &mut self,
        exchange: usize,
        device: usize,
        is_right: bool,
        with_session: bool,
        from: Address,
    ) -> Result<Answer, Refusal> {
        let Exchange { client, of, .. } = self.open_exchange(exchange)?;
        let ExchangeOf::Device { progress, began, session } = of else {
            return Err(Refusal::InvalidSession);
        };
        if with_session {
            self.open_session(session)?;
        }
        self.user_of(&progress)?;
        self.device(progress.user, device)?;
        if progress.device != Some(device) {
            return Err(Refusal::InvalidSession);
        }
        let counted = self.permit(Kind::DeviceProof, progress.user, Some(device), from)?;
        if !is_right {
            return Err(self.fail(counted, from, Refusal::Incorrect));
        }
        if self.sessions[began].is_used {
            return Err(Refusal::UsedSession);
        }
        self.succeed(counted);
        self.exchanges[exchange].is_used = true;
        self.sessions[began].is_used = true;
        self.first_factors.remove(&(client, progress.user, device));
        Ok(self.go_on(client, Progress { device_proven: true, ..progress }, from))
    }

    /// Tells that a user does not exist, unless the client hides it.
    fn check_exists(&self, client: Client, user: usize) -> Result<(), Refusal> {
        match client {
            Client::Plain => self.user(user).map(drop),
            Client::Rotating => Ok(()),
        }
    }

    fn ask(&mut self, client: Client, stage: Stage, progress: Progress) -> Answer {
        let expires_at = self.now + SESSION_LIFE;
        self.sessions.push(Session { client, expires_at, is_used: false, stage, progress });
        Answer::Challenge(Challenge::Session(stage))
    }

    /// A session that is neither used nor too old.
    pub(crate) fn open_session(&self, session: usize) -> Result<Session, Refusal> {
        let session = self.sessions[session].clone();
        if self.now >= session.expires_at {
            return Err(Refusal::ExpiredSession);
        }
        if session.is_used {
            return Err(Refusal::UsedSession);
        }
        Ok(session)
    }

    fn start_exchange(&mut self, client: Client, of: ExchangeOf) {
        let expires_at = self.now + SESSION_LIFE;
        self.exchanges.push(Exchange { client, expires_at, is_used: false, of });
    }

    pub(crate) fn open_exchange(&self, exchange: usize) -> Result<Exchange, Refusal> {
        let exchange = self.exchanges[exchange].clone();
        if self.now >= exchange.expires_at {
            return Err(Refusal::ExpiredSession);
        }
        if exchange.is_used {
            return Err(Refusal::UsedSession);
        }
        Ok(exchange)
    }

    /// The user of a sign-in, if nothing has ended it: a new password, a sign-out, a deletion.
    fn user_of(&self, progress: &Progress) -> Result<&User, Refusal> {
        let user = self.users[progress.user].as_ref().ok_or(Refusal::InvalidSession)?;
        if progress.id == user.id && !user.enabled {
            return Err(Refusal::Disabled);
        }
        if progress.is_of(user) { Ok(user) } else { Err(Refusal::InvalidSession) }
    }

    /// Whether a second factor was due at a sign-in of this user, for the checks of the driver.
    pub(crate) fn is_second_factor_due(&self, user: usize) -> bool {
        self.policy.mfa != Mfa::Off && self.users[user].as_ref().is_some_and(|u| self.is_mfa_due(u))
    }
}
