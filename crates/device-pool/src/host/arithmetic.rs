//! The long part of a proof, so that a server may say where and with what others it is computed.

use device_srp::{PublicValue, ServerEphemeral, SessionKey, Verifier};
use rand_core::CryptoRng;

use crate::error::ServiceError;

/// The server's arithmetic in a handshake. It is asked while a command is being decided, when no
/// lock is held: it may keep the calling thread waiting. Refusing, it has changed nothing, and the
/// client may send the same request again.
pub trait Arithmetic: Send + Sync {
    /// What [`ServerEphemeral::generate`] gives.
    ///
    /// # Errors
    /// [`TooManyRequests`](device_wire::ErrorCode::TooManyRequests) where too much waits to be
    /// computed.
    fn open(
        &self,
        verifier: Verifier,
        rng: &mut dyn CryptoRng,
    ) -> Result<ServerEphemeral, ServiceError>;

    /// What [`ServerEphemeral::session_key`] gives, or `None` for a handshake that has no key.
    ///
    /// # Errors
    /// As for [`Self::open`].
    fn session_key(
        &self,
        ephemeral: ServerEphemeral,
        verifier: Verifier,
        a: PublicValue,
    ) -> Result<Option<SessionKey>, ServiceError>;
}

/// Computes at once, on the thread that asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct InPlace;

impl Arithmetic for InPlace {
    fn open(
        &self,
        verifier: Verifier,
        mut rng: &mut dyn CryptoRng,
    ) -> Result<ServerEphemeral, ServiceError> {
        Ok(ServerEphemeral::generate(&mut rng, &verifier))
    }

    fn session_key(
        &self,
        ephemeral: ServerEphemeral,
        verifier: Verifier,
        a: PublicValue,
    ) -> Result<Option<SessionKey>, ServiceError> {
        Ok(ephemeral.session_key(&verifier, &a).ok())
    }
}
