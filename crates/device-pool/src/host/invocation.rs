//! What is the same for every call of a deployment, and what one call brings.

use std::net::IpAddr;

use rand_core::CryptoRng;

use crate::host::arithmetic::Arithmetic;
use crate::host::hooks::Hooks;
use crate::host::message::Message;
use crate::host::signing_keys::SigningKeySource;

/// What is the same for every call of one deployment.
#[derive(Clone, Debug)]
pub struct Config {
    /// The region that ids and ARNs carry, as in `us-east-1`.
    pub region: String,
    /// The account id that ARNs carry: twelve digits.
    pub account_id: String,
    /// Where clients reach this server, without a trailing slash; tokens are issued in the name of
    /// `<base>/<pool id>`.
    pub public_base_url: String,
}

/// What one call brings from outside. The engine has no clock and no randomness of its own.
pub struct Call<'a> {
    /// Milliseconds since the epoch.
    pub now: i64,
    /// Randomness for keys, ephemerals and nonces.
    pub rng: &'a mut dyn CryptoRng,
    /// Makes token-signing keys, when a pool is created and when its keys are replaced.
    pub signing_keys: &'a dyn SigningKeySource,
    /// The peer, for the audit trail and the device's `last_ip_used`.
    pub source_ip: Option<IpAddr>,
    /// The operator's own decisions.
    pub hooks: &'a dyn Hooks,
    /// Where handshakes are computed.
    pub arithmetic: &'a dyn Arithmetic,
    /// Takes the messages that a command which succeeded has to send; to be delivered after
    /// [`Engine::execute`].
    pub outbox: &'a mut Vec<Message>,
}
