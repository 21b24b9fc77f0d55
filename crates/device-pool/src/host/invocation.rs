//! The settings of a deployment, and what a single call supplies.

use std::net::IpAddr;

use rand_core::CryptoRng;
use serde_json::Value;

use crate::host::message::Message;
use crate::host::moment::Moment;

/// Settings that every call of a deployment shares.
#[derive(Clone, Debug)]
pub struct Config {
    /// The region in ids and ARNs, such as `us-east-1`.
    pub region: String,
    /// The account id in ARNs: twelve digits.
    pub account_id: String,
    /// The URL at which clients reach this server, without a trailing slash. The issuer of tokens
    /// is `<base>/<pool id>`.
    pub public_base_url: String,
    /// How long the engine keeps records that nobody deletes.
    pub retention: Retention,
}

/// How long, and how many, records the engine keeps that nobody deletes. [`Engine::purge`] removes
/// the rest.
///
/// [`Engine::purge`]: crate::engine::Engine::purge
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Days that a user's event stays in the audit trail. Default: 730.
    pub audit_days: u32,
    /// Days after which unconfirmed users are removed. Default: 7. The service keeps them, but
    /// anyone can sign up any number of users.
    pub unconfirmed_user_days: u32,
    /// Records of each kind that a pool keeps for unknown names. Default: 10,000. The kinds are
    /// failed attempts, sent codes and pending codes. Records closest to their expiry are removed
    /// first.
    pub max_unknown_names: usize,
    /// Events of a user that anyone can cause: failures in which nothing was proven, and requested
    /// codes. Default: 10,000 of those that the service lists, and as many of the others. The
    /// oldest are removed first, none of the last 30 days.
    pub max_failures_per_user: usize,
    /// Sessions of a user: sign-ins whose refresh token is valid. Default: 1000. The oldest end.
    pub max_sessions_per_user: usize,
    /// Devices of a user. Default: 1000. Those that are not remembered go first, and of them those
    /// that were used longest ago.
    pub max_devices_per_user: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            audit_days: 730,
            unconfirmed_user_days: 7,
            max_unknown_names: 10_000,
            max_failures_per_user: 10_000,
            max_sessions_per_user: 1000,
            max_devices_per_user: 1000,
        }
    }
}

/// The external inputs of one call. The engine has no clock and no random number generator.
pub struct Invocation<'a> {
    /// The time of the call.
    pub now: Moment,
    /// Randomness for keys, ephemerals and nonces.
    pub rng: &'a mut dyn CryptoRng,
    /// The client's address, for the audit trail and the device's `last_ip_used`.
    pub source_ip: Option<IpAddr>,
    /// The access key that signed an administrator's call, for the audit trail: its id, with the
    /// name of a key that has one.
    pub administrator: Option<String>,
    /// The pools whose administrator makes the call, for what lists or finds pools; `None` for
    /// all. The host checks whether a call about a pool is permitted.
    pub pools: Option<Vec<String>>,
    /// Whom the call was about, for the host's log. The engine fills it in.
    pub about: About,
    /// Messages that the host delivers even if the call was refused. The engine fills it in.
    pub warnings: Vec<Message>,
}

impl<'a> Invocation<'a> {
    /// A call at this time without a known caller.
    pub fn new(now: Moment, rng: &'a mut dyn CryptoRng) -> Self {
        Self {
            now,
            rng,
            source_ip: None,
            administrator: None,
            pools: None,
            about: About::default(),
            warnings: Vec::new(),
        }
    }
}

/// The subject of a call, as far as the engine found it out. It has no name and no address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct About {
    /// A pool that exists.
    pub pool_id: Option<String>,
    /// An app client that exists.
    pub client_id: Option<String>,
    /// The `sub` of a user who exists.
    pub sub: Option<String>,
    /// Whether the audit trail has a failure of this call: a wrong proof, or one in a lockout.
    pub failed: bool,
    /// How a sign-in ended, if it did with this call.
    pub sign_in: Option<SignInOutcome>,
    /// Why this call asked for a second factor or skipped it, if it did.
    pub mfa: Option<MfaDecision>,
}

/// Why a second factor was asked for, or skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MfaDecision {
    /// Its set-up was asked for: the pool requires one, and the user has none.
    AskedNotSetUp,
    /// Asked for: no remembered device was presented.
    AskedNoRememberedDevice,
    /// Asked for: the pool lets no device replace it.
    AskedSuppressionOff,
    /// Asked for: the device was never present at a passed one.
    AskedDeviceNeverSawMfa,
    /// Asked for: the device was last present at a passed one too long ago.
    AskedTooLongAgo,
    /// Asked for: the sign-in is risky.
    AskedRisky,
    /// Skipped: a remembered device replaced it.
    SkippedDevice,
}

impl MfaDecision {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::AskedNotSetUp,
        Self::AskedNoRememberedDevice,
        Self::AskedSuppressionOff,
        Self::AskedDeviceNeverSawMfa,
        Self::AskedTooLongAgo,
        Self::AskedRisky,
        Self::SkippedDevice,
    ];

    /// What was decided: `asked` or `skipped`.
    #[must_use]
    pub const fn decision(self) -> &'static str {
        match self {
            Self::SkippedDevice => "skipped",
            _ => "asked",
        }
    }

    /// The reason, as a name for figures.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::AskedNotSetUp => "not_set_up",
            Self::AskedNoRememberedDevice => "no_remembered_device",
            Self::AskedSuppressionOff => "suppression_off",
            Self::AskedDeviceNeverSawMfa => "device_never_saw_mfa",
            Self::AskedTooLongAgo => "too_long_ago",
            Self::AskedRisky => "risky",
            Self::SkippedDevice => "remembered_device",
        }
    }
}

/// How a sign-in ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInOutcome {
    /// With tokens.
    Passed,
    /// With tokens, and without the second factor, which a remembered device replaced.
    PassedByDevice,
    /// With a wrong proof, or in a lockout.
    Failed,
}

/// The result of a command that succeeded.
#[derive(Debug)]
pub struct Outcome<T = Option<Value>> {
    /// The response; `None` if the operation's response has no body.
    pub body: T,
    /// Messages to users, which the host delivers, beside the [`Invocation`]'s `warnings`.
    pub messages: Vec<Message>,
}
