//! The expensive part of a handshake, as a trait. A server can schedule and batch it.

use device_srp::{PublicValue, ServerEphemeral, SessionKey, Verifier};
use rand_core::CryptoRng;

use crate::error::ServiceError;

/// The server's arithmetic in a handshake.
///
/// The engine calls it while it decides a command. It holds no lock then, so an implementation may
/// block the calling thread. A refusal leaves no trace; the client may retry the same request.
pub trait Arithmetic: Send + Sync {
    /// Computes [`ServerEphemeral::generate`].
    ///
    /// # Errors
    ///
    /// [`TooManyRequests`](device_wire::ErrorCode::TooManyRequests) if too many computations wait.
    fn open(
        &self,
        verifier: Verifier,
        rng: &mut dyn CryptoRng,
    ) -> Result<ServerEphemeral, ServiceError>;

    /// Computes [`ServerEphemeral::session_key`]; `None` if the handshake has no key.
    ///
    /// # Errors
    ///
    /// As for [`Self::open`].
    fn session_key(
        &self,
        ephemeral: ServerEphemeral,
        verifier: Verifier,
        a: PublicValue,
    ) -> Result<Option<SessionKey>, ServiceError>;
}

/// Computes at once, on the calling thread.
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
