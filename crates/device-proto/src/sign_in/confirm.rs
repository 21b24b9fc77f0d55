//! Confirming a new device.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use device_srp::{DevicePassword, Identity, Salt, Verifier};
use device_wire::requests::ConfirmDeviceRequest;
use device_wire::shapes::DeviceSecretVerifierConfigType;
use device_wire::{ErrorCode, Sensitive};
use rand_core::CryptoRng;

use crate::error::Error;
use crate::record::{DeviceOwner, DeviceRecord, DeviceStatus};
use crate::request::{Reply, Request};

/// A device that has a key from the service but is not confirmed yet.
///
/// It keeps its password and verifier, so that another attempt confirms the same device.
#[derive(Debug, Clone)]
pub struct UnconfirmedDevice {
    record: DeviceRecord,
    salt: Sensitive<String>,
    verifier: Sensitive<String>,
}

/// Whether to ask the user about remembering a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the service answers yes or no")]
pub enum Consent {
    /// The pool remembers every device.
    NotNeeded,
    /// The pool lets the user choose.
    Needed,
}

impl UnconfirmedDevice {
    pub(super) fn enrol(
        owner: DeviceOwner,
        device_key: String,
        group_key: String,
        name: Option<String>,
        rng: &mut impl CryptoRng,
    ) -> Self {
        let secret = NewSecret::random(&group_key, &device_key, rng);
        Self {
            salt: secret.salt,
            verifier: secret.verifier,
            record: DeviceRecord {
                owner,
                device_key,
                group_key,
                password: secret.password,
                status: DeviceStatus::NotRemembered,
                name,
                offered: Vec::new(),
            },
        }
    }

    /// The device's key.
    #[must_use]
    pub fn device_key(&self) -> &str {
        &self.record.device_key
    }

    /// The request that confirms the device, with the access token of its sign-in. It may be
    /// repeated: [`handle`](Self::handle) recognises that an earlier copy was accepted.
    #[must_use]
    pub fn request(&self, access_token: &Sensitive<String>) -> Request {
        Request::new(&ConfirmDeviceRequest {
            device_secret_verifier_config: Some(DeviceSecretVerifierConfigType {
                password_verifier: Some(self.verifier.clone()),
                salt: Some(self.salt.clone()),
            }),
            device_name: self.record.name.clone(),
            ..ConfirmDeviceRequest::new(access_token.clone(), &self.record.device_key)
        })
        .repeatable()
    }

    /// Handles the reply. Returns the record to save, and whether to ask the user.
    ///
    /// # Errors
    /// Any [`Error`] but `DeviceKeyExistsException`. The key was issued to this sign-in, so if it
    /// is confirmed already, an earlier copy of this request did it and its answer was lost.
    pub fn handle(&self, reply: Reply<'_>) -> Result<(DeviceRecord, Consent), Error> {
        let consent = match reply.read::<ConfirmDeviceRequest>() {
            Ok(response) if response.user_confirmation_necessary == Some(true) => Consent::Needed,
            Ok(_) => Consent::NotNeeded,
            // The lost answer would have told the kind of pool. Asking without need does no harm.
            Err(Error::Service(error)) if *error.code() == ErrorCode::DeviceKeyExists => {
                Consent::Needed
            }
            Err(error) => return Err(error),
        };
        let status = match consent {
            Consent::NotNeeded => DeviceStatus::Remembered,
            Consent::Needed => DeviceStatus::NotRemembered,
        };
        Ok((DeviceRecord { status, ..self.record.clone() }, consent))
    }
}

/// A fresh device secret, with what the service keeps of it.
pub(super) struct NewSecret {
    pub(super) password: Sensitive<String>,
    /// The salt as challenges show it, in hexadecimal.
    pub(super) salt_in_hex: String,
    /// The salt in base64.
    pub(super) salt: Sensitive<String>,
    /// The verifier in base64.
    pub(super) verifier: Sensitive<String>,
}

impl NewSecret {
    pub(super) fn random(group_key: &str, device_key: &str, rng: &mut impl CryptoRng) -> Self {
        let password = DevicePassword::random(rng);
        let salt = Salt::random(rng);
        let identity = Identity::device(group_key, device_key);
        let verifier = Verifier::derive(&identity, password.expose(), &salt);
        Self {
            password: password.expose().into(),
            salt_in_hex: salt.to_hex(),
            salt: STANDARD.encode(salt.padded()).into(),
            verifier: STANDARD.encode(verifier.padded()).into(),
        }
    }
}
