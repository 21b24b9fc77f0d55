//! The client and its session.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use device_http::Client;
use device_proto::{
    Config, DeviceOwner, Refresh, RefreshStep, Reply, ServiceError, Tokens, is_expired,
};
use device_wire::{
    DeleteUserRequest, ErrorCode, GlobalSignOutRequest, Request, RevokeTokenRequest, Sensitive,
};
use tracing::Instrument as _;

use crate::events::Subscribers;
use crate::session::Active;
use crate::sign_in::join_task;
use crate::{
    Builder, DeviceStore, Error, Event, Events, RefreshTurn, Session, SessionOrigin, SessionRecord,
    SessionStore, StoreError,
};

/// Signs users in at one app client of a user pool, and manages the devices that they sign in on.
///
/// Cheap to clone; clones share the session. See the [crate's front page](crate) for how to use it.
#[derive(Clone)]
pub struct DeviceAuth(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) http: Client,
    pub(crate) store: Arc<dyn DeviceStore>,
    pub(crate) device_name: Option<String>,
    sessions: Option<Arc<dyn SessionStore>>,
    subscribers: Subscribers,
    active: Mutex<Option<Arc<Active>>>,
    /// Held while a refresh is under way, so that those who want one too wait for it instead, and
    /// so does whoever changes the session that it is going to replace.
    refreshing: tokio::sync::Mutex<()>,
    /// Held while the session is written, so that the last to be written is the last that there
    /// was.
    persisting: tokio::sync::Mutex<()>,
}

impl DeviceAuth {
    /// A client to set up.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(
        config: Config,
        http: Client,
        store: Arc<dyn DeviceStore>,
        sessions: Option<Arc<dyn SessionStore>>,
        device_name: Option<String>,
    ) -> Self {
        Self(Arc::new(Inner {
            config,
            http,
            store,
            device_name,
            sessions,
            subscribers: Subscribers::default(),
            active: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            persisting: tokio::sync::Mutex::default(),
        }))
    }

    /// What happens from now on: to this client, and to its clones.
    #[must_use]
    pub fn events(&self) -> Events {
        self.0.subscribers.add()
    }

    pub(crate) fn tell(&self, event: &Event) {
        self.0.subscribers.tell(event);
    }

    /// Takes up a session that came about elsewhere: by federation, in the pool's hosted pages, or
    /// on another's behalf. It takes the place of any that there was.
    ///
    /// The device operations of a session that the pool itself did not sign in fail with
    /// [`Error::DevicesElsewhere`], without a call. The rest works: refreshing, signing out,
    /// keeping it in a store.
    ///
    /// # Errors
    /// [`Error::UnusableToken`]; [`Error::Store`] if the session is there and could not be kept.
    pub async fn use_session(
        &self,
        tokens: Tokens,
        origin: SessionOrigin,
    ) -> Result<Session, Error> {
        let active =
            Active::of_tokens(tokens, origin, SystemTime::now()).ok_or(Error::UnusableToken)?;
        let session = active.session.clone();
        self.set_active(Some(active));
        self.tell(&Event::SignedIn { username: session.username.clone() });
        self.persist(&session.username).await?;
        Ok(session)
    }

    /// The session, refreshed first if its access token has run out.
    ///
    /// # Errors
    /// [`Error::SignedOut`], and those of [`refresh`](Self::refresh).
    pub async fn session(&self) -> Result<Session, Error> {
        let active = self.active()?;
        if active.is_expired(SystemTime::now()) {
            return self.refresh().await;
        }
        Ok(active.session.clone())
    }

    /// Exchanges the refresh token for new tokens. Calls at the same time share one exchange, also
    /// among clients that share a [`SessionStore`], and one that has begun is finished even if
    /// nobody waits for it any more.
    ///
    /// # Errors
    /// [`Error::SignedOut`]; [`Error::SessionExpired`] if the refresh token counts no longer, and
    /// the session is gone then. [`Error::NoRefreshToken`], [`Error::Transport`] and others leave
    /// it.
    pub async fn refresh(&self) -> Result<Session, Error> {
        let (auth, seen) = (self.clone(), self.active()?);
        // A task of its own: where refresh tokens rotate, dropping the exchange would drop the only
        // one that counts.
        let refresh = async move { auth.refresh_once(&seen).await }.in_current_span();
        join_task(tokio::spawn(refresh)).await
    }

    async fn refresh_once(&self, seen: &Active) -> Result<Session, Error> {
        let _turn = self.0.refreshing.lock().await;
        let active = self.active()?;
        if active.session.access_token != seen.session.access_token {
            return Ok(active.session.clone());
        }
        let _turn_among_clients = self.turn().await;
        match self.take_up_newer(&active).await {
            Some(newer) if newer.is_expired(SystemTime::now()) => self.exchange(&newer).await,
            Some(newer) => Ok(newer.session.clone()),
            None => self.exchange(&active).await,
        }
    }

    async fn exchange(&self, active: &Arc<Active>) -> Result<Session, Error> {
        let Some(refresh_token) = active.refresh_token.clone() else {
            let is_over = active.is_expired(SystemTime::now());
            return if is_over { self.expire(active).await } else { Err(Error::NoRefreshToken) };
        };
        let Session { username, device_key, .. } = &active.session;
        let (mut refresh, mut request) =
            Refresh::start(&self.0.config, username.clone(), refresh_token, device_key.clone());
        let tokens = loop {
            let sent = self.0.http.send(&request).await;
            let reply = match &sent {
                Ok(body) => Reply::Answered(body),
                Err(error) => error.reply(),
            };
            match refresh.handle(reply) {
                Ok(RefreshStep::Send(next, with)) => (refresh, request) = (next, with),
                Ok(RefreshStep::Done(tokens)) => break tokens,
                Err(error) if is_unknown_user(error.as_service_error()) => {
                    return Err(self.user_is_gone(active).await);
                }
                Err(error) if is_expired(&error) => return self.expire(active).await,
                Err(error) => return Err(sent.err().map_or_else(|| error.into(), Error::from)),
            }
        };
        let fresh = active.refreshed(tokens, SystemTime::now());
        if self.replace(active, Arc::new(fresh)) {
            self.persist_if_possible(&active.session.username).await;
        }
        // Not that of the new tokens if it was signed out meanwhile.
        Ok(self.active()?.session.clone())
    }

    /// Ends the session: its refresh token and the access tokens that came of it count no longer.
    /// The device's record stays.
    ///
    /// # Errors
    /// [`Error::Service`] and [`Error::Transport`] if the service was not told; here, the session
    /// is gone all the same. [`Error::Store`] if the session is still where it is kept: what is
    /// there counts no longer.
    pub async fn sign_out(&self) -> Result<(), Error> {
        let Some(active) = self.set_active(None) else { return Ok(()) };
        self.tell(&Event::SignedOut { username: active.session.username.clone() });
        let removed = self.persist(&active.session.username).await;
        self.revoke(&active).await?;
        Ok(removed?)
    }

    async fn revoke(&self, active: &Active) -> Result<(), Error> {
        let Some(token) = active.refresh_token.clone() else { return Ok(()) };
        let call = RevokeTokenRequest {
            client_secret: self.0.config.client_secret().cloned(),
            ..RevokeTokenRequest::new(token, self.0.config.client_id())
        };
        match self.0.http.call(&call).await {
            Ok(_) => Ok(()),
            // The client has no revocation, or the token is no longer one: there is nothing to
            // revoke.
            Err(error)
                if matches!(
                    error.code(),
                    Some(
                        ErrorCode::UnsupportedOperation
                            | ErrorCode::UnsupportedTokenType
                            | ErrorCode::NotAuthorized
                    )
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Ends all sessions of the user, on all devices. Device records stay.
    ///
    /// # Errors
    /// [`Error::SignedOut`]; others as [`sign_out`](Self::sign_out).
    pub async fn global_sign_out(&self) -> Result<(), Error> {
        let session = match self.session().await {
            // Nothing is left that could tell the service.
            Err(Error::SessionExpired) => return Ok(()),
            session => session?,
        };
        let result = self.0.http.call(&GlobalSignOutRequest::new(session.access_token)).await;
        // Another user may have signed in meanwhile.
        let ended = self.lock().take_if(|active| active.session.username == session.username);
        if let Some(active) = ended {
            self.tell(&Event::SignedOut { username: active.session.username.clone() });
        }
        let removed = self.persist(&session.username).await;
        match result {
            Ok(_) => Ok(removed?),
            // Another end of all sessions came first.
            Err(error) if error.code() == Some(&ErrorCode::NotAuthorized) => Ok(removed?),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the user, for good: the account with all its devices at the service, and the session
    /// and this device's record here.
    ///
    /// # Errors
    /// [`Error::SignedOut`], [`Error::SessionExpired`]; [`Error::Service`], [`Error::Transport`];
    /// [`Error::Store`] if only what is kept here could not be deleted.
    pub async fn delete_user(&self) -> Result<(), Error> {
        let session = self.session().await?;
        self.authorized_by(&session, DeleteUserRequest::new).await?;
        let username = session.username;
        // Another user may have signed in meanwhile.
        self.lock().take_if(|active| active.session.username == username);
        self.tell(&Event::UserDeleted { username: username.clone() });
        let (session, record) =
            (self.persist(&username).await, self.remove_record_of(&username).await);
        Ok(session.and(record)?)
    }

    /// Makes a call with the session's access token; once more with another if the service does not
    /// take that any more.
    pub(crate) async fn authorized<C: Request>(
        &self,
        call: impl Fn(Sensitive<String>) -> C,
    ) -> Result<C::Output, Error> {
        let session = self.session().await?;
        self.authorized_by(&session, call).await
    }

    async fn authorized_by<C: Request>(
        &self,
        session: &Session,
        call: impl Fn(Sensitive<String>) -> C,
    ) -> Result<C::Output, Error> {
        match self.0.http.call(&call(session.access_token.clone())).await {
            Ok(output) => Ok(output),
            Err(error) => {
                let session = self.renewed(session, error.into()).await?;
                Ok(self.0.http.call(&call(session.access_token)).await?)
            }
        }
    }

    /// The session of the same user to try once more with where the error is about that one;
    /// otherwise the error.
    pub(crate) async fn renewed(&self, session: &Session, error: Error) -> Result<Session, Error> {
        let Some(refused) = error.as_service_error() else { return Err(error) };
        let is_expired = refused.is_expired_access_token();
        let is_gone = is_unknown_user(Some(refused));
        if !is_expired && !refused.is_revoked_access_token() && !is_gone {
            return Err(error);
        }
        let active = self.active().map_err(|_| Error::SessionExpired)?;
        if active.session.username != session.username {
            return Err(Error::SessionExpired);
        }
        if active.session.access_token != session.access_token {
            // Meanwhile there is another.
            Ok(active.session.clone())
        } else if is_gone {
            Err(self.user_is_gone(&active).await)
        } else if is_expired && active.refresh_token.is_some() {
            self.refresh().await
        } else {
            self.expire(&active).await
        }
    }

    pub(crate) fn owner(&self, username: &str) -> DeviceOwner {
        DeviceOwner::new(&self.0.config, username)
    }

    pub(crate) fn active(&self) -> Result<Arc<Active>, Error> {
        self.lock().clone().ok_or(Error::SignedOut)
    }

    /// Puts a session in place of whichever there is.
    pub(crate) fn set_active(&self, active: Option<Active>) -> Option<Arc<Active>> {
        std::mem::replace(&mut *self.lock(), active.map(Arc::new))
    }

    /// Puts a session in place of that one, unless another has taken its place meanwhile; says
    /// whether it did.
    pub(crate) fn replace(&self, old: &Arc<Active>, new: impl Into<Option<Arc<Active>>>) -> bool {
        let mut active = self.lock();
        let is_there = active.as_ref().is_some_and(|active| Arc::ptr_eq(active, old));
        if is_there {
            *active = new.into();
        }
        is_there
    }

    /// Changes the session, if it is the one that is meant. Waits for a refresh under way, which
    /// would undo the change.
    pub(crate) async fn amend(
        &self,
        is_target: impl Fn(&Active) -> bool,
        change: impl FnOnce(&mut Active),
    ) {
        let _turn = self.0.refreshing.lock().await;
        let Ok(active) = self.active() else { return };
        if is_target(&active) {
            let mut changed = Active::clone(&active);
            change(&mut changed);
            if self.replace(&active, Arc::new(changed)) {
                self.persist_if_possible(&active.session.username).await;
            }
        }
    }

    /// Ends a session that counts no longer, unless another client that shares the store has a
    /// newer one.
    async fn expire(&self, active: &Arc<Active>) -> Result<Session, Error> {
        match self.take_up_newer(active).await {
            Some(newer) => Ok(newer.session.clone()),
            None => Err(self.end(active).await),
        }
    }

    async fn end(&self, active: &Arc<Active>) -> Error {
        if self.replace(active, None) {
            self.tell(&Event::SessionExpired { username: active.session.username.clone() });
            self.persist_if_possible(&active.session.username).await;
        }
        Error::SessionExpired
    }

    /// Ends the session of a user whom the service does not know any more; the device's record goes
    /// too.
    async fn user_is_gone(&self, active: &Arc<Active>) -> Error {
        if let Err(error) = self.remove_record_of(&active.session.username).await {
            tracing::warn!(%error, "the device record of a deleted user is still there");
        }
        self.end(active).await
    }

    /// Deletes the record of this device for that user.
    async fn remove_record_of(&self, username: &str) -> Result<(), StoreError> {
        let owner = self.owner(username);
        match self.0.store.find(&owner).await? {
            // What is found under a name that differs in case may be another user's.
            Some(record) if record.owner == owner => {
                self.0.store.remove(&owner, &record.device_key).await
            }
            _ => Ok(()),
        }
    }

    /// Keeps other clients that share the session's store from refreshing it at the same time.
    async fn turn(&self) -> RefreshTurn {
        let Some(sessions) = &self.0.sessions else { return RefreshTurn::free() };
        sessions.take_turn(self.0.config.client_id()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the session is refreshed without regard to other clients");
            RefreshTurn::free()
        })
    }

    /// Takes up what another client that shares the store made of this session meanwhile, if it
    /// did.
    async fn take_up_newer(&self, active: &Arc<Active>) -> Option<Arc<Active>> {
        let kept = self.kept().await.ok().flatten()?;
        // Where the last tokens could not be kept, those that are count no longer.
        let is_newer =
            kept.username == active.session.username && kept.expires_at > active.session.expires_at;
        let newer = Active { unconfirmed: active.unconfirmed.clone(), ..Active::of_record(kept) };
        let newer = is_newer.then_some(Arc::new(newer))?;
        self.replace(active, Arc::clone(&newer)).then_some(newer)
    }

    /// The session that the store has for this client.
    async fn kept(&self) -> Result<Option<SessionRecord>, StoreError> {
        let Some(sessions) = &self.0.sessions else { return Ok(None) };
        let kept = sessions.load_session(self.0.config.client_id()).await?;
        Ok(kept.filter(|record| record.user_pool_id == self.0.config.user_pool_id()))
    }

    /// Takes up the session that is kept, unless there is one.
    pub(crate) async fn restore(&self) -> Result<(), Error> {
        if let Some(record) = self.kept().await? {
            self.lock().get_or_insert_with(|| Arc::new(Active::of_record(record)));
        }
        Ok(())
    }

    /// Has the session kept as it is now; if there is none, that user's is kept no longer, but
    /// another's that another client keeps is.
    pub(crate) async fn persist(&self, username: &str) -> Result<(), StoreError> {
        let Some(sessions) = &self.0.sessions else { return Ok(()) };
        let _turn = self.0.persisting.lock().await;
        match self.active() {
            Ok(active) => sessions.save_session(&active.record(&self.0.config)).await,
            Err(_) => match self.kept().await? {
                Some(kept) if kept.username != username => Ok(()),
                _ => sessions.remove_session(self.0.config.client_id()).await,
            },
        }
    }

    /// The same where the session matters more than its being kept.
    pub(crate) async fn persist_if_possible(&self, username: &str) {
        if let Err(error) = self.persist(username).await {
            tracing::warn!(%error, "the session is not kept as it is now");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Active>>> {
        // Only ever replaced as a whole, so that a panic elsewhere leaves it sound.
        self.0.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the service knows no user of that name, or none any more.
pub(crate) fn is_unknown_user(error: Option<&ServiceError>) -> bool {
    error.is_some_and(|error| *error.code() == ErrorCode::UserNotFound)
}

impl fmt::Debug for DeviceAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuth")
            .field("config", &self.0.config)
            .field("http", &self.0.http)
            .finish_non_exhaustive()
    }
}
