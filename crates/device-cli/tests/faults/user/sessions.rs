//! Sessions that are refreshed and ended.

use std::collections::BTreeSet;

use device_proto::{Refresh, RefreshStep, Reply as Read, Request, ServiceError};
use device_wire::requests::{GetUserRequest, GlobalSignOutRequest, RevokeTokenRequest};
use device_wire::{ErrorCode, Sensitive};
use rand::RngExt as _;

use super::{Life, Lost, Session, State, User};
use crate::world::{Link, Reply};

impl User {
    pub(super) async fn refresh(&mut self, link: &Link) -> Result<(), Lost> {
        if self.sessions.is_empty() {
            return self.begin(link).await;
        }
        let at = self.rng.random_range(0..self.sessions.len());
        self.note(&format!("refreshes session {at}"));
        let Some(former) = self.go_on(link, at).await? else { return Ok(()) };
        self.count("refreshes");
        if self.rng.random_range(0..6) == 0 {
            // Whoever presents the former refresh token ends the session.
            self.sessions[at].life = Life::InDoubt;
            let key = self.sessions[at].device_key.clone();
            self.refresh_refused(link, former, key).await?;
            let session = self.sessions.swap_remove(at);
            self.end(session);
            self.count("former refresh tokens refused");
        }
        Ok(())
    }

    /// Refreshes a session, which must go on unless something has ended it. Returns the former
    /// refresh token, or nothing if it has ended.
    pub(super) async fn go_on(
        &mut self,
        link: &Link,
        at: usize,
    ) -> Result<Option<Sensitive<String>>, Lost> {
        match self.try_refresh(link, at).await? {
            Ok(former) => Ok(Some(former)),
            Err(refusal) => {
                let session = &self.sessions[at];
                let goes = session.life == Life::Goes
                    && !session.replaced
                    && !self.device_of(session).contains(&State::Absent);
                let is_expected = !goes && is_end(&refusal);
                self.demand(is_expected, &format!("a session does not go on: {refusal}"));
                let session = self.sessions.swap_remove(at);
                self.end(session);
                Ok(None)
            }
        }
    }

    /// Refreshes a session; it must not have ended. Returns the former refresh token.
    pub(super) async fn try_refresh(
        &mut self,
        link: &Link,
        at: usize,
    ) -> Result<Result<Sensitive<String>, ServiceError>, Lost> {
        let session = &self.sessions[at];
        let (token, key) = (session.refresh.clone(), session.device_key.clone());
        let (refresh, request) = Refresh::start(&link.config, &*self.app.username, token, key);
        let body = match link.send(&request).await {
            Reply::Answered(body) => body,
            Reply::Refused(refusal) => return Ok(Err(refusal)),
            Reply::Lost => {
                self.lost("GetTokensFromRefreshToken");
                let session = &mut self.sessions[at];
                if std::mem::replace(&mut session.replaced, true) {
                    // The second time, the server may have taken it for a thief's, and ended it.
                    session.life = Life::InDoubt;
                }
                return Err(Lost);
            }
        };
        let Ok(RefreshStep::Done(tokens)) = refresh.handle(Read::Answered(&body)) else {
            self.fail("a refresh gives no tokens")
        };
        self.demand(self.sessions[at].life != Life::Ended, "an ended session goes on");
        let is_there = self.device_of(&self.sessions[at]) != BTreeSet::from([State::Absent]);
        self.demand(is_there, "the session of a forgotten device goes on");
        let Some(next) = tokens.refresh else { self.fail("no refresh token") };
        let session = &mut self.sessions[at];
        session.access = tokens.access;
        session.replaced = false;
        session.life = Life::Goes;
        Ok(Ok(std::mem::replace(&mut session.refresh, next)))
    }

    pub(super) async fn revoke(&mut self, link: &Link) -> Result<(), Lost> {
        let Some(at) = self.session() else { return self.begin(link).await };
        self.note(&format!("revokes session {at}"));
        let token = self.sessions[at].refresh.clone();
        let revoke = Request::new(&RevokeTokenRequest::new(token, link.config.client_id()));
        match link.send(&revoke).await {
            Reply::Answered(_) => {
                self.count("revoked sessions");
                let session = self.sessions.swap_remove(at);
                let access = session.access.clone();
                self.end(session);
                let life = self.life_of(link, access).await?;
                self.demand(life == Life::Ended, "a revoked session goes on");
                Ok(())
            }
            Reply::Refused(refusal) => self.refused(&revoke, &refusal),
            Reply::Lost => {
                self.lost("RevokeToken");
                self.sessions[at].life = Life::InDoubt;
                Err(Lost)
            }
        }
    }

    pub(super) async fn sign_out(&mut self, link: &Link) -> Result<(), Lost> {
        let Some(at) = self.session() else { return self.begin(link).await };
        self.note("signs out everywhere");
        let access = self.sessions[at].access.clone();
        let sign_out = Request::new(&GlobalSignOutRequest::new(access));
        match link.send(&sign_out).await {
            Reply::Answered(_) => {
                self.count("sign-outs everywhere");
                for session in std::mem::take(&mut self.sessions) {
                    self.end(session);
                }
                self.refresh_ended(link).await
            }
            Reply::Refused(refusal) => self.refused(&sign_out, &refusal),
            Reply::Lost => {
                self.lost("GlobalSignOut");
                for session in &mut self.sessions {
                    session.life = Life::InDoubt;
                }
                Err(Lost)
            }
        }
    }

    /// Revokes all sessions of a full server. Where that fails, the session must not go on either.
    pub(crate) async fn end_or_rest(&mut self, link: &Link) -> Result<(), Lost> {
        for at in (0..self.sessions.len()).rev() {
            let token = self.sessions[at].refresh.clone();
            let revoke = Request::new(&RevokeTokenRequest::new(token, link.config.client_id()));
            match link.send(&revoke).await {
                Reply::Answered(_) => {
                    let session = self.sessions.swap_remove(at);
                    self.end(session);
                }
                Reply::Refused(refusal) => self.refused(&revoke, &refusal),
                Reply::Lost => {
                    self.lost("RevokeToken");
                    self.sessions[at].life = Life::InDoubt;
                    if let Ok(Ok(_)) = self.try_refresh(link, at).await {
                        self.fail("a session goes on that cannot be ended");
                    }
                    self.count("sessions at rest on a full disk");
                }
            }
        }
        Ok(())
    }

    pub(super) async fn refresh_ended(&mut self, link: &Link) -> Result<(), Lost> {
        let Some(session) = self.ended.pop_front() else { return Ok(()) };
        let outcome = self.refresh_of_ended(link, &session).await;
        self.ended.push_back(session);
        outcome
    }

    pub(super) async fn refresh_of_ended(
        &mut self,
        link: &Link,
        session: &Session,
    ) -> Result<(), Lost> {
        self.refresh_refused(link, session.refresh.clone(), session.device_key.clone()).await
    }

    /// Refreshes with a token that must be refused.
    async fn refresh_refused(
        &mut self,
        link: &Link,
        token: Sensitive<String>,
        key: Option<String>,
    ) -> Result<(), Lost> {
        let (_, request) = Refresh::start(&link.config, &*self.app.username, token, key);
        match link.send(&request).await {
            Reply::Answered(_) => self.fail("an ended session goes on"),
            Reply::Refused(refusal) => {
                self.demand(is_end(&refusal), &format!("an ended session: {refusal}"));
                self.count("ended sessions refused");
                Ok(())
            }
            Reply::Lost => Err(Lost),
        }
    }

    pub(super) async fn life(&mut self, link: &Link, at: usize) -> Result<Life, Lost> {
        self.life_of(link, self.sessions[at].access.clone()).await
    }

    pub(super) async fn life_of(
        &mut self,
        link: &Link,
        access: Sensitive<String>,
    ) -> Result<Life, Lost> {
        match link.send(&Request::new(&GetUserRequest::new(access))).await {
            Reply::Answered(_) => Ok(Life::Goes),
            Reply::Refused(refusal) if refusal.is_revoked_access_token() => Ok(Life::Ended),
            Reply::Refused(refusal) => self.fail(&format!("GetUser: {refusal}")),
            Reply::Lost => Err(Lost),
        }
    }
}

/// Whether a refusal says that a session has ended, and is not about something else.
fn is_end(refusal: &ServiceError) -> bool {
    refusal.is_refused_refresh_token() || *refusal.code() == ErrorCode::RefreshTokenReuse
}
