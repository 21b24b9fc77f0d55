//! What is the same for every call of a deployment, and what one call brings.

use std::net::IpAddr;

use rand_core::CryptoRng;
use serde_json::Value;

use crate::host::message::Message;
use crate::host::moment::Moment;

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
    /// How long the engine keeps what nobody deletes.
    pub retention: Retention,
}

/// How long, and how much, the engine keeps of what nobody deletes. [`Engine::purge`] removes the
/// rest.
///
/// [`Engine::purge`]: crate::engine::Engine::purge
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days that an event of a user stays in the audit trail: 730.
    pub audit_days: u32,
    /// Days after which users who have signed up and not confirmed are removed: 7. The service
    /// keeps them; but anyone can sign up any number of users.
    pub unconfirmed_user_days: u32,
    /// Records of each kind (failed attempts, sent codes, codes that wait) that a pool keeps of
    /// names that nobody has: 10,000. Those closest to their end go first.
    pub max_unknown_names: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self { audit_days: 730, unconfirmed_user_days: 7, max_unknown_names: 10_000 }
    }
}

/// What one call brings from outside. The engine has no clock and no randomness of its own.
pub struct Invocation<'a> {
    /// The time of the call.
    pub now: Moment,
    /// Randomness for keys, ephemerals and nonces.
    pub rng: &'a mut dyn CryptoRng,
    /// The peer, for the audit trail and the device's `last_ip_used`.
    pub source_ip: Option<IpAddr>,
}

/// What a command that succeeded leaves to its host.
#[derive(Debug)]
pub struct Outcome<T = Option<Value>> {
    /// The response; `None` if the operation's response has no body.
    pub body: T,
    /// Messages to users, to be delivered by the host.
    pub messages: Vec<Message>,
}
