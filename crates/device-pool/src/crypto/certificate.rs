//! The self-signed X.509 certificate of a key that signs a pool's tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::der::asn1::{Any, BitString, GeneralizedTime, Null, ObjectIdentifier, UtcTime};
use x509_cert::der::{DateTime, Encode as _};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

use crate::crypto::jwt::{KeyRing, SigningKeys};
use crate::error::ServiceError;
use crate::host::moment::{Moment, days};

/// `rsaEncryption` and `sha256WithRSAEncryption` (RFC 8017).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// How long a certificate is valid: ten years, as the service's.
const DAYS: u64 = 3652;

/// The certificate of the current key of `keys`: base64 of DER, without header lines.
///
/// The same key always has the same certificate, so none is stored.
pub(crate) fn self_signed(
    key_ring: &KeyRing,
    keys: &SigningKeys,
    pool_id: &str,
) -> Result<String, ServiceError> {
    let key = keys.signing()?;
    let failed = |_| ServiceError::internal("a certificate could not be made");
    let name = |text: &str| text.parse::<Name>().map_err(failed);
    let common_name = format!("CN={pool_id}");
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: serial_number(&key.kid).map_err(failed)?,
        signature: algorithm(RSA_WITH_SHA256),
        issuer: name(&common_name)?,
        validity: Validity {
            not_before: time(keys.since).map_err(failed)?,
            not_after: time(keys.since + days(DAYS)).map_err(failed)?,
        },
        subject: name(&common_name)?,
        subject_public_key_info: SubjectPublicKeyInfoOwned {
            algorithm: algorithm(RSA),
            subject_public_key: BitString::from_bytes(&key_ring.public_der(key)?)
                .map_err(failed)?,
        },
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: None,
    };
    let signed = tbs_certificate.to_der().map_err(failed)?;
    let signature = BitString::from_bytes(&key_ring.signature(key, &signed)?).map_err(failed)?;
    let signature_algorithm = algorithm(RSA_WITH_SHA256);
    let certificate = Certificate { tbs_certificate, signature_algorithm, signature };
    Ok(STANDARD.encode(certificate.to_der().map_err(failed)?))
}

fn algorithm(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid, parameters: Some(Any::from(Null)) }
}

/// A positive number of 16 bytes, which the key's id determines.
fn serial_number(kid: &str) -> Result<SerialNumber, x509_cert::der::Error> {
    let hash: [u8; 32] = Sha256::digest(kid).into();
    let [first, .., _] = hash;
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(hash).for_each(|(byte, hashed)| *byte = hashed);
    bytes[0] = first & 0x7F | 0x40;
    SerialNumber::new(&bytes)
}

/// A time in the form that RFC 5280 prescribes: `UTCTime` through 2049.
fn time(moment: Moment) -> Result<Time, x509_cert::der::Error> {
    let since_epoch = Moment::from_millis(0).distance(moment.max(Moment::from_millis(0)));
    let date = DateTime::from_unix_duration(since_epoch).unwrap_or(DateTime::INFINITY);
    if date.year() <= UtcTime::MAX_YEAR {
        return Ok(UtcTime::from_date_time(date)?.into());
    }
    Ok(GeneralizedTime::from(date).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_their_year() {
        for (seconds, is_utc) in [(-1, true), (1_790_000_000, true), (2_524_608_000, false)] {
            let time = time(Moment::from_unix_seconds(seconds)).unwrap();
            assert_eq!(matches!(time, Time::UtcTime(_)), is_utc, "{seconds}");
        }
        let last = time(Moment::from_millis(i64::MAX)).unwrap();
        assert_eq!(last.to_date_time(), DateTime::INFINITY);
    }
}
