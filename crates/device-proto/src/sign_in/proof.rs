//! The password claim that answers a verifier challenge, for users and devices.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use device_srp::{ClientEphemeral, Identity, PublicValue, Salt, Timestamp};
use device_wire::{Sensitive, param};

use super::reply::AuthReply;
use crate::credentials::Parameters;
use crate::error::Error;

/// Standard base64 with optional padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// URL-safe base64 with optional padding.
const LENIENT_URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The claim that `identity` knows `password`, signed at the time `now`.
pub(super) fn claim(
    reply: &AuthReply,
    identity: &Identity<'_>,
    password: &str,
    ephemeral: &ClientEphemeral,
    now: SystemTime,
) -> Result<Parameters, Error> {
    let salt = Salt::from_hex(reply.required(param::SALT, "it has no SALT")?)?;
    let b = PublicValue::from_hex(reply.required(param::SRP_B, "it has no SRP_B")?)?;
    let secret_block = reply.required(param::SECRET_BLOCK, "it has no SECRET_BLOCK")?;
    // Emulators of the service use either alphabet, and other clients read both.
    let block = LENIENT
        .decode(secret_block)
        .or_else(|_| LENIENT_URL_SAFE.decode(secret_block))
        .map_err(|_| Error::malformed(reply.operation, "its SECRET_BLOCK is not base64"))?;
    let timestamp = Timestamp::from_unix_seconds(unix_seconds(now)).to_string();
    let proof =
        ephemeral.session_key(identity, password, &salt, &b)?.sign(identity, &block, &timestamp);
    Ok(Sensitive::from([
        (param::PASSWORD_CLAIM_SECRET_BLOCK, secret_block.to_owned()),
        (param::PASSWORD_CLAIM_SIGNATURE, proof.to_base64()),
        (param::TIMESTAMP, timestamp),
    ]))
}

fn unix_seconds(moment: SystemTime) -> i64 {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match moment.duration_since(UNIX_EPOCH) {
        Ok(after) => seconds(after),
        Err(before) => -seconds(before.duration()),
    }
}
