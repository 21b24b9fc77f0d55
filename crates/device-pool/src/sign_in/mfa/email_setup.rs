//! Setting up e-mail codes during a sign-in, for a user without an address.

use device_wire::enums::ChallengeNameType;
use device_wire::{Sensitive, param};
use serde_json::{Map, Value};

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::error::ServiceError;
use crate::host::message::Medium;
use crate::records::address::{Address, is_email};
use crate::records::factor::Factor;
use crate::records::login::Login;
use crate::records::whose::Whose;
use crate::rules::names::AliasConflict;
use crate::rules::parties::Parties;
use crate::sign_in::answer::Answer;
use crate::sign_in::otp;
use crate::sign_in::progress::Progress;
use crate::sign_in::session::{OpenSession, Setup, Stage, invalid_session};
use crate::sign_in::step::{Step, StepRequest};

/// Sends a code to the address that the user entered.
pub(super) fn send(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    opened: OpenSession,
    progress: &Progress,
    address: &str,
    metadata: Map<String, Value>,
) -> Result<Answer, ServiceError> {
    let Parties { pool, keys, client, user } = parties;
    // A user who has a factor or an address must not get another one with only the password.
    if !Factor::Email.is_offered(pool)
        || user.has(Factor::Email)
        || !user.second_factors(pool).is_empty()
    {
        return Err(invalid_session());
    }
    if !is_email(address) {
        return Err(ServiceError::invalid("Invalid email address format."));
    }
    opened.spend(cx)?;
    let address = Address { medium: Medium::Email, destination: Sensitive::from(address) };
    let parameters = otp::send(cx, pool, client, user, progress, &address, metadata)?;
    let stage = Stage::MfaSetup(Setup::EmailSent(address.destination));
    let session = progress.session(cx, keys, client, stage)?;
    Ok(Answer::challenge(ChallengeNameType::EmailOtp, parameters, Some(session)))
}

/// The answer to the `EMAIL_OTP` that verifies the address.
pub(crate) fn answer(
    cx: &mut Context<'_, '_>,
    opened: OpenSession,
    request: StepRequest,
) -> Result<Step, ServiceError> {
    let Stage::MfaSetup(Setup::EmailSent(address)) = opened.stage.clone() else {
        return Err(invalid_session());
    };
    let (mut parties, answers) = opened.parties(cx, request)?;
    if parties.user.has(Factor::Email) || !parties.user.second_factors(&parties.pool).is_empty() {
        return Err(invalid_session());
    }
    let code = answers.require(param::EMAIL_OTP_CODE)?;
    let mut progress = opened.progress.clone();
    let sent_to = Address { medium: Medium::Email, destination: address.clone() };
    let whose = Whose::user(&parties.user);
    cx.notes.judge(&progress.trail, progress.device_key.as_deref(), Finding::Nothing);
    otp::redeem(cx, whose, &progress, code, Some(&sent_to))
        .inspect_err(|_| super::note_wrong(cx))?;
    progress.present_device(cx, &parties.pool, &parties.user, &answers)?;
    opened.spend(cx)?;
    let before = parties.user.clone();
    let user = &mut parties.user;
    user.contact.set(Medium::Email.attribute(), address);
    user.contact.set_verified(Medium::Email, true);
    user.mfa.switch(Factor::Email, true);
    user.modified = cx.now();
    Login::update(cx, &parties.pool, Some(&before), user, AliasConflict::Refuse)?;
    cx.tx.put(user)?;
    progress.pass_mfa(Factor::Email, "MFA passed: e-mail address set up");
    Ok(Step::passed(parties, progress))
}
