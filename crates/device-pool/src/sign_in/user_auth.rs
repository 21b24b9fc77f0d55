//! `USER_AUTH`: the client asks what a user may sign in with, and chooses.

use device_wire::{AuthFactorType, ChallengeNameType, UserPoolMfaType, param};

use crate::client::Client;
use crate::context::Context;
use crate::delivery::Address;
use crate::error::ServiceError;
use crate::event::Outcome;
use crate::message::Medium;
use crate::parameters::Parameters;
use crate::pool::{Pool, PoolKeys};
use crate::sign_in::progress::{OpenSession, Progress, Stage, invalid_session};
use crate::sign_in::{Answer, Parties, advance, otp, password};
use crate::subject::Subject;
use crate::user::User;

/// `InitiateAuth` with `USER_AUTH`.
pub(crate) fn start(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    parameters: &Parameters,
) -> Result<Answer, ServiceError> {
    let name = parameters.require(param::USERNAME)?;
    client.check_secret_hash(name, parameters.get(param::SECRET_HASH))?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let subject = Subject::find(cx, &pool, &keys, &client, name)?;
    let device_key = parameters.get(param::DEVICE_KEY).map(str::to_owned);
    let progress = Progress::start(cx, &subject.username, subject.user.as_deref(), device_key);
    let available = available(&pool, &subject);
    let preferred = parameters.get(param::PREFERRED_CHALLENGE).map(ChallengeNameType::from);
    match preferred.filter(|preferred| available.contains(preferred)) {
        // Said with the preference, a password or public value saves a round.
        Some(preferred) => choose(cx, pool, keys, client, subject, &progress, &preferred, parameters),
        None => {
            let session = progress.session(cx, &keys, &client, Stage::FirstFactor)?;
            let parameters = Parameters::default().with(param::USERNAME, subject.username);
            let answer = Answer::challenge(ChallengeNameType::SelectChallenge, parameters, Some(session));
            Ok(answer.available(available))
        }
    }
}

/// The answer to `SELECT_CHALLENGE`, or to `PASSWORD`.
pub(crate) fn answer(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    session: Option<&str>,
    choice: &str,
    answers: &Parameters,
) -> Result<Answer, ServiceError> {
    let keys = PoolKeys::load(cx, &pool.id)?;
    let opened = OpenSession::open(cx, &keys, &client, session)?;
    if opened.stage != Stage::FirstFactor {
        return Err(invalid_session());
    }
    let subject = opened.subject(cx, &pool, &keys, &client, answers)?;
    let choice = ChallengeNameType::from(choice);
    if !available(&pool, &subject).contains(&choice) {
        return Err(ServiceError::invalid("ANSWER is none of the challenges to choose from"));
    }
    let progress = opened.spend(cx)?;
    choose(cx, pool, keys, client, subject, &progress, &choice, answers)
}

/// What the pool lets this user sign in with. A stand-in has all that the pool allows.
fn available(pool: &Pool, subject: &Subject) -> Vec<ChallengeNameType> {
    let allowed = pool.first_factors();
    let reaches = |factor: AuthFactorType, medium: Medium| {
        allowed.contains(&factor)
            && match subject.user.as_deref() {
                // One factor alone is not enough where two are due, and a code is no second to a code.
                Some(user) => Address::verified(user, medium).is_some() && !user.mfa_due(pool),
                None => pool.mfa_mode() != UserPoolMfaType::On,
            }
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

#[expect(clippy::too_many_arguments, reason = "the parts of a sign-in before there are its parties")]
fn choose(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    keys: PoolKeys,
    client: Client,
    subject: Subject,
    progress: &Progress,
    choice: &ChallengeNameType,
    answers: &Parameters,
) -> Result<Answer, ServiceError> {
    let offered = progress.device_key.as_deref();
    match choice {
        ChallengeNameType::Password => match answers.get(param::PASSWORD) {
            Some(given) => password::prove(cx, pool, keys, client, subject, given, answers, offered),
            None => {
                let session = progress.session(cx, &keys, &client, Stage::FirstFactor)?;
                let parameters = Parameters::default().with(param::USERNAME, subject.username);
                Ok(Answer::challenge(ChallengeNameType::Password, parameters, Some(session)))
            }
        },
        ChallengeNameType::PasswordSrp => {
            let key = answers.get(param::DEVICE_KEY).or(offered);
            password::challenge_srp(cx, &keys, &client, subject, answers, key, false)
        }
        ChallengeNameType::EmailOtp => send(cx, &pool, &keys, &client, &subject, progress, Medium::Email),
        _ => send(cx, &pool, &keys, &client, &subject, progress, Medium::Sms),
    }
}

/// The challenge of a code that is a first factor.
pub(crate) const fn challenge_of(medium: Medium) -> ChallengeNameType {
    match medium {
        Medium::Email => ChallengeNameType::EmailOtp,
        Medium::Sms => ChallengeNameType::SmsOtp,
    }
}

/// Sends a code as the first factor. To a stand-in none goes, which does not show.
fn send(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    keys: &PoolKeys,
    client: &Client,
    subject: &Subject,
    progress: &Progress,
    medium: Medium,
) -> Result<Answer, ServiceError> {
    let parameters = match subject.user.as_deref() {
        Some(user) => {
            let address = Address::verified(user, medium).ok_or_else(invalid_session)?;
            otp::send(cx, pool, user, progress, &address)?
        }
        None => {
            otp::pretend(cx, pool, progress)?;
            otp::delivered(medium, &pretended_address(keys, medium, &subject.username), &subject.username)
        }
    };
    let parameters = parameters.with(param::USERNAME, subject.username.as_str());
    let session = progress.session(cx, keys, client, Stage::OneTimePassword(medium))?;
    Ok(Answer::challenge(challenge_of(medium), parameters, Some(session)))
}

/// The answer to a first factor's `EMAIL_OTP` or `SMS_OTP`.
pub(crate) fn answer_code(
    cx: &mut Context<'_, '_>,
    opened: OpenSession,
    pool: Pool,
    keys: PoolKeys,
    client: Client,
    answers: &Parameters,
) -> Result<Answer, ServiceError> {
    let Stage::OneTimePassword(medium) = opened.stage else { return Err(invalid_session()) };
    let code = match medium {
        Medium::Email => answers.require(param::EMAIL_OTP_CODE),
        Medium::Sms => answers.require(param::SMS_OTP_CODE),
    }?;
    let subject = opened.subject(cx, &pool, &keys, &client, answers)?;
    let mut progress = opened.progress.clone();
    let redeemed = otp::redeem(cx, &pool, &progress, code);
    // Nobody was told the code of a stand-in; who guesses it is told that it was wrong.
    let proven = redeemed.and_then(|()| subject.user.ok_or_else(otp::mismatch));
    let user = match proven {
        Ok(user) => *user,
        Err(error) => {
            let mut trail = progress.trail;
            trail.note("Refused: the code of the first factor was not the one that was sent");
            trail.record(cx, &pool.id, &progress.username, Outcome::Failed, None)?;
            return Err(error);
        }
    };
    user.admit()?;
    opened.spend(cx)?;
    progress.trail.note(format!("First factor passed: a code by {}", medium.name()));
    advance(cx, &mut Parties { pool, keys, client, user }, progress)
}

/// Where the code of a stand-in is said to have gone: the same place at every attempt with the same name.
fn pretended_address(keys: &PoolKeys, medium: Medium, username: &str) -> String {
    let bytes = keys.sealing().derive(b"stand-in address", &[username.as_bytes()]);
    let letter = |at: usize| char::from(b'a' + bytes.get(at).map_or(0, |byte| byte % 26));
    match medium {
        Medium::Email => format!("{}@{}", letter(0), letter(1)),
        Medium::Sms => {
            let digits = bytes.iter().take(11).map(|byte| char::from(b'0' + byte % 10));
            std::iter::once('+').chain(digits).collect()
        }
    }
}

impl Pool {
    /// What users may sign in with in `USER_AUTH`: the password, unless the pool says otherwise.
    pub(crate) fn first_factors(&self) -> Vec<AuthFactorType> {
        let policies = self.description.policies.as_ref();
        policies
            .and_then(|policies| policies.sign_in_policy.as_ref())
            .and_then(|policy| policy.allowed_first_auth_factors.clone())
            .unwrap_or_else(|| vec![AuthFactorType::Password])
    }
}

impl User {
    /// The first factors that the user has and the pool allows.
    pub(crate) fn first_factors(&self, pool: &Pool) -> Vec<AuthFactorType> {
        let has = |factor: &AuthFactorType| match factor {
            AuthFactorType::Password => self.password.is_some(),
            AuthFactorType::EmailOtp => Address::verified(self, Medium::Email).is_some(),
            AuthFactorType::SmsOtp => Address::verified(self, Medium::Sms).is_some(),
            _ => false,
        };
        pool.first_factors().into_iter().filter(has).collect()
    }
}
