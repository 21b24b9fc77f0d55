//! What a sign-in has established so far. It travels sealed in the `Session`; the server keeps only
//! what was used up.

use std::collections::BTreeMap;

use device_wire::{ErrorCode, Sensitive, param};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::context::Context;
use crate::device;
use crate::device::Device;
use crate::error::ServiceError;
use crate::event::Trail;
use crate::factor::Factor;
use crate::message::Medium;
use crate::parameters::Parameters;
use crate::pool::{DevicePolicy, Pool, PoolKeys};
use crate::seal::Purpose;
use crate::sign_in::Parties;
use crate::sign_in::custom::ChallengeResult;
use crate::store::Table;
use crate::subject::Subject;
use crate::transaction::Entity;
use crate::user::User;

/// The longest session that the model lets a client send back, in characters.
const LONGEST_SESSION: usize = 2048;

/// How far a sign-in has come.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) username: String,
    /// When the user's password had been set. A sign-in under way ends when the password is
    /// changed. As wide for a stand-in as for a user: a session's length shows what is in it.
    password_set_at: String,
    /// Whether it was proven in this sign-in. Devices play a part only where it was.
    pub(crate) password_proven: bool,
    pub(crate) device_key: Option<String>,
    /// The steps of a custom flow so far, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom: Option<Vec<ChallengeResult>>,
    pub(crate) mfa_passed: bool,
    pub(crate) device_proven: bool,
    pub(crate) trail: Trail,
}

/// What a session waits for.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stage {
    NewPassword,
    /// The first factor has to be chosen, or the password to be given.
    FirstFactor,
    /// A code that was sent has to be given as the first factor.
    OneTimePassword(Medium),
    /// The sign-in has only to be started: the code that confirmed the sign-up was the first
    /// factor. Nothing else tells this user without a password from another who took the name
    /// since.
    SignedUp {
        sub: String,
        medium: Medium,
    },
    /// The operator's challenge has to be met; these are the parameters that only the operator's
    /// hook may see.
    Custom(Sensitive<BTreeMap<String, String>>),
    /// A code of this factor has to be given.
    SecondFactor(Factor),
    /// The user has to choose a second factor.
    SelectFactor,
    /// The user has to set up a second factor.
    MfaSetup(Setup),
    /// The device has to present itself.
    DeviceSrp,
    /// The device has to prove itself in the exchange of this id.
    DeviceProof(String),
}

/// How far the set-up of a second factor is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Setup {
    Due,
    /// The secret of a software token was shown.
    SecretShown(Sensitive<String>),
    /// A software token was verified.
    Verified,
    /// A code was sent to this e-mail address, which the user does not have yet.
    EmailSent(Sensitive<String>),
}

/// The content of a `Session`.
#[derive(Serialize, Deserialize)]
struct SessionState {
    id: String,
    expires_at: i64,
    stage: Stage,
    progress: Progress,
}

/// A session as it came back, found genuine and in time, and not used up yet.
pub(crate) struct OpenSession {
    id: String,
    expires_at: i64,
    pub(crate) stage: Stage,
    pub(crate) progress: Progress,
}

/// A session or secret block that was used up.
#[derive(Serialize, Deserialize)]
pub(crate) struct Spent {
    pub(crate) id: String,
    pub(crate) expires_at: i64,
}

impl Entity for Spent {
    const TABLE: Table = Table::Spent;

    fn id(&self) -> String {
        self.id.clone()
    }

    fn expires_at(&self) -> Option<i64> {
        Some(self.expires_at)
    }
}

impl Spent {
    /// Refuses what was used up.
    pub(crate) fn refuse(cx: &mut Context<'_, '_>, id: &str) -> Result<(), ServiceError> {
        match cx.tx.find::<Self>(id)? {
            None => Ok(()),
            Some(_) => Err(ServiceError::not_authorized(
                "Invalid session for the user, session can only be used once.",
            )),
        }
    }

    /// Uses up what has this id; it can be done once.
    pub(crate) fn mark(
        cx: &mut Context<'_, '_>,
        id: &str,
        expires_at: i64,
    ) -> Result<(), ServiceError> {
        Self::refuse(cx, id)?;
        cx.tx.put(&Self { id: id.to_owned(), expires_at })
    }
}

pub(crate) fn invalid_session() -> ServiceError {
    ServiceError::not_authorized("Invalid session for the user.")
}

pub(crate) fn expired_session() -> ServiceError {
    ServiceError::not_authorized("Invalid session for the user, session is expired.")
}

impl Progress {
    /// A sign-in that begins, of which nothing is proven, and which presented `device_key` with its
    /// start.
    pub(crate) fn start(
        cx: &mut Context<'_, '_>,
        username: &str,
        user: Option<&User>,
        device_key: Option<String>,
    ) -> Self {
        Self {
            username: username.to_owned(),
            password_set_at: moment(user.and_then(User::password_set_at)),
            password_proven: false,
            device_key,
            custom: None,
            mfa_passed: false,
            device_proven: false,
            trail: Trail::start(cx),
        }
    }

    /// Whether this is a sign-in of `subject`, by the password that there was at its start.
    pub(crate) fn is_about(&self, subject: &Subject) -> bool {
        match subject.user.as_deref() {
            Some(user) => self.is_of(user),
            None => self.username == subject.username && self.password_set_at == moment(None),
        }
    }

    /// What devices are to this sign-in: nothing, where no password was proven.
    pub(crate) fn device_policy(&self, pool: &Pool) -> DevicePolicy {
        if self.password_proven { pool.device_policy() } else { DevicePolicy::Off }
    }

    /// Whether this is a sign-in of `user`, by the password that the user still has, and not of
    /// somebody who had the name before.
    pub(crate) fn is_of(&self, user: &User) -> bool {
        self.username == user.username
            && self.password_set_at == moment(user.password_set_at())
            && self.trail.started >= user.created
    }

    /// Goes on after a second factor was passed.
    pub(crate) fn pass_mfa(&mut self, reason: impl Into<String>) {
        self.mfa_passed = true;
        self.trail.mfa = Some(true);
        self.trail.note(reason);
    }

    /// Goes on after `user` has set a new password in this sign-in.
    pub(crate) fn password_changed(&mut self, user: &User) {
        self.password_set_at = moment(user.password_set_at());
        self.trail.note("New password set");
    }

    /// A new session that waits for `stage`.
    pub(crate) fn session(
        &self,
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &Client,
        stage: Stage,
    ) -> Result<String, ServiceError> {
        let state = SessionState {
            id: cx.uuid().to_string(),
            expires_at: cx.now().saturating_add(client.session_millis()),
            stage,
            progress: self.clone(),
        };
        let salt = cx.random();
        let sealed = keys.sealing().seal(Purpose::Session, &client.id, salt, &state)?;
        let session = format!("{}.{sealed}", client.id);
        // Only an operator's own parameters can make one so long.
        if session.len() > LONGEST_SESSION {
            return Err(ServiceError::new(
                ErrorCode::InvalidLambdaResponse,
                "The challenge's parameters are too long for a session",
            ));
        }
        Ok(session)
    }

    /// Takes up the device that this answer presents. One that the user does not have is refused
    /// here, and nothing is used up by the refusal: clients repeat the same answer without the key.
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
        if Device::find(cx, user, key)?.is_none() {
            return Err(device::does_not_exist());
        }
        if self.device_key.as_deref() != Some(key) {
            // What was proven was another device.
            self.device_proven = false;
            self.device_key = Some(key.to_owned());
        }
        Ok(())
    }
}

/// Sixteen digits, whatever the moment, and where there is none.
fn moment(set_at: Option<i64>) -> String {
    format!("{:016x}", set_at.unwrap_or(i64::MIN))
}

impl OpenSession {
    /// The client that a session names. `AssociateSoftwareToken` has no other way to know it.
    pub(crate) fn client_id(session: &str) -> Option<&str> {
        session.split_once('.').map(|(client_id, _)| client_id)
    }

    /// What a session says, if it is genuine. It may have expired or been used up.
    fn unseal(keys: &PoolKeys, client: &Client, session: &str) -> Option<SessionState> {
        let (client_id, sealed) = session.split_once('.')?;
        if client_id != client.id {
            return None;
        }
        keys.sealing().open(Purpose::Session, &client.id, sealed)
    }

    /// Whether this is the session of a second factor that was passed.
    pub(crate) fn is_of_passed_mfa(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &Client,
        session: &str,
    ) -> Result<bool, ServiceError> {
        let of_mfa = |stage: &Stage| matches!(stage, Stage::SecondFactor(_) | Stage::MfaSetup(_));
        let state = Self::unseal(keys, client, session).filter(|state| of_mfa(&state.stage));
        state.map_or(Ok(false), |state| Ok(cx.tx.find::<Spent>(&state.id)?.is_some()))
    }

    /// Opens the session of an answer.
    pub(crate) fn open(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &Client,
        session: Option<&str>,
    ) -> Result<Self, ServiceError> {
        let SessionState { id, expires_at, stage, progress } = session
            .and_then(|session| Self::unseal(keys, client, session))
            .ok_or_else(invalid_session)?;
        if cx.now() >= expires_at {
            return Err(expired_session());
        }
        Spent::refuse(cx, &id)?;
        Ok(Self { id, expires_at, stage, progress })
    }

    /// Opens it, and finds the user whom it is about and whom the answer names.
    pub(crate) fn open_for(
        cx: &mut Context<'_, '_>,
        pool: Pool,
        client: Client,
        session: Option<&str>,
        answers: &Parameters,
    ) -> Result<(Self, Parties), ServiceError> {
        let keys = PoolKeys::load(cx, &pool.id)?;
        let opened = Self::open(cx, &keys, &client, session)?;
        let parties = opened.parties(cx, pool, keys, client, answers)?;
        Ok((opened, parties))
    }

    /// Finds the user whom it is about and whom the answer names.
    pub(crate) fn parties(
        &self,
        cx: &mut Context<'_, '_>,
        pool: Pool,
        keys: PoolKeys,
        client: Client,
        answers: &Parameters,
    ) -> Result<Parties, ServiceError> {
        let named = User::by_login(cx, &pool, answers.require(param::USERNAME)?)?;
        let user = named.filter(|user| self.progress.is_of(user)).ok_or_else(invalid_session)?;
        user.admit()?;
        Ok(Parties { pool, keys, client, user })
    }

    /// Finds whom it is about before a first factor is proven: a user, or the stand-in for one.
    pub(crate) fn subject(
        &self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        keys: &PoolKeys,
        client: &Client,
        answers: &Parameters,
    ) -> Result<Subject, ServiceError> {
        let subject = Subject::find(cx, pool, keys, client, answers.require(param::USERNAME)?)?;
        if self.progress.is_about(&subject) { Ok(subject) } else { Err(invalid_session()) }
    }

    /// Uses the session up: its challenge was met.
    pub(crate) fn spend(self, cx: &mut Context<'_, '_>) -> Result<Progress, ServiceError> {
        Spent::mark(cx, &self.id, self.expires_at)?;
        Ok(self.progress)
    }

    /// Uses the session up whatever becomes of the command.
    pub(crate) fn forfeit(self, cx: &mut Context<'_, '_>) -> Result<Progress, ServiceError> {
        cx.tx.record(&Spent { id: self.id, expires_at: self.expires_at })?;
        Ok(self.progress)
    }
}
