//! SRP exchanges, for the password of a user or the secret of a device.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{Identity, Proof, PublicValue, ServerEphemeral, Timestamp, Verifier};
use device_wire::enums::ChallengeNameType;
use device_wire::{Sensitive, param, sentence};
use serde::{Deserialize, Serialize};

use crate::command::context::Context;
use crate::command::parameters::Parameters;
use crate::crypto::seal::Purpose;
use crate::error::ServiceError;
use crate::host::moment::{Moment, minutes};
use crate::records::app_client::AppClient;
use crate::records::pool_keys::PoolKeys;
use crate::records::spent::Spent;
use crate::rules::account::Account;
use crate::sign_in::answer::Answer;
use crate::sign_in::progress::Progress;
use crate::sign_in::session::expired_session;
use crate::sign_in::step::StepRequest;

/// The allowed clock difference of a proof's timestamp. Some clients take the time when they start.
const TIMESTAMP_TOLERANCE: Duration = minutes(5);

/// The server's half of an SRP exchange. It is sealed into the `SECRET_BLOCK`, so nothing is stored
/// for a sign-in that may never complete.
#[derive(Serialize, Deserialize)]
pub(crate) struct Exchange {
    pub(crate) id: String,
    pub(crate) expires_at: Moment,
    a: String,
    b: String,
    secret: Sensitive<String>,
    pub(crate) context: ExchangeFor,
    /// The session that a right proof uses up. `None` in exchanges of earlier releases, whose
    /// session was used up at the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Spent>,
}

impl Exchange {
    /// Starts an exchange against `verifier`.
    pub(crate) fn start(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &AppClient,
        a: &PublicValue,
        verifier: Verifier,
        context: ExchangeFor,
        session: Option<Spent>,
    ) -> Result<Offer, ServiceError> {
        let ephemeral = ServerEphemeral::generate(&mut cx.invocation.rng, &verifier);
        let exchange = Self {
            id: cx.uuid().to_string(),
            expires_at: cx.now() + client.session_life(),
            a: STANDARD.encode(a.padded()),
            b: STANDARD.encode(ephemeral.public().padded()),
            secret: Sensitive::from(STANDARD.encode(*ephemeral.to_secret_bytes())),
            context,
            session,
        };
        let salt = cx.random();
        let secret_block =
            keys.sealing().seal(Purpose::SecretBlock, &client.id, salt, &exchange)?;
        Ok(Offer { id: exchange.id, b: ephemeral.public().to_hex(), secret_block })
    }

    /// Opens the block that an answer returns. A block of another pool is refused with `foreign`.
    pub(crate) fn open(
        cx: &mut Context<'_, '_>,
        keys: &PoolKeys,
        client: &AppClient,
        claim: &Claim<'_>,
        foreign: fn() -> ServiceError,
    ) -> Result<Self, ServiceError> {
        let exchange: Self = keys
            .open(Purpose::SecretBlock, &client.id, claim.secret_block, cx.now())
            .ok_or_else(foreign)?;
        if cx.now() >= exchange.expires_at {
            return Err(expired_session());
        }
        Spent::refuse(cx, &exchange.id)?;
        Ok(exchange)
    }

    /// Whether `claim` proves the secret behind `verifier`. Secrets are compared in constant time.
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
        let Ok(key) = ephemeral.session_key(&verifier, &a) else {
            return Ok(false);
        };
        let Ok(block) = STANDARD.decode(claim.secret_block) else { return Ok(false) };
        // Over the exact form, as the service does: a client that signed another one is refused.
        let timestamp = claim.timestamp.to_string();
        let proven = key.verify(identity, &block, &timestamp, &claim.proof).is_ok();
        Ok(proven && claim.is_timely(cx.now()))
    }
}

/// The party of an exchange.
#[derive(Serialize, Deserialize)]
pub(crate) enum ExchangeFor {
    /// A user proves the password. `device_key` came with `InitiateAuth`; `custom` means that the
    /// operator's hooks decide the next step.
    User { username: String, device_key: Option<String>, custom: bool },
    /// A device proves the secret of this salt, in a sign-in with this progress.
    Device { progress: Progress, salt: String },
}

/// What the client is sent in an exchange.
pub(crate) struct Offer {
    /// The exchange's id.
    pub(crate) id: String,
    pub(crate) b: String,
    pub(crate) secret_block: String,
}

/// The answer to `PASSWORD_VERIFIER` or `DEVICE_PASSWORD_VERIFIER`.
pub(crate) struct Claim<'a> {
    secret_block: &'a str,
    proof: Proof,
    timestamp: Timestamp,
}

impl<'a> Claim<'a> {
    pub(crate) fn parse(answers: &'a Parameters) -> Result<Self, ServiceError> {
        let proof = answers.require(param::PASSWORD_CLAIM_SIGNATURE)?;
        let secret_block = answers.require(param::PASSWORD_CLAIM_SECRET_BLOCK)?;
        let timestamp =
            Timestamp::parse_lenient(answers.require(param::TIMESTAMP)?).map_err(|_| {
                ServiceError::invalid(
                    "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.",
                )
            })?;
        Ok(Self {
            secret_block,
            proof: Proof::from_base64(proof).map_err(|_| incorrect())?,
            timestamp,
        })
    }

    /// Whether the proof says that it was made about now.
    pub(crate) fn is_timely(&self, now: Moment) -> bool {
        let stamped_at = Moment::from_unix_seconds(self.timestamp.unix_seconds());
        stamped_at.distance(now) <= TIMESTAMP_TOLERANCE
    }
}

pub(crate) fn incorrect() -> ServiceError {
    ServiceError::not_authorized(sentence::INCORRECT_CREDENTIALS)
}

/// The request's `SRP_A`, checked before anything is computed with it.
pub(crate) fn client_public(parameters: &Parameters) -> Result<PublicValue, ServiceError> {
    PublicValue::from_hex(parameters.require(param::SRP_A)?)
        .map_err(|error| ServiceError::invalid(format!("SRP_A is not acceptable: {error}")))
}

/// Salt and B for the account's verifier.
pub(crate) fn challenge_srp(
    cx: &mut Context<'_, '_>,
    request: &StepRequest,
    account: Account,
    device_key: Option<&str>,
    custom: bool,
) -> Result<Answer, ServiceError> {
    let a = client_public(&request.given)?;
    let Account { username, salt, verifier, .. } = account;
    let device_key = device_key.map(str::to_owned);
    let context = ExchangeFor::User { username: username.clone(), device_key, custom };
    let offer = Exchange::start(cx, &request.keys, &request.client, &a, verifier, context, None)?;
    let parameters = Parameters::default()
        .with(param::SALT, salt.to_hex())
        .with(param::SRP_B, offer.b)
        .with(param::SECRET_BLOCK, offer.secret_block)
        .with(param::USERNAME, username.as_str())
        .with(param::USER_ID_FOR_SRP, username);
    // No Session: the secret block holds the state.
    Ok(Answer::challenge(ChallengeNameType::PasswordVerifier, parameters, None))
}
