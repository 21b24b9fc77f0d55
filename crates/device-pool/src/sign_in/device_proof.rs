//! The proof of a device: `DEVICE_SRP_AUTH` and `DEVICE_PASSWORD_VERIFIER`.

use device_srp::Identity;
use device_wire::enums::{ChallengeNameType, DeviceRememberedStatusType};
use device_wire::{Sensitive, param};
use serde_json::Value;

use crate::command::context::Context;
use crate::command::notes::Finding;
use crate::command::parameters::Parameters;
use crate::crypto::stored_verifier::StoredVerifier;
use crate::error::ServiceError;
use crate::records::attempts::{Attempt, Attempts};
use crate::records::device::Device;
use crate::records::device_tags::DeviceTags;
use crate::records::first_factor::FirstFactor;
use crate::records::pool::Pool;
use crate::records::spent::Spent;
use crate::records::user::User;
use crate::records::whose::Whose;
use crate::rules::account::Account;
use crate::rules::device_keys::{group_key, offered_secret};
use crate::rules::device_notices;
use crate::rules::parties::Parties;
use crate::sign_in::answer::Answer;
use crate::sign_in::progress::Progress;
use crate::sign_in::session::{self, OpenSession, Stage, expired_session, invalid_session};
use crate::sign_in::srp::{Claim, Exchange, ExchangeFor, client_public, incorrect};
use crate::sign_in::step::{Step, StepRequest};

/// Asks the device to prove itself.
pub(crate) fn ask(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    progress: &Progress,
) -> Result<Answer, ServiceError> {
    let Parties { pool, keys, client, user } = parties;
    let device_key = progress
        .device_key
        .clone()
        .ok_or_else(|| ServiceError::internal("no device to challenge"))?;
    let session = progress.session(cx, keys, client, Stage::DeviceSrp)?;
    let id = FirstFactor::key(&client.id, &user.username, &device_key);
    // Read first, so that the write may replace an earlier sign-in's record.
    cx.tx.find::<FirstFactor>(&id)?;
    cx.tx.put(&FirstFactor {
        client_id: client.id.clone(),
        username: user.username.clone(),
        device_key,
        session: Sensitive::from(session.clone()).into(),
        source_ip: cx.invocation.source_ip.map(|ip| ip.to_string()),
        expires_at: cx.now() + FirstFactor::LIFETIME,
    })?;
    let parameters = Parameters::default().with(param::USERNAME, user.username.as_str());
    let parameters = asking_for_a_new_secret(pool, parameters);
    Ok(Answer::challenge(ChallengeNameType::DeviceSrpAuth, parameters, Some(session)))
}

/// Adds that the pool replaces device secrets, if it does. Both challenges say so: before the first
/// answer, a client waits for other sign-ins of the device.
fn asking_for_a_new_secret(pool: &Pool, parameters: Parameters) -> Parameters {
    if DeviceTags::of(pool).rotate_secret {
        parameters.with(param::ROTATE_DEVICE_SECRET, "on")
    } else {
        parameters
    }
}

/// The answer to `DEVICE_SRP_AUTH`: salt and B for the device's verifier.
pub(crate) fn start(
    cx: &mut Context<'_, '_>,
    mut request: StepRequest,
) -> Result<Answer, ServiceError> {
    let key = request.given.require(param::DEVICE_KEY)?.to_owned();
    let key = key.as_str();
    let a = client_public(&request.given)?;
    let session = match request.session() {
        // The browser client sends the session of the code it gave before. That session is used up,
        // so it counts as none.
        Some(session) if !OpenSession::is_of_passed_mfa(cx, &request, session)? => {
            Sensitive::from(session.to_owned())
        }
        _ => remembered_session(cx, &request, key)?,
    };
    request.session = Some(session);
    let (opened, parties, _) = OpenSession::with_parties(cx, request)?;
    let Parties { pool, keys, client, user } = &parties;
    let device = Device::load(cx, pool, user, key)?;
    if opened.stage != Stage::DeviceSrp || opened.progress.device_key.as_deref() != Some(key) {
        return Err(invalid_session());
    }
    // Only a right proof uses the session up. Otherwise anyone who knows a device key could spoil
    // every sign-in of its owner.
    let session = opened.spending();
    let progress = opened.progress;
    let (salt, verifier) = device.secret.parse()?;
    let context =
        ExchangeFor::Device { progress: progress.clone(), salt: device.secret.salt().to_owned() };
    let offer = Exchange::start(cx, keys, client, &a, verifier, context, Some(session))?;
    let session = progress.session(cx, keys, client, Stage::DeviceProof(offer.id))?;
    let parameters = Parameters::default()
        .with(param::SALT, salt.to_hex())
        .with(param::SRP_B, offer.b)
        .with(param::SECRET_BLOCK, offer.secret_block)
        .with(param::USERNAME, user.username.as_str())
        .with(param::DEVICE_KEY, key);
    let parameters = asking_for_a_new_secret(pool, parameters);
    Ok(Answer::challenge(ChallengeNameType::DevicePasswordVerifier, parameters, Some(session)))
}

/// Finds the session for an answer without one, unless the pool's tags require one. For an unknown
/// name the search takes as long and finds none.
fn remembered_session(
    cx: &mut Context<'_, '_>,
    StepRequest { pool, keys, client, given, .. }: &StepRequest,
    device_key: &str,
) -> Result<Sensitive<String>, ServiceError> {
    if DeviceTags::of(pool).requires_session(&client.id) {
        return Err(invalid_session());
    }
    let account = Account::find(cx, pool, keys, client, given.require(param::USERNAME)?)?;
    let id = FirstFactor::key(&client.id, &account.username, device_key);
    let record = cx.tx.find::<FirstFactor>(&id)?.ok_or_else(invalid_session)?;
    if cx.now() >= record.expires_at {
        return Err(expired_session());
    }
    // The password was proven from another address: a thief of the device may be waiting for its
    // owner to sign in.
    if record.source_ip != cx.invocation.source_ip.map(|ip| ip.to_string()) {
        return Err(invalid_session());
    }
    Ok((*record.session).clone())
}

/// The answer to `DEVICE_PASSWORD_VERIFIER`: tokens, if the device knows its secret.
pub(crate) fn verify(cx: &mut Context<'_, '_>, request: StepRequest) -> Result<Step, ServiceError> {
    let StepRequest { pool, keys, client, given: answers, .. } = &request;
    let key = answers.require(param::DEVICE_KEY)?;
    let claim = Claim::parse(answers)?;
    let exchange = Exchange::open(cx, keys, client, &claim, invalid_session)?;
    if request.session.is_some() {
        let opened = OpenSession::of_request(cx, &request)?;
        if opened.stage != Stage::DeviceProof(exchange.id.clone()) {
            return Err(invalid_session());
        }
    }
    let ExchangeFor::Device { progress, salt } = &exchange.context else {
        return Err(invalid_session());
    };
    let user =
        User::by_login(cx, pool, answers.require(param::USERNAME)?)?.ok_or_else(invalid_session)?;
    session::admit(cx, progress, &user)?;
    cx.notes.judge(&progress.trail, Some(key), Finding::Nothing);
    let mut device = Device::load(cx, pool, &user, key)?;
    if progress.device_key.as_deref() != Some(key) {
        return Err(invalid_session());
    }
    // Another sign-in of this device has replaced the secret meanwhile. That proves nothing against
    // the device, which begins again.
    if device.secret.salt() != salt {
        return Err(expired_session());
    }
    let attempts = Attempts::permit(cx, Whose::user(&user), Attempt::DeviceProof, Some(key))?;
    let (_, verifier) = device.secret.parse()?;
    let group_key = device.group_key.clone().unwrap_or_else(|| group_key(keys, &user));
    let mut progress = progress.clone();
    if !exchange.proves(cx, &claim, &Identity::device(&group_key, key), verifier)? {
        attempts.failed(cx)?;
        if device.rotations() == 0 || !claim.is_timely(cx.now()) {
            return Err(incorrect());
        }
        // Another sign-in of this device has replaced the secret after this one began. The device
        // may have read its secret before, and begins again.
        if progress.is_overtaken(&device) {
            return Err(expired_session());
        }
        // The device itself proves its current secret, so this is by a copy of an earlier one.
        if device.is_remembered() {
            cx.notes.reason(
                "The proof was not by the device's current secret, which may have been copied: the \
                 device is no longer remembered",
            );
            device.set_remembered(cx, DeviceRememberedStatusType::NotRemembered);
            cx.tx.record(&device)?;
            // Once: from now on the device is not remembered.
            device_notices::copied_device(cx, pool, &user, &device)?;
        }
        return Err(incorrect());
    }
    attempts.succeeded(cx);
    if let Some(secret) = rotated_secret(&request)? {
        device.rotate_secret(secret);
        cx.tx.put(&device)?;
        progress.secret_rotated = true;
    }
    Spent::mark(cx, &exchange.id, exchange.expires_at)?;
    if let Some(session) = &exchange.session {
        Spent::mark(cx, &session.id, session.expires_at)?;
    }
    let record = FirstFactor::key(&client.id, &user.username, key);
    if cx.tx.find::<FirstFactor>(&record)?.is_some() {
        cx.tx.delete::<FirstFactor>(&record);
    }
    progress.device_proven = true;
    let (parties, _) = request.with_user(user);
    Ok(Step::passed(parties, progress))
}

/// The secret that the client offers in place of the proven one, if the pool wants it.
fn rotated_secret(request: &StepRequest) -> Result<Option<StoredVerifier>, ServiceError> {
    let offered = |name: &str| {
        let text = request.metadata.get(name).and_then(Value::as_str);
        text.map(|text| Sensitive::from(text.to_owned()))
    };
    let (salt, verifier) = (offered(param::NEW_DEVICE_SALT), offered(param::NEW_DEVICE_VERIFIER));
    if !DeviceTags::of(&request.pool).rotate_secret || (salt.is_none() && verifier.is_none()) {
        return Ok(None);
    }
    offered_secret(salt, verifier).map(Some)
}
