//! What a sign-in has established so far. It travels sealed in the `Session`; the server keeps only what was used up.

use device_wire::{Sensitive, param};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::context::Context;
use crate::device;
use crate::device::Device;
use crate::error::ServiceError;
use crate::event::Trail;
use crate::parameters::Parameters;
use crate::pool::{DevicePolicy, Pool, PoolKeys};
use crate::seal::Purpose;
use crate::sign_in::Parties;
use crate::store::Table;
use crate::transaction::Entity;
use crate::user::User;

/// A sign-in whose first factor is proven.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) username: String,
    /// When the password that was proven had been set. A sign-in under way ends when the password is changed.
    password_set_at: Option<i64>,
    pub(crate) device_key: Option<String>,
    pub(crate) mfa_passed: bool,
    pub(crate) device_proven: bool,
    pub(crate) trail: Trail,
}

/// What a session waits for.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stage {
    NewPassword,
    SoftwareToken,
    /// The user has to set up a second factor.
    MfaSetup(Setup),
    /// The device has to present itself.
    DeviceSrp,
    /// The device has to prove itself in the exchange of this id.
    DeviceProof(String),
}

/// How far the set-up of a software token is.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Setup {
    Due,
    SecretShown(Sensitive<String>),
    Verified,
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
    pub(crate) fn mark(cx: &mut Context<'_, '_>, id: &str, expires_at: i64) -> Result<(), ServiceError> {
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
    /// A sign-in of `user`, who has just proven the password and presented `device_key` with its start.
    pub(crate) fn start(cx: &mut Context<'_, '_>, user: &User, device_key: Option<String>) -> Self {
        Self {
            username: user.username.clone(),
            password_set_at: user.password_set_at(),
            device_key,
            mfa_passed: false,
            device_proven: false,
            trail: Trail::start(cx),
        }
    }

    /// Whether this is a sign-in of `user`, by the password that the user still has.
    pub(crate) fn is_of(&self, user: &User) -> bool {
        self.username == user.username && self.password_set_at == user.password_set_at()
    }

    /// Goes on after `user` has set a new password in this sign-in.
    pub(crate) fn password_changed(&mut self, user: &User) {
        self.password_set_at = user.password_set_at();
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
        Ok(format!("{}.{sealed}", client.id))
    }

    /// Takes up the device that this answer presents. One that the user does not have is refused here, and nothing is
    /// used up by the refusal: clients repeat the same answer without the key.
    pub(crate) fn present_device(
        &mut self,
        cx: &mut Context<'_, '_>,
        pool: &Pool,
        user: &User,
        answers: &Parameters,
    ) -> Result<(), ServiceError> {
        let Some(key) = answers.get(param::DEVICE_KEY) else { return Ok(()) };
        if pool.device_policy() == DevicePolicy::Off {
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

impl OpenSession {
    /// The client that a session names. `AssociateSoftwareToken` has no other way to know it.
    pub(crate) fn client_id(session: &str) -> Option<&str> {
        session.split_once('.').map(|(client_id, _)| client_id)
    }

    /// What a session says, if it is genuine. It may have expired or been used up.
    fn unseal(keys: &PoolKeys, client: &Client, session: &str) -> Option<SessionState> {
        let (_, sealed) = session.split_once('.')?;
        keys.sealing().open(Purpose::Session, &client.id, sealed)
    }

    /// Whether this is the session of a second factor that was passed.
    pub(crate) fn is_of_passed_mfa(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &Client,
        session: &str,
    ) -> Result<bool, ServiceError> {
        let state = Self::unseal(keys, client, session).filter(|state| state.stage == Stage::SoftwareToken);
        state.map_or(Ok(false), |state| Ok(cx.tx.find::<Spent>(&state.id)?.is_some()))
    }

    /// Opens the session of an answer.
    pub(crate) fn open(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &Client,
        session: Option<&str>,
    ) -> Result<Self, ServiceError> {
        let SessionState { id, expires_at, stage, progress } =
            session.and_then(|session| Self::unseal(keys, client, session)).ok_or_else(invalid_session)?;
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
        let named = User::by_login(cx, &pool, answers.require(param::USERNAME)?)?;
        let user = named.filter(|user| opened.progress.is_of(user)).ok_or_else(invalid_session)?;
        user.admit()?;
        Ok((opened, Parties { pool, keys, client, user }))
    }

    /// Uses the session up: its challenge was met.
    pub(crate) fn spend(self, cx: &mut Context<'_, '_>) -> Result<Progress, ServiceError> {
        Spent::mark(cx, &self.id, self.expires_at)?;
        Ok(self.progress)
    }
}
