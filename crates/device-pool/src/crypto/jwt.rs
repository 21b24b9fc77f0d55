//! JSON Web Tokens signed with RS256 (RFC 7515, RFC 7518 section 3.3).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, PublicKeyComponents};
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::secret;
use crate::error::ServiceError;
use crate::host::invocation::Invocation;
use crate::host::moment::{Moment, minutes};
use crate::host::signing_keys::SigningKeySource;

/// Parsed signing keys by key id. Parsing and checking an RSA key takes a large part of the time of
/// a signature, and every sign-in of a pool uses the same keys.
#[derive(Default)]
pub(crate) struct KeyRing {
    parsed: RwLock<HashMap<String, Arc<KeyPair>>>,
}

impl KeyRing {
    fn pair(&self, key: &SigningKey) -> Result<Arc<KeyPair>, ServiceError> {
        if let Some(pair) = self.parsed.read().unwrap_or_else(PoisonError::into_inner).get(&key.kid)
        {
            return Ok(Arc::clone(pair));
        }
        let pair = KeyPair::from_pkcs8(&key.pkcs8())
            .map_err(|_| ServiceError::internal("a stored signing key does not parse"))?;
        let pair = Arc::new(pair);
        self.parsed
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key.kid.clone(), Arc::clone(&pair));
        Ok(pair)
    }

    /// Signs `claims` and returns the compact serialization.
    pub(crate) fn sign<C: Serialize>(
        &self,
        key: &SigningKey,
        claims: &C,
    ) -> Result<String, ServiceError> {
        let failed = || ServiceError::internal("signing a token failed");
        let header = json!({"kid": key.kid, "alg": "RS256"});
        let payload = serde_json::to_vec(claims).map_err(|_| failed())?;
        let mut token = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(payload));
        let signature = self.signature(key, token.as_bytes())?;
        token.push('.');
        token.push_str(&BASE64.encode(signature));
        Ok(token)
    }

    /// The signature of `message`: PKCS #1 v1.5 with SHA-256.
    pub(crate) fn signature(
        &self,
        key: &SigningKey,
        message: &[u8],
    ) -> Result<Vec<u8>, ServiceError> {
        let pair = self.pair(key)?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| ServiceError::internal("signing failed"))?;
        Ok(signature)
    }

    /// The claims of a token signed by one of `keys`; `None` for any other token.
    ///
    /// The algorithm is never taken from the token: a header with an algorithm other than RS256 is
    /// refused.
    pub(crate) fn verify<C: DeserializeOwned>(
        &self,
        keys: &SigningKeys,
        now: Moment,
        token: &str,
    ) -> Result<Option<C>, ServiceError> {
        let current = keys.current.as_ref().map(|key| self.public(key)).transpose()?;
        let verified = || {
            let (message, signature) = token.rsplit_once('.')?;
            let (header, payload) = message.split_once('.')?;
            let header: Header = parse(header)?;
            let mut known = current.iter().chain(keys.retired(now));
            let key = known.find(|key| header.alg == "RS256" && key.kid == header.kid)?;
            let public = PublicKeyComponents {
                n: BASE64.decode(&key.n).ok()?,
                e: BASE64.decode(&key.e).ok()?,
            };
            let signature = BASE64.decode(signature).ok()?;
            public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &signature).ok()?;
            parse(payload)
        };
        Ok(verified())
    }

    /// The public half of a key.
    pub(crate) fn public(&self, key: &SigningKey) -> Result<PublicKey, ServiceError> {
        let pair = self.pair(key)?;
        let public = pair.public_key();
        Ok(PublicKey {
            kid: key.kid.clone(),
            e: BASE64.encode(public.exponent().big_endian_without_leading_zero()),
            n: BASE64.encode(public.modulus().big_endian_without_leading_zero()),
        })
    }

    /// The public half of a key as an `RSAPublicKey` in DER (RFC 8017).
    pub(crate) fn public_der(&self, key: &SigningKey) -> Result<Vec<u8>, ServiceError> {
        Ok(self.pair(key)?.public_key().as_ref().to_vec())
    }

    /// Drops a key that no longer signs.
    pub(crate) fn forget(&self, kid: &str) {
        self.parsed.write().unwrap_or_else(PoisonError::into_inner).remove(kid);
    }
}

/// The public half of a signing key: exponent and modulus, big-endian in base64url.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PublicKey {
    pub(crate) kid: String,
    e: String,
    n: String,
}

impl PublicKey {
    /// As a JSON Web Key (RFC 7517).
    pub(crate) fn jwk(&self) -> Value {
        json!({"kid": self.kid, "alg": "RS256", "kty": "RSA", "use": "sig", "e": self.e,
            "n": self.n})
    }
}

/// The header of a token that is not yet verified.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

/// The payload of an unverified token. Use it only to find the key that verifies the token.
pub(crate) fn unverified<C: DeserializeOwned>(token: &str) -> Option<C> {
    parse(token.split('.').nth(1)?)
}

fn parse<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}

/// How long a replaced key is still published: the longest token lifetime plus five minutes of
/// clock skew.
const PUBLISHED_AFTER: Duration = minutes(24 * 60 + 5);

/// The key for one kind of a pool's tokens, and replaced keys. Tokens of the replaced keys may
/// still be valid.
#[derive(Serialize, Deserialize)]
pub(crate) struct SigningKeys {
    /// `None` until the first token, in a pool that came from a seed.
    pub(crate) current: Option<SigningKey>,
    /// When this key began to sign.
    pub(crate) since: Moment,
    retired: Vec<RetiredKey>,
}

impl SigningKeys {
    pub(crate) fn generate(
        source: &dyn SigningKeySource,
        invocation: &mut Invocation<'_>,
    ) -> Result<Self, ServiceError> {
        let current = SigningKey::generate(source, invocation)?;
        Ok(Self { current: Some(current), since: invocation.now, retired: Vec::new() })
    }

    /// Keys of which the first one is not generated yet.
    pub(crate) fn later(now: Moment) -> Self {
        Self { current: None, since: now, retired: Vec::new() }
    }

    /// The key that signs.
    pub(crate) fn signing(&self) -> Result<&SigningKey, ServiceError> {
        self.current.as_ref().ok_or_else(|| ServiceError::internal("a pool has no signing key"))
    }

    /// How long the current key has been signing.
    pub(crate) fn age(&self, now: Moment) -> Duration {
        now.since(self.since)
    }

    /// Replaces the current key and drops its private half.
    pub(crate) fn rotate(
        &mut self,
        source: &dyn SigningKeySource,
        invocation: &mut Invocation<'_>,
        key_ring: &KeyRing,
    ) -> Result<(), ServiceError> {
        self.retired.retain(|key| invocation.now < key.published_until);
        if let Some(current) = &self.current {
            self.retired.push(RetiredKey {
                public: key_ring.public(current)?,
                published_until: invocation.now + PUBLISHED_AFTER,
            });
        }
        self.current = Some(SigningKey::generate(source, invocation)?);
        self.since = invocation.now;
        Ok(())
    }

    /// The replaced keys whose tokens may still be valid.
    pub(crate) fn retired(&self, now: Moment) -> impl Iterator<Item = &PublicKey> {
        self.retired.iter().filter(move |key| now < key.published_until).map(|key| &key.public)
    }
}

/// The public half of a replaced key: it verifies and cannot sign.
#[derive(Serialize, Deserialize)]
struct RetiredKey {
    #[serde(flatten)]
    public: PublicKey,
    published_until: Moment,
}

/// One RSA key pair that signs tokens.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SigningKey {
    #[zeroize(skip)]
    pub(crate) kid: String,
    /// PKCS#8 DER in base64.
    #[serde(serialize_with = "secret::serialize")]
    pkcs8: String,
}

impl SigningKey {
    fn generate(
        source: &dyn SigningKeySource,
        invocation: &mut Invocation<'_>,
    ) -> Result<Self, ServiceError> {
        let pkcs8 = Zeroizing::new(source.generate()?);
        let mut kid = [0; 32];
        invocation.rng.fill_bytes(&mut kid);
        Ok(Self { kid: STANDARD.encode(kid), pkcs8: STANDARD.encode(&*pkcs8) })
    }

    pub(crate) fn pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(STANDARD.decode(&self.pkcs8).unwrap_or_default())
    }
}
