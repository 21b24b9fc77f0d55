//! The second factor: a software token's code, or the set-up of one.

use device_wire::{
    AssociateSoftwareTokenResponse, ChallengeNameType, ErrorCode, Sensitive, VerifySoftwareTokenResponse,
    VerifySoftwareTokenResponseType, param,
};

use crate::attempts::{Attempt, Attempts};
use crate::client::Client;
use crate::context::Context;
use crate::error::ServiceError;
use crate::event::Outcome;
use crate::parameters::Parameters;
use crate::pool::{Pool, PoolKeys};
use crate::sign_in::progress::{OpenSession, Progress, Setup, Stage, invalid_session};
use crate::sign_in::{Answer, Parties, advance};
use crate::totp::{self, SoftwareToken};
use crate::user::User;

/// Asks for the current code.
pub(crate) fn ask_software_token(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
) -> Result<Answer, ServiceError> {
    let session = progress.session(cx, &parties.keys, &parties.client, Stage::SoftwareToken)?;
    let mut parameters = Parameters::default().with(param::USER_ID_FOR_SRP, parties.user.username.as_str());
    if let Some(name) = parties.user.software_token.as_ref().and_then(|token| token.name.as_deref()) {
        parameters = parameters.with(param::FRIENDLY_DEVICE_NAME, name);
    }
    Ok(Answer::challenge(ChallengeNameType::SoftwareTokenMfa, parameters, Some(session)))
}

/// The answer to `SOFTWARE_TOKEN_MFA`. Older clients put `SMS_MFA_CODE` beside the code; it is ignored.
pub(crate) fn answer_software_token(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    session: Option<&str>,
    answers: &Parameters,
) -> Result<Answer, ServiceError> {
    let code = answers.require(param::SOFTWARE_TOKEN_MFA_CODE)?;
    let (opened, mut parties) = OpenSession::open_for(cx, pool, client, session, answers)?;
    if opened.stage != Stage::SoftwareToken {
        return Err(invalid_session());
    }
    let attempts = Attempts::permit(cx, &parties.pool.id, Attempt::MfaCode, &parties.user.username)?;
    let token = parties.user.software_token.as_mut().ok_or_else(|| {
        ServiceError::new(
            ErrorCode::SoftwareTokenMfaNotFound,
            "Software token TOTP multi-factor authentication is not enabled",
        )
    })?;
    if let Err(error) = token.accept(code, cx.call.now) {
        attempts.failed(cx)?;
        let mut trail = opened.progress.trail.clone();
        trail.note("Refused: the MFA code was wrong or used");
        let Parties { pool, user, .. } = &parties;
        trail.record(cx, &pool.id, &user.username, Outcome::Failed, opened.progress.device_key.as_deref())?;
        return Err(error);
    }
    let mut progress = opened.progress.clone();
    progress.present_device(cx, &parties.pool, &parties.user, answers)?;
    attempts.succeeded(cx);
    opened.spend(cx)?;
    progress.mfa_passed = true;
    progress.trail.note("MFA passed: software token");
    cx.tx.put(&parties.user)?;
    advance(cx, &mut parties, progress)
}

/// Asks the user to set up a software token.
pub(crate) fn ask_setup(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
) -> Result<Answer, ServiceError> {
    if !parties.pool.mfa.software_token {
        return Err(ServiceError::new(
            ErrorCode::InvalidUserPoolConfiguration,
            "User pool requires MFA and offers no factor that the user could set up",
        ));
    }
    let session = progress.session(cx, &parties.keys, &parties.client, Stage::MfaSetup(Setup::Due))?;
    let parameters = Parameters::default()
        .with(param::MFAS_CAN_SETUP, r#"["SOFTWARE_TOKEN_MFA"]"#)
        .with(param::USER_ID_FOR_SRP, parties.user.username.as_str());
    Ok(Answer::challenge(ChallengeNameType::MfaSetup, parameters, Some(session)))
}

/// The answer to `MFA_SETUP`, with the session of a `VerifySoftwareToken` that succeeded.
pub(crate) fn answer_setup(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    session: Option<&str>,
    answers: &Parameters,
) -> Result<Answer, ServiceError> {
    let (opened, mut parties) = OpenSession::open_for(cx, pool, client, session, answers)?;
    if opened.stage != Stage::MfaSetup(Setup::Verified) {
        return Err(invalid_session());
    }
    let mut progress = opened.progress.clone();
    progress.present_device(cx, &parties.pool, &parties.user, answers)?;
    opened.spend(cx)?;
    progress.mfa_passed = true;
    progress.trail.note("MFA passed: software token set up");
    advance(cx, &mut parties, progress)
}

/// `AssociateSoftwareToken` within a sign-in: the secret stays in the session until a code has proven it.
pub(crate) fn associate_with_session(
    cx: &mut Context<'_, '_>,
    session: &str,
) -> Result<AssociateSoftwareTokenResponse, ServiceError> {
    let (opened, keys, client, _) = open_setup(cx, session)?;
    let secret = totp::secret_code(cx.random());
    let progress = opened.spend(cx)?;
    let session =
        progress.session(cx, &keys, &client, Stage::MfaSetup(Setup::SecretShown(secret.clone())))?;
    Ok(AssociateSoftwareTokenResponse { secret_code: Some(secret), session: Some(session.into()) })
}

/// `VerifySoftwareToken` within a sign-in.
pub(crate) fn verify_with_session(
    cx: &mut Context<'_, '_>,
    session: &str,
    code: &str,
    name: Option<String>,
) -> Result<VerifySoftwareTokenResponse, ServiceError> {
    let (opened, keys, client, mut user) = open_setup(cx, session)?;
    let Stage::MfaSetup(Setup::SecretShown(secret)) = &opened.stage else { return Err(invalid_session()) };
    enrol(cx, &mut user, secret.clone(), code, name)?;
    let progress = opened.spend(cx)?;
    let session = progress.session(cx, &keys, &client, Stage::MfaSetup(Setup::Verified))?;
    user.mfa.software_token_enabled = true;
    cx.tx.put(&user)?;
    Ok(VerifySoftwareTokenResponse {
        status: Some(VerifySoftwareTokenResponseType::Success),
        session: Some(session.into()),
    })
}

/// Opens a session that comes without its client: it names the client in the clear, and is sealed for it.
///
/// It is good for a first token only. A second factor that is set up must not give way to a sign-in that began before
/// it was, with nothing but the password.
fn open_setup(
    cx: &mut Context<'_, '_>,
    session: &str,
) -> Result<(OpenSession, PoolKeys, Client, User), ServiceError> {
    let client_id = OpenSession::client_id(session).ok_or_else(invalid_session)?;
    let client = cx.tx.find::<Client>(client_id)?.ok_or_else(invalid_session)?;
    // Nothing of the pool was read so far, and it may have been deleted before its clients are.
    let keys = cx.tx.find::<PoolKeys>(&client.pool_id)?.ok_or_else(invalid_session)?;
    let opened = OpenSession::open(cx, &keys, &client, Some(session))?;
    if !matches!(opened.stage, Stage::MfaSetup(_)) {
        return Err(invalid_session());
    }
    let user = User::by_username(cx, &client.pool_id, &opened.progress.username)?
        .filter(|user| opened.progress.is_of(user) && user.software_token.is_none())
        .ok_or_else(invalid_session)?;
    user.admit()?;
    Ok((opened, keys, client, user))
}

/// Takes up a token whose `code` is right; a wrong one counts as a failed attempt.
pub(crate) fn enrol(
    cx: &mut Context<'_, '_>,
    user: &mut User,
    secret: Sensitive<String>,
    code: &str,
    name: Option<String>,
) -> Result<(), ServiceError> {
    let attempts = Attempts::permit(cx, &user.pool_id, Attempt::MfaCode, &user.username)?;
    let Some(token) = SoftwareToken::enrol(secret, code, cx.now(), name) else {
        attempts.failed(cx)?;
        return Err(ServiceError::new(ErrorCode::EnableSoftwareTokenMfa, "Code mismatch"));
    };
    attempts.succeeded(cx);
    user.software_token = Some(token);
    user.pending_token = None;
    user.modified = cx.now();
    Ok(())
}
