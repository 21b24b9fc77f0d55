//! The `Session` of a challenge: sealed state that the client carries.

use std::collections::BTreeMap;

use device_wire::{ErrorCode, Sensitive, param, sentence};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::parameters::Parameters;
use crate::crypto::seal::Purpose;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::host::moment::Moment;
use crate::records::app_client::AppClient;
use crate::records::factor::Factor;
use crate::records::pool_keys::PoolKeys;
use crate::records::spent::Spent;
use crate::records::user::User;
use crate::rules::account::Account;
use crate::rules::parties::Parties;
use crate::sign_in::progress::Progress;
use crate::sign_in::step::StepRequest;

/// The answer that a session waits for.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stage {
    NewPassword,
    /// The choice of the first factor, or the password.
    FirstFactor,
    /// A sent code as the first factor.
    OneTimePassword(Medium),
    /// The start of a sign-in after a confirmed sign-up. The code was the first factor. Only `sub`
    /// distinguishes this user, who has no password, from a later one with the same name.
    SignedUp {
        sub: String,
        medium: Medium,
    },
    /// The answer to the operator's challenge. The parameters are only for the operator's hook.
    Custom(Sensitive<BTreeMap<String, String>>),
    /// A code of this factor.
    SecondFactor(Factor),
    /// The choice of a second factor.
    SelectFactor,
    /// The setup of a second factor.
    MfaSetup(Setup),
    /// The start of the device's proof.
    DeviceSrp,
    /// The device's proof in the exchange with this id.
    DeviceProof(String),
}

/// The state of a second factor's setup.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Setup {
    Due,
    /// The secret of a software token was shown.
    SecretShown(Sensitive<String>),
    /// A software token was verified.
    Verified,
    /// A code was sent to this e-mail address, which is not yet the user's.
    EmailSent(Sensitive<String>),
}

/// The contents of a `Session`.
#[derive(Serialize, Deserialize)]
struct SessionState {
    id: String,
    expires_at: Moment,
    stage: Stage,
    progress: Progress,
}

/// A session that came back: genuine, not expired and not used.
pub(crate) struct OpenSession {
    id: String,
    expires_at: Moment,
    pub(crate) stage: Stage,
    pub(crate) progress: Progress,
}

impl OpenSession {
    /// The client id that a session names. `AssociateSoftwareToken` has no other source for it.
    pub(crate) fn client_id(session: &str) -> Option<&str> {
        session.split_once('.').map(|(client_id, _)| client_id)
    }

    /// Opens a genuine session, even if it has expired or was used.
    fn unseal(
        cx: &Context<'_, '_>,
        keys: &PoolKeys,
        client: &AppClient,
        session: &str,
    ) -> Option<SessionState> {
        let (client_id, sealed) = session.split_once('.')?;
        if client_id != client.id {
            return None;
        }
        keys.open(Purpose::Session, &client.id, sealed, cx.now())
    }

    /// Whether this is the session of a passed second factor.
    pub(crate) fn is_of_passed_mfa(
        cx: &mut Context<'_, '_>,
        StepRequest { keys, client, .. }: &StepRequest,
        session: &str,
    ) -> Result<bool, ServiceError> {
        let of_mfa = |stage: &Stage| matches!(stage, Stage::SecondFactor(_) | Stage::MfaSetup(_));
        let state = Self::unseal(cx, keys, client, session).filter(|state| of_mfa(&state.stage));
        state.map_or(Ok(false), |state| Ok(cx.tx.find::<Spent>(&state.id)?.is_some()))
    }

    /// Opens a session that came back.
    pub(crate) fn open(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &AppClient,
        session: Option<&str>,
    ) -> Result<Self, ServiceError> {
        let SessionState { id, expires_at, stage, progress } = session
            .and_then(|session| Self::unseal(cx, keys, client, session))
            .ok_or_else(invalid_session)?;
        if cx.now() >= expires_at {
            return Err(expired_session());
        }
        Spent::refuse(cx, &id)?;
        Ok(Self { id, expires_at, stage, progress })
    }

    /// Opens the session of a request.
    pub(crate) fn of_request(
        cx: &mut Context<'_, '_>,
        request: &StepRequest,
    ) -> Result<Self, ServiceError> {
        Self::open(cx, &request.keys, &request.client, request.session())
    }

    /// Opens the session of a request, and finds the user as [`Self::parties`] does.
    pub(crate) fn with_parties(
        cx: &mut Context<'_, '_>,
        request: StepRequest,
    ) -> Result<(Self, Parties, Parameters), ServiceError> {
        let opened = Self::of_request(cx, &request)?;
        let (parties, given) = opened.parties(cx, request)?;
        Ok((opened, parties, given))
    }

    /// Finds the session's user, whom the request must name.
    pub(crate) fn parties(
        &self,
        cx: &mut Context<'_, '_>,
        request: StepRequest,
    ) -> Result<(Parties, Parameters), ServiceError> {
        let named = User::by_login(cx, &request.pool, request.given.require(param::USERNAME)?)?;
        let user = named.ok_or_else(invalid_session)?;
        admit(cx, &self.progress, &user)?;
        Ok(request.with_user(user))
    }

    /// Finds the account, a user or a decoy, before a first factor is proven.
    pub(crate) fn account(
        &self,
        cx: &mut Context<'_, '_>,
        request: &StepRequest,
    ) -> Result<Account, ServiceError> {
        let StepRequest { pool, keys, client, given, .. } = request;
        let account = Account::find(cx, pool, keys, client, given.require(param::USERNAME)?)?;
        if self.progress.is_about(&account) { Ok(account) } else { Err(invalid_session()) }
    }

    /// The record that marks the session as used, for a step that does so later.
    pub(crate) fn spending(&self) -> Spent {
        Spent { id: self.id.clone(), expires_at: self.expires_at }
    }

    /// Marks the session as used if the command succeeds.
    pub(crate) fn spend(self, cx: &mut Context<'_, '_>) -> Result<Progress, ServiceError> {
        Spent::mark(cx, &self.id, self.expires_at)?;
        Ok(self.progress)
    }

    /// Marks the session as used whether or not the command succeeds.
    pub(crate) fn forfeit(self, cx: &mut Context<'_, '_>) -> Result<Progress, ServiceError> {
        cx.tx.record(&Spent { id: self.id, expires_at: self.expires_at })?;
        Ok(self.progress)
    }
}

/// The maximum length of a session that the model lets a client send, in characters.
const MAX_SESSION: usize = 2048;

pub(crate) fn invalid_session() -> ServiceError {
    ServiceError::not_authorized("Invalid session for the user.")
}

/// Refuses a user who did not begin this sign-in, whose password or sessions have ended it since,
/// or who may not sign in.
pub(crate) fn admit(
    cx: &mut Context<'_, '_>,
    progress: &Progress,
    user: &User,
) -> Result<(), ServiceError> {
    // Disabling a user also signs out everywhere; report it as the reason.
    if progress.began_with(user) {
        user.admit()?;
    }
    if !progress.is_of(user) {
        return Err(invalid_session());
    }
    cx.notes.subject = Some(user.subject());
    user.admit()
}

pub(crate) fn expired_session() -> ServiceError {
    ServiceError::not_authorized(sentence::EXPIRED_SESSION)
}

impl Progress {
    /// Creates a session that waits for `stage`.
    pub(crate) fn session(
        &self,
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &AppClient,
        stage: Stage,
    ) -> Result<String, ServiceError> {
        let state = SessionState {
            id: cx.uuid().to_string(),
            expires_at: cx.now() + client.session_life(),
            stage,
            progress: self.clone(),
        };
        let salt = cx.random();
        let sealed = keys.sealing().seal(Purpose::Session, &client.id, salt, &state)?;
        let session = format!("{}.{sealed}", client.id);
        // Only an operator's parameters can make a session this long.
        if session.len() > MAX_SESSION {
            return Err(ServiceError::new(
                ErrorCode::InvalidLambdaResponse,
                "The challenge's parameters are too long for a session",
            ));
        }
        Ok(session)
    }
}
