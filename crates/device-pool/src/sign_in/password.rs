//! The first factor: the password, by SRP or as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{Identity, Proof, PublicValue, ServerEphemeral, Timestamp, Verifier};
use device_wire::{ChallengeNameType, Sensitive, param};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::attempts::{Attempt, Attempts};
use crate::client::Client;
use crate::context::Context;
use crate::device::Device;
use crate::error::ServiceError;
use crate::event::Trail;
use crate::parameters::Parameters;
use crate::pool::{DevicePolicy, Pool, PoolKeys};
use crate::risk;
use crate::seal::Purpose;
use crate::sign_in::progress::{Progress, Spent, expired_session, invalid_session};
use crate::sign_in::{Answer, Parties, advance, custom};
use crate::subject::Subject;
use crate::user::User;

/// How far a proof's timestamp may be off, either way: some clients stamp it when they start.
const TIMESTAMP_TOLERANCE_MILLIS: i64 = 5 * 60 * 1000;

/// The server's half of an SRP exchange, sealed into the `SECRET_BLOCK`: nothing is stored for a
/// sign-in that may never be finished.
#[derive(Serialize, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) id: String,
    pub(crate) expires_at: i64,
    a: String,
    b: String,
    secret: Sensitive<String>,
    pub(crate) context: ExchangeFor,
}

/// Who is proving what.
#[derive(Serialize, Deserialize)]
pub(crate) enum ExchangeFor {
    /// A user proves the password. `device_key` came with `InitiateAuth`; `custom` says that the
    /// operator's hooks decide what comes behind it.
    User { username: String, device_key: Option<String>, custom: bool },
    /// A device proves its secret, in a sign-in that has come this far.
    Device(Progress),
}

/// What an exchange shows the client.
pub(crate) struct Offer {
    /// The exchange's id.
    pub(crate) id: String,
    pub(crate) b: String,
    pub(crate) secret_block: String,
}

impl Exchange {
    /// Starts one against `verifier`.
    pub(crate) fn start(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &Client,
        a: &PublicValue,
        verifier: Verifier,
        context: ExchangeFor,
    ) -> Result<Offer, ServiceError> {
        let ephemeral = cx.call.arithmetic.open(verifier, cx.call.rng)?;
        let exchange = Self {
            id: cx.uuid().to_string(),
            expires_at: cx.now().saturating_add(client.session_millis()),
            a: STANDARD.encode(a.padded()),
            b: STANDARD.encode(ephemeral.public().padded()),
            secret: Sensitive::from(STANDARD.encode(*ephemeral.to_secret_bytes())),
            context,
        };
        let salt = cx.random();
        let secret_block =
            keys.sealing().seal(Purpose::SecretBlock, &client.id, salt, &exchange)?;
        Ok(Offer { id: exchange.id, b: ephemeral.public().to_hex(), secret_block })
    }

    /// Opens the block that an answer echoes.
    pub(crate) fn open(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &Client,
        claim: &Claim<'_>,
    ) -> Result<Self, ServiceError> {
        let exchange: Self = keys
            .sealing()
            .open(Purpose::SecretBlock, &client.id, claim.secret_block)
            .ok_or_else(invalid_session)?;
        if cx.now() >= exchange.expires_at {
            return Err(expired_session());
        }
        Spent::refuse(cx, &exchange.id)?;
        Ok(exchange)
    }

    /// Whether `claim` proves what `verifier` was made from. Constant time where secrets are
    /// compared.
    pub(crate) fn proves(
        &self,
        cx: &Context<'_, '_>,
        claim: &Claim<'_>,
        identity: &Identity<'_>,
        verifier: Verifier,
    ) -> Result<bool, ServiceError> {
        let damaged = || ServiceError::internal("a sealed exchange does not parse");
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| damaged());
        let a = PublicValue::from_be_bytes(&decode(&self.a)?).map_err(|_| damaged())?;
        let b = PublicValue::from_be_bytes(&decode(&self.b)?).map_err(|_| damaged())?;
        let secret = zeroize::Zeroizing::new(decode(&self.secret)?);
        let secret: zeroize::Zeroizing<[u8; 32]> =
            zeroize::Zeroizing::new(secret.as_slice().try_into().map_err(|_| damaged())?);
        let ephemeral = ServerEphemeral::restore(&secret, b);
        let Some(key) = cx.call.arithmetic.session_key(ephemeral, verifier, a)? else {
            return Ok(false);
        };
        let Ok(block) = STANDARD.decode(claim.secret_block) else { return Ok(false) };
        let proven = key.verify(identity, &block, claim.timestamp, &claim.proof).is_ok();
        let skew = claim.stamped_at.saturating_sub(cx.now()).abs();
        Ok(proven && skew <= TIMESTAMP_TOLERANCE_MILLIS)
    }
}

/// The answer to `PASSWORD_VERIFIER` or `DEVICE_PASSWORD_VERIFIER`.
pub(crate) struct Claim<'a> {
    secret_block: &'a str,
    proof: Proof,
    timestamp: &'a str,
    stamped_at: i64,
}

impl<'a> Claim<'a> {
    pub(crate) fn parse(answers: &'a Parameters) -> Result<Self, ServiceError> {
        let proof = answers.require(param::PASSWORD_CLAIM_SIGNATURE)?;
        let secret_block = answers.require(param::PASSWORD_CLAIM_SECRET_BLOCK)?;
        let timestamp = answers.require(param::TIMESTAMP)?;
        let stamped_at = Timestamp::parse(timestamp).map_err(|_| {
            ServiceError::invalid(
                "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.",
            )
        })?;
        Ok(Self {
            secret_block,
            proof: Proof::from_base64(proof).map_err(|_| incorrect())?,
            timestamp,
            stamped_at: stamped_at.unix_seconds().saturating_mul(1000),
        })
    }
}

pub(crate) fn incorrect() -> ServiceError {
    ServiceError::not_authorized("Incorrect username or password.")
}

/// `SRP_A` of a request, bounded and checked before anything is computed with it.
pub(crate) fn client_public(parameters: &Parameters) -> Result<PublicValue, ServiceError> {
    PublicValue::from_hex(parameters.require(param::SRP_A)?)
        .map_err(|error| ServiceError::invalid(format!("SRP_A is not acceptable: {error}")))
}

/// `USER_SRP_AUTH`: salt and B for the user's verifier, or for that of a stand-in.
pub(crate) fn start_srp(
    cx: &mut Context<'_, '_>,
    pool: &Pool,
    client: &Client,
    parameters: &Parameters,
) -> Result<Answer, ServiceError> {
    let name = parameters.require(param::USERNAME)?;
    client.check_secret_hash(name, parameters.get(param::SECRET_HASH))?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let subject = Subject::find(cx, pool, &keys, client, name)?;
    let device_key = parameters.get(param::DEVICE_KEY);
    challenge_srp(cx, &keys, client, subject, parameters, device_key, false)
}

/// Salt and B for the subject's verifier.
pub(crate) fn challenge_srp(
    cx: &mut Context<'_, '_>,
    keys: &PoolKeys,
    client: &Client,
    subject: Subject,
    parameters: &Parameters,
    device_key: Option<&str>,
    custom: bool,
) -> Result<Answer, ServiceError> {
    let a = client_public(parameters)?;
    let Subject { username, salt, verifier, .. } = subject;
    let device_key = device_key.map(str::to_owned);
    let context = ExchangeFor::User { username: username.clone(), device_key, custom };
    let offer = Exchange::start(cx, keys, client, &a, verifier, context)?;
    let parameters = Parameters::default()
        .with(param::SALT, salt.to_hex())
        .with(param::SRP_B, offer.b)
        .with(param::SECRET_BLOCK, offer.secret_block)
        .with(param::USERNAME, username.as_str())
        .with(param::USER_ID_FOR_SRP, username);
    // No Session: the secret block carries the state.
    Ok(Answer::challenge(ChallengeNameType::PasswordVerifier, parameters, None))
}

/// The answer to `PASSWORD_VERIFIER`.
pub(crate) fn verify_srp(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    answers: &Parameters,
    metadata: &Map<String, Value>,
) -> Result<Answer, ServiceError> {
    let name = answers.require(param::USERNAME)?;
    let claim = Claim::parse(answers)?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let exchange = Exchange::open(cx, &keys, &client, &claim)?;
    let ExchangeFor::User { username, device_key: offered, custom } = &exchange.context else {
        return Err(invalid_session());
    };
    let subject = Subject::find(cx, &pool, &keys, &client, name)?;
    if subject.username != *username {
        return Err(incorrect());
    }
    let attempts = Attempts::permit(cx, &pool.id, Attempt::Password, username)?;
    let identity = Identity::user(pool.srp_name(), username);
    let proven = exchange.proves(cx, &claim, &identity, subject.verifier)?;
    let user = conclude(cx, attempts, &pool, username, subject.user, proven)?;
    Spent::mark(cx, &exchange.id, exchange.expires_at)?;
    let mut parties = Parties { pool, keys, client, user };
    let progress = password_proven(cx, &parties, answers, offered.as_deref())?;
    if *custom {
        return custom::password_proven(cx, parties, progress, metadata);
    }
    advance(cx, &mut parties, progress)
}

/// `USER_PASSWORD_AUTH`, and `ADMIN_USER_PASSWORD_AUTH`.
pub(crate) fn sign_in_by_password(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    client: Client,
    parameters: &Parameters,
) -> Result<Answer, ServiceError> {
    let name = parameters.require(param::USERNAME)?;
    let password = parameters.require(param::PASSWORD)?;
    client.check_secret_hash(name, parameters.get(param::SECRET_HASH))?;
    let keys = PoolKeys::load(cx, &pool.id)?;
    let subject = Subject::find(cx, &pool, &keys, &client, name)?;
    prove(cx, pool, keys, client, subject, password, parameters, None)
}

/// Goes on if `password` is the subject's.
#[expect(
    clippy::too_many_arguments,
    reason = "the parts of a sign-in before there are its parties"
)]
pub(crate) fn prove(
    cx: &mut Context<'_, '_>,
    pool: Pool,
    keys: PoolKeys,
    client: Client,
    subject: Subject,
    password: &str,
    answers: &Parameters,
    offered: Option<&str>,
) -> Result<Answer, ServiceError> {
    let attempts = Attempts::permit(cx, &pool.id, Attempt::Password, &subject.username)?;
    let identity = Identity::user(pool.srp_name(), &subject.username);
    let given = Verifier::derive(&identity, password, &subject.salt);
    let proven = given.ct_eq(&subject.verifier);
    let user = conclude(cx, attempts, &pool, &subject.username, subject.user, proven)?;
    let mut parties = Parties { pool, keys, client, user };
    let progress = password_proven(cx, &parties, answers, offered)?;
    advance(cx, &mut parties, progress)
}

/// The user, if the password was proven; otherwise counts the attempt and notes it in the audit
/// trail.
fn conclude(
    cx: &mut Context<'_, '_>,
    attempts: Attempts,
    pool: &Pool,
    username: &str,
    user: Option<Box<User>>,
    proven: bool,
) -> Result<User, ServiceError> {
    match user {
        Some(user) if proven => {
            attempts.succeeded(cx);
            Ok(*user)
        }
        user => {
            attempts.failed(cx)?;
            let mut trail = Trail::start(cx);
            trail.password = Some(false);
            trail.note("Refused: the password was not proven");
            trail.record_guess(cx, &pool.id, username, user.is_some())?;
            Err(incorrect())
        }
    }
}

/// A sign-in whose password is proven, with the device that it presents.
///
/// `offered` is the device key that came with `InitiateAuth` only. Where it is unknown it is passed
/// over in silence: a client that is told "Device does not exist." repeats its answer without the
/// key, and the key in the sealed block must not stand in its way.
fn password_proven(
    cx: &mut Context<'_, '_>,
    parties: &Parties,
    answers: &Parameters,
    offered: Option<&str>,
) -> Result<Progress, ServiceError> {
    parties.user.admit()?;
    new_password_in_time(cx, parties)?;
    let device_key = match offered {
        Some(key) if parties.pool.device_policy() != DevicePolicy::Off => {
            Device::find(cx, &parties.user, key)?.map(|device| device.key)
        }
        _ => None,
    };
    let mut progress = Progress::start(cx, &parties.user.username, Some(&parties.user), device_key);
    progress.password_proven = true;
    progress.trail.password = Some(true);
    progress.trail.risk = risk::assess(cx, &parties.pool, &parties.user)?;
    progress.present_device(cx, &parties.pool, &parties.user, answers)?;
    Ok(progress)
}

/// Refuses a temporary password that has outlived its days.
fn new_password_in_time(cx: &Context<'_, '_>, parties: &Parties) -> Result<(), ServiceError> {
    const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
    let User { status, password: Some(password), .. } = &parties.user else { return Ok(()) };
    let days = parties.pool.password_policy().temporary_password_validity_days.unwrap_or(7);
    let age = cx.now().saturating_sub(password.set_at);
    if *status == device_wire::UserStatusType::ForceChangePassword
        && age > i64::from(days) * DAY_MILLIS
    {
        return Err(ServiceError::not_authorized(
            "Temporary password has expired and must be reset by an administrator.",
        ));
    }
    Ok(())
}
