//! `USER_AUTH`: the client chooses among the first factors of a user.

use device_wire::enums::{AuthFactorType, ChallengeNameType, UserPoolMfaType};
use device_wire::param;

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::command::parameters::Parameters;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::Address;
use crate::records::app_client::{AppClient, AuthFlow};
use crate::records::pool::Pool;
use crate::records::pool_keys::PoolKeys;
use crate::records::user::User;
use crate::rules::account::Account;
use crate::rules::{decoy, risk};
use crate::sign_in::answer::Answer;
use crate::sign_in::progress::Progress;
use crate::sign_in::session::{OpenSession, Stage, invalid_session};
use crate::sign_in::srp::challenge_srp;
use crate::sign_in::step::{Step, StepRequest};
use crate::sign_in::{otp, password};

/// `InitiateAuth` with `USER_AUTH`.
pub(crate) fn start(cx: &mut Context<'_, '_>, request: StepRequest) -> Result<Step, ServiceError> {
    let name = request.username()?;
    if request.session.is_some() {
        return start_after_sign_up(cx, request);
    }
    let StepRequest { pool, keys, client, given, .. } = &request;
    let account = Account::find(cx, pool, keys, client, name)?;
    let device_key = given.get(param::DEVICE_KEY).map(str::to_owned);
    let preferred = given.get(param::PREFERRED_CHALLENGE).map(ChallengeNameType::from);
    let progress = Progress::start(cx, &account.username, account.user.as_deref(), device_key);
    let choice = Choice { request, account, progress };
    let available = choice.available();
    match preferred.filter(|preferred| available.contains(preferred)) {
        // A password or public value sent with the preference saves a round trip.
        Some(preferred) => choice.make(cx, &preferred),
        None => {
            let answer = choice.ask(cx, ChallengeNameType::SelectChallenge)?;
            Ok(answer.available(available).into())
        }
    }
}

/// A session with which a user who has just confirmed a sign-up signs in.
///
/// The code that came by `medium` counts as the first factor. `None` if such a code would not be
/// one.
pub(crate) fn session_after_sign_up(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    keys: &PoolKeys,
    client: &AppClient,
    user: &User,
    medium: Medium,
) -> Result<Option<String>, ServiceError> {
    if !pool.signs_in_by_code(medium)
        || user.mfa_due(pool)
        || client.permit(AuthFlow::UserChoice).is_err()
    {
        return Ok(None);
    }
    let progress = Progress::start(cx, &user.username, Some(user), None);
    let stage = Stage::SignedUp { sub: user.sub.clone(), medium };
    progress.session(cx, keys, client, stage).map(Some)
}

/// `InitiateAuth` with the session of a confirmed sign-up.
fn start_after_sign_up(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let (opened, parties, _) = OpenSession::with_parties(cx, request)?;
    let medium = match &opened.stage {
        Stage::SignedUp { sub, medium } if *sub == parties.user.sub => *medium,
        _ => return Err(invalid_session()),
    };
    let mut progress = opened.spend(cx)?;
    progress.trail.risk = risk::assess(cx, &parties.pool, &parties.user)?;
    let reason =
        format!("First factor passed: the code by {} that confirmed the sign-up", medium.name());
    progress.pass_first_factor(medium, reason);
    Ok(Step::passed(parties, progress))
}

/// The answer to `SELECT_CHALLENGE`, or to `PASSWORD`.
pub(crate) fn answer(
    cx: &mut Context<'_, '_>,
    request: StepRequest,
    chosen: &str,
) -> Result<Step, ServiceError> {
    let opened = OpenSession::of_request(cx, &request)?;
    if opened.stage != Stage::FirstFactor {
        return Err(invalid_session());
    }
    let account = opened.account(cx, &request)?;
    let choice = Choice { request, account, progress: opened.progress.clone() };
    let chosen = ChallengeNameType::from(chosen);
    if !choice.available().contains(&chosen) {
        return Err(ServiceError::invalid("ANSWER must be one of the challenges offered"));
    }
    opened.spend(cx)?;
    choice.make(cx, &chosen)
}

/// A pending choice of the first factor.
struct Choice {
    request: StepRequest,
    account: Account,
    progress: Progress,
}

impl Choice {
    /// The first factors that the pool allows for this user.
    ///
    /// A decoy has a list too, drawn with the pool's key from the lists that users of this pool
    /// with such a name can have. It cannot be distinguished from a user's: no list is shown only
    /// for one of them, nobody without the key can predict the draw, and it is always the same for
    /// a name. (The service itself answers with a random choice.) A list is at most a hint to
    /// someone who knows how many users have which address; to weaken that hint, the odds follow
    /// the pool's settings. Users see the factors that they have, and none that leads nowhere.
    fn available(&self) -> Vec<ChallengeNameType> {
        let StepRequest { pool, keys, .. } = &self.request;
        let allowed = pool.first_factors();
        let user = self.account.user.as_deref();
        // One factor is not enough if two are required, and a code is no second factor to a code.
        // What a decoy would have is drawn for users too, so that it takes the same time.
        let alone = || {
            let pretends = self.pretends_mfa();
            !user.map_or(pretends, |user| user.mfa_due(pool))
        };
        let reaches = |factor: AuthFactorType, medium: Medium| {
            let reached = || self.account.verified(pool, keys, medium).is_some();
            allowed.contains(&factor) && alone() && reached()
        };
        let mut available = Vec::new();
        if allowed.contains(&AuthFactorType::Password) {
            available.extend([ChallengeNameType::PasswordSrp, ChallengeNameType::Password]);
        }
        if reaches(AuthFactorType::EmailOtp, Medium::Email) {
            available.push(ChallengeNameType::EmailOtp);
        }
        if reaches(AuthFactorType::SmsOtp, Medium::Sms) {
            available.push(ChallengeNameType::SmsOtp);
        }
        available
    }

    /// Whether the decoy seems to need a second factor.
    fn pretends_mfa(&self) -> bool {
        match self.request.pool.mfa_mode() {
            UserPoolMfaType::On => true,
            UserPoolMfaType::Optional => {
                decoy::draw(&self.request.keys, &self.account.username, b"mfa", 1, 4)
            }
            _ => false,
        }
    }

    /// Asks for the first factor, or for a choice.
    fn ask(
        &self,
        cx: &mut Context<'_, '_>,
        what: ChallengeNameType,
    ) -> Result<Answer, ServiceError> {
        let StepRequest { keys, client, .. } = &self.request;
        let session = self.progress.session(cx, keys, client, Stage::FirstFactor)?;
        let parameters =
            Parameters::default().with(param::USERNAME, self.account.username.as_str());
        Ok(Answer::challenge(what, parameters, Some(session)))
    }

    /// Continues with the chosen factor.
    fn make(
        self,
        cx: &mut Context<'_, '_>,
        chosen: &ChallengeNameType,
    ) -> Result<Step, ServiceError> {
        match chosen {
            ChallengeNameType::Password if self.request.given.get(param::PASSWORD).is_none() => {
                self.ask(cx, ChallengeNameType::Password).map(Step::from)
            }
            ChallengeNameType::Password => {
                let Self { request, account, progress } = self;
                password::prove(cx, request, account, progress.device_key.as_deref())
            }
            ChallengeNameType::PasswordSrp => {
                let Self { request, account, progress } = self;
                let key = request.given.get(param::DEVICE_KEY).or(progress.device_key.as_deref());
                challenge_srp(cx, &request, account, key, false).map(Step::from)
            }
            ChallengeNameType::EmailOtp => self.send(cx, Medium::Email).map(Step::from),
            _ => self.send(cx, Medium::Sms).map(Step::from),
        }
    }

    /// Sends a code as the first factor. For a decoy none is sent, but the answer is the same.
    fn send(self, cx: &mut Context<'_, '_>, medium: Medium) -> Result<Answer, ServiceError> {
        let Self { request, account, progress } = self;
        let StepRequest { pool, keys, client, .. } = &request;
        let address = account.verified(pool, keys, medium).ok_or_else(invalid_session)?;
        let parameters = match account.user.as_deref() {
            Some(user) => {
                let metadata = request.metadata.clone();
                otp::send(cx, pool, client, user, &progress, &address, metadata)?
            }
            None => {
                otp::pretend(cx, account.whose(pool), &progress)?;
                otp::delivered(medium, medium.mask(&address.destination), &account.username)
            }
        };
        let parameters = parameters.with(param::USERNAME, account.username.as_str());
        let session = progress.session(cx, keys, client, Stage::OneTimePassword(medium))?;
        Ok(Answer::challenge(challenge_of(medium), parameters, Some(session)))
    }
}

/// The challenge for a code that is a first factor.
pub(crate) const fn challenge_of(medium: Medium) -> ChallengeNameType {
    match medium {
        Medium::Email => ChallengeNameType::EmailOtp,
        Medium::Sms => ChallengeNameType::SmsOtp,
    }
}

/// The answer to a first factor's `EMAIL_OTP` or `SMS_OTP`.
pub(crate) fn answer_code(
    cx: &mut Context<'_, '_>,
    opened: OpenSession,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let Stage::OneTimePassword(medium) = opened.stage else { return Err(invalid_session()) };
    let StepRequest { pool, given: answers, .. } = &request;
    let code = match medium {
        Medium::Email => answers.require(param::EMAIL_OTP_CODE),
        Medium::Sms => answers.require(param::SMS_OTP_CODE),
    }?;
    let account = opened.account(cx, &request)?;
    let mut progress = opened.progress.clone();
    cx.notes.judge(&progress.trail, progress.device_key.as_deref(), Finding::Nothing);
    // A code that was not sent verifies no address.
    let address = account.user.as_deref().and_then(|user| Address::verified(user, medium));
    let redeemed = otp::redeem(cx, account.whose(pool), &progress, code, address.as_ref());
    // Nobody received a decoy's code; a right guess is answered like a wrong one.
    let proven = redeemed.and_then(|()| account.user.ok_or_else(otp::mismatch));
    let user = *proven?;
    cx.notes.finding = Finding::Proven;
    user.admit()?;
    opened.spend(cx)?;
    progress.trail.risk = risk::assess(cx, pool, &user)?;
    let reason = format!("First factor passed: a code by {}", medium.name());
    progress.pass_first_factor(medium, reason);
    let (parties, _) = request.with_user(user);
    Ok(Step::passed(parties, progress))
}
