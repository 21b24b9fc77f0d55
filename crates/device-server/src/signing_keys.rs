//! Token-signing keys, generated in advance.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use device_pool::{ServiceError, SigningKeySource};
use zeroize::Zeroizing;

/// The number of keys in stock; a new pool takes two.
const READY: usize = 2;

/// RSA-2048 keys from a thread that keeps two in stock.
///
/// Generating one takes a tenth of a second or more. The thread ends when this value is dropped.
pub struct PregeneratedKeys {
    ready: Mutex<Receiver<Zeroizing<Vec<u8>>>>,
}

impl PregeneratedKeys {
    /// Starts the thread and returns at once.
    #[must_use]
    pub fn start() -> Self {
        let (sender, receiver) = sync_channel(READY);
        let worker = move || {
            while let Ok(key) = generate() {
                if sender.send(key).is_err() {
                    return;
                }
            }
        };
        if let Err(error) = thread::Builder::new().name("signing-keys".to_owned()).spawn(worker) {
            tracing::warn!(%error, "no thread for signing keys: each is made when it is needed");
        }
        Self { ready: Mutex::new(receiver) }
    }
}

impl SigningKeySource for PregeneratedKeys {
    fn generate(&self) -> Result<Vec<u8>, ServiceError> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).try_recv();
        let mut key = match ready {
            Ok(key) => key,
            Err(_) => generate()?,
        };
        Ok(std::mem::take(&mut *key))
    }
}

/// One key pair, PKCS#8 version 1 in DER.
fn generate() -> Result<Zeroizing<Vec<u8>>, ServiceError> {
    let failed = |_| ServiceError::internal("RSA key generation failed");
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let der: Pkcs8V1Der<'static> = pair.as_der().map_err(failed)?;
    Ok(Zeroizing::new(der.as_ref().to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_rsa_2048_and_never_the_same() {
        let source = PregeneratedKeys::start();
        let (first, second) = (source.generate().unwrap(), source.generate().unwrap());
        for key in [&first, &second] {
            assert_eq!(KeyPair::from_pkcs8(key).unwrap().public_modulus_len(), 256);
        }
        assert_ne!(first, second);
    }
}
