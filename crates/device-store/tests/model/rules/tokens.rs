//! Tokens: what they permit, how they are refreshed, and how they end.

use super::{Answer, Client, DAY, HOUR, Model, Refusal, SECOND, User};

/// The lifetime of an access token, and that of a refresh token.
const ACCESS_TOKEN_LIFE: i64 = HOUR;
const REFRESH_TOKEN_LIFE: i64 = DAY;

/// How long a replaced refresh token is still accepted, since clients retry.
pub(crate) const ROTATION_GRACE: i64 = 60 * SECOND;

/// A sign-in that may refresh its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) client: Client,
    /// The name and the id of its user.
    pub(crate) owner: (usize, usize),
    /// The user's number of sign-outs at the sign-in.
    sign_outs: usize,
    pub(crate) device: Option<usize>,
    proofs: Vec<&'static str>,
    pub(super) expires_at: i64,
    is_revoked: bool,
    /// The number of times that its refresh token was replaced, and when it was last.
    generation: usize,
    rotated_at: Option<i64>,
    /// Whether there is still a record of it.
    pub(super) is_kept: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessToken {
    pub(crate) grant: usize,
    pub(crate) expires_at: i64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) grant: usize,
    generation: usize,
}

impl Grant {
    /// Whether it is valid: not revoked, and of this very user since the last sign-out.
    fn stands(&self, user: &User) -> bool {
        !self.is_revoked && self.owner.1 == user.id && self.sign_outs == user.sign_outs
    }
}

impl Model {
    /// Issues the tokens of a completed sign-in.
    pub(super) fn issue_tokens(
        &mut self,
        client: Client,
        owner: (usize, usize),
        sign_outs: usize,
        device: Option<usize>,
        proofs: Vec<&'static str>,
    ) {
        let grant = self.grants.len();
        self.grants.push(Grant {
            client,
            owner,
            sign_outs,
            device,
            proofs,
            expires_at: self.now + REFRESH_TOKEN_LIFE,
            is_revoked: false,
            generation: 0,
            rotated_at: None,
            is_kept: true,
        });
        self.issue_access_token(grant);
        self.refresh_tokens.push(RefreshToken { grant, generation: 0 });
    }

    fn issue_access_token(&mut self, grant: usize) {
        // Tokens tell the time in whole seconds.
        let expires_at = (self.now + ACCESS_TOKEN_LIFE).div_euclid(SECOND) * SECOND;
        self.access_tokens.push(AccessToken { grant, expires_at });
    }

    /// The user whom an access token permits to act.
    pub(crate) fn caller(&self, token: usize) -> Result<usize, Refusal> {
        let AccessToken { grant, expires_at } = self.access_tokens[token];
        if self.now >= expires_at {
            return Err(Refusal::ExpiredAccessToken);
        }
        let grant = &self.grants[grant];
        let name = grant.owner.0;
        let user = self.user(name)?;
        if !grant.is_kept || !grant.stands(user) {
            return Err(Refusal::RevokedAccessToken);
        }
        Ok(name)
    }

    /// Whether a refresh token is the latest of a sign-in that stands.
    pub(crate) fn is_valid(&self, token: usize) -> bool {
        let RefreshToken { grant, generation } = self.refresh_tokens[token];
        let grant = &self.grants[grant];
        let user = self.users[grant.owner.0].as_ref();
        generation == grant.generation
            && self.now < grant.expires_at
            && user.is_some_and(|user| grant.stands(user))
    }

    /// New tokens for a refresh token, with the device that it is bound to.
    pub(super) fn refresh(
        &mut self,
        client: Client,
        token: usize,
        device: Option<usize>,
        by_flow: bool,
    ) -> Result<Answer, Refusal> {
        let rotates = client == Client::Rotating;
        if by_flow && rotates {
            return Err(Refusal::RefreshFlowNotEnabled);
        }
        let RefreshToken { grant: number, generation } = self.refresh_tokens[token];
        let grant = &self.grants[number];
        if !grant.is_kept || grant.client != client {
            return Err(Refusal::InvalidRefreshToken);
        }
        if self.now >= grant.expires_at {
            return Err(Refusal::ExpiredRefreshToken);
        }
        let in_grace = grant.rotated_at.is_some_and(|at| self.now < at + ROTATION_GRACE);
        let is_latest = generation == grant.generation;
        let is_repeated = generation + 1 == grant.generation && in_grace;
        if !is_latest && !is_repeated {
            // Two parties have the token, and one of them stole it: it ends for both.
            self.grants[number].is_revoked = true;
            return Err(Refusal::ReplacedRefreshToken);
        }
        let name = grant.owner.0;
        let user = self.users[name].as_ref().ok_or(Refusal::InvalidRefreshToken)?;
        if !grant.stands(user) {
            return Err(Refusal::RevokedRefreshToken);
        }
        // A forgotten device refreshes nothing.
        if let (Some(_), Some(bound)) = (self.policy.tracking, grant.device)
            && (device != Some(bound) || !self.has_device(name, bound))
        {
            return Err(Refusal::InvalidRefreshToken);
        }
        let (device, proofs) = (grant.device, grant.proofs.clone());
        self.issue_access_token(number);
        if rotates {
            let now = self.now;
            let grant = &mut self.grants[number];
            if is_latest {
                (grant.generation, grant.rotated_at) = (generation + 1, Some(now));
            }
            let generation = grant.generation;
            self.refresh_tokens.push(RefreshToken { grant: number, generation });
        }
        Ok(Answer::Tokens { device, is_new_device: false, proofs, has_refresh_token: rotates })
    }

    /// Revokes a sign-in by any of its refresh tokens. Revoking it again is no error.
    pub(super) fn revoke(&mut self, client: Client, token: usize) -> Result<Answer, Refusal> {
        let number = self.refresh_tokens[token].grant;
        let grant = &mut self.grants[number];
        if !grant.is_kept || grant.client != client {
            return Err(Refusal::NothingToRevoke);
        }
        grant.is_revoked = true;
        Ok(Answer::Done)
    }
}
