//! The next step of a sign-in: a pure function that contains all device rules.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::host::invocation::MfaDecision;
use crate::host::moment::Moment;
use crate::host::risk::Risk;
use crate::records::device::Device;
use crate::records::device_tags::{how_long_ago, how_often};
use crate::records::pool::{DevicePolicy, Remember};
use crate::rules::risk::Demand;

/// A presented device, as far as a sign-in depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Presented {
    pub(crate) remembered: bool,
    /// When it was last present at a passed second factor.
    pub(crate) last_mfa: Option<Moment>,
    /// When it last signed in, before this time.
    pub(crate) last_authenticated: Moment,
}

impl Presented {
    pub(crate) fn of(device: &Device) -> Self {
        Self {
            remembered: device.is_remembered(),
            last_mfa: device.last_mfa(),
            last_authenticated: device.last_authenticated,
        }
    }
}

/// The state of the presented device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// No known device was presented.
    Absent,
    /// Confirmed, and not remembered.
    Tracked,
    /// Remembered, and when it was last present at a passed second factor.
    Remembered(LastMfa),
}

/// When a remembered device was last present at a passed second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LastMfa {
    /// Never, so it cannot replace one yet.
    Never,
    /// Recently enough for this pool.
    Valid,
    /// Too long ago for this pool, which asks `every` so often.
    TooLongAgo { ago: Duration, every: Duration },
}

impl Standing {
    /// The state at `now`. After `mfa_every`, the pool asks for MFA again.
    pub(crate) fn of(device: Option<Presented>, mfa_every: Option<Duration>, now: Moment) -> Self {
        let Some(device) = device else { return Self::Absent };
        if !device.remembered {
            return Self::Tracked;
        }
        let Some(last_mfa) = device.last_mfa else { return Self::Remembered(LastMfa::Never) };
        let ago = now.since(last_mfa);
        Self::Remembered(match mfa_every {
            Some(every) if ago > every => LastMfa::TooLongAgo { ago, every },
            _ => LastMfa::Valid,
        })
    }
}

/// The facts that determine the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Situation {
    /// Whether the password is temporary.
    pub(crate) must_change_password: bool,
    /// Whether pool and user require a second factor.
    pub(crate) mfa_due: bool,
    /// Whether the user has a factor that the pool offers.
    pub(crate) has_second_factor: bool,
    pub(crate) risk: Risk,
    /// What the pool demands because of the risk.
    pub(crate) demand: Demand,
    /// Whether a second factor was passed in this sign-in.
    pub(crate) mfa_passed: bool,
    pub(crate) devices: DevicePolicy,
    pub(crate) standing: Standing,
    /// Whether the device proved its secret in this sign-in.
    pub(crate) device_proven: bool,
}

impl Situation {
    /// Whether the risk demands a second factor that is not asked for.
    ///
    /// If remembered devices always replace MFA, the service ignores the MFA settings for medium
    /// and high risk.
    pub(crate) fn ignores_risk(&self) -> bool {
        self.devices == DevicePolicy::On { remember: Remember::Always, suppress_mfa: true }
            && self.risk >= Risk::Medium
            && matches!(self.demand, Demand::MfaIfConfigured | Demand::MfaRequired)
    }
}

impl Situation {
    /// Whether a second factor must be passed because of the risk.
    pub(crate) fn asks_for_risk(&self) -> bool {
        match self.demand {
            _ if self.ignores_risk() => false,
            Demand::MfaIfConfigured => self.has_second_factor,
            Demand::MfaRequired => true,
            Demand::Nothing | Demand::Block => false,
        }
    }
}

/// A situation with what it was made of, as the audit trail keeps it with the event.
///
/// With these facts the decision can be made again under other settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    #[serde(flatten)]
    pub(crate) situation: Situation,
    /// Whether a password was proven. Devices take part only then.
    pub(crate) password_proven: bool,
    /// The device; `None` if no known one was presented, or if the pool remembers none.
    pub(crate) presented: Option<Presented>,
}

/// The next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    NewPassword,
    SetUpMfa,
    SecondFactor,
    DeviceProof,
    Tokens,
    /// The sign-in is refused.
    Refused,
}

/// Why a factor was required or skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    TemporaryPassword,
    NoSecondFactorYet,
    NoRememberedDevice,
    SuppressionOff,
    DeviceNeverSawMfa,
    MfaTooLongAgo { ago: Duration, every: Duration },
    Risky,
    RiskyWithoutFactor,
    Blocked,
    DeviceStandsIn,
    RememberedDeviceMustProve,
}

impl Reason {
    /// The decision about a second factor that it explains, if it is about one.
    pub(crate) const fn mfa_decision(self) -> Option<MfaDecision> {
        Some(match self {
            Self::NoSecondFactorYet => MfaDecision::AskedNotSetUp,
            Self::NoRememberedDevice => MfaDecision::AskedNoRememberedDevice,
            Self::SuppressionOff => MfaDecision::AskedSuppressionOff,
            Self::DeviceNeverSawMfa => MfaDecision::AskedDeviceNeverSawMfa,
            Self::MfaTooLongAgo { .. } => MfaDecision::AskedTooLongAgo,
            Self::Risky => MfaDecision::AskedRisky,
            Self::DeviceStandsIn => MfaDecision::SkippedDevice,
            Self::TemporaryPassword
            | Self::RiskyWithoutFactor
            | Self::Blocked
            | Self::RememberedDeviceMustProve => return None,
        })
    }

    /// The sentence for the audit trail.
    pub(crate) fn sentence(self, device: Option<&Device>) -> String {
        let remembered =
            || device.map_or_else(String::new, |device| format!(" {}", device.modified.day()));
        match self {
            Self::TemporaryPassword => "New password asked: the password was temporary".to_owned(),
            Self::NoSecondFactorYet => {
                "MFA set-up asked: the pool requires MFA and the user has none".to_owned()
            }
            Self::NoRememberedDevice => "MFA asked: no remembered device was presented".to_owned(),
            Self::SuppressionOff => {
                "MFA asked: the pool does not let a remembered device replace it".to_owned()
            }
            Self::DeviceNeverSawMfa => {
                "MFA asked: the remembered device was never present at a passed MFA".to_owned()
            }
            Self::MfaTooLongAgo { ago, every } => format!(
                "MFA asked: last passed {} ago with this device, the pool asks every {}",
                how_long_ago(ago),
                how_often(every)
            ),
            Self::Risky => "MFA asked: the sign-in is risky".to_owned(),
            Self::RiskyWithoutFactor => {
                "Refused: the sign-in is risky and the user has no second factor".to_owned()
            }
            Self::Blocked => "Refused: the risk configuration blocks the sign-in".to_owned(),
            Self::DeviceStandsIn => {
                format!("MFA skipped: device remembered{}, proof verified", remembered())
            }
            Self::RememberedDeviceMustProve => {
                format!("Device proof asked: device remembered{}", remembered())
            }
        }
    }
}

/// Decides the next step. Clients fix the order: they expect no challenge after a device's proof,
/// so it comes last.
pub(crate) fn next(situation: &Situation) -> (Next, Option<Reason>) {
    if situation.demand == Demand::Block {
        return (Next::Refused, Some(Reason::Blocked));
    }
    if situation.must_change_password {
        return (Next::NewPassword, Some(Reason::TemporaryPassword));
    }
    let standing = match situation.devices {
        DevicePolicy::Off => Standing::Absent,
        DevicePolicy::On { .. } => situation.standing,
    };
    let suppress = matches!(situation.devices, DevicePolicy::On { suppress_mfa: true, .. });
    let risky = situation.asks_for_risk();
    let stands_in = suppress && !risky && standing == Standing::Remembered(LastMfa::Valid);
    let due = situation.mfa_due || risky;
    if due && !situation.mfa_passed && !stands_in {
        if risky && !situation.has_second_factor {
            return (Next::Refused, Some(Reason::RiskyWithoutFactor));
        }
        if !situation.has_second_factor {
            return (Next::SetUpMfa, Some(Reason::NoSecondFactorYet));
        }
        let reason = match standing {
            _ if risky => Reason::Risky,
            Standing::Remembered(_) if !suppress => Reason::SuppressionOff,
            Standing::Remembered(LastMfa::TooLongAgo { ago, every }) => {
                Reason::MfaTooLongAgo { ago, every }
            }
            Standing::Remembered(_) => Reason::DeviceNeverSawMfa,
            Standing::Absent | Standing::Tracked => Reason::NoRememberedDevice,
        };
        return (Next::SecondFactor, Some(reason));
    }
    if matches!(standing, Standing::Remembered(_)) && !situation.device_proven {
        return (Next::DeviceProof, Some(Reason::RememberedDeviceMustProve));
    }
    let skipped = situation.mfa_due && !situation.mfa_passed;
    (Next::Tokens, skipped.then_some(Reason::DeviceStandsIn))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::moment::days;

    /// All possible situations.
    fn all() -> Vec<Situation> {
        let on = |remember, suppress_mfa| DevicePolicy::On { remember, suppress_mfa };
        let policies = [
            DevicePolicy::Off,
            on(Remember::OptIn, false),
            on(Remember::OptIn, true),
            on(Remember::Always, true),
        ];
        let standings = [
            Standing::Absent,
            Standing::Tracked,
            Standing::Remembered(LastMfa::Never),
            Standing::Remembered(LastMfa::Valid),
            Standing::Remembered(LastMfa::TooLongAgo { ago: days(31), every: days(30) }),
        ];
        let mut all = vec![];
        let demands = [
            (Risk::Low, Demand::Nothing),
            (Risk::Low, Demand::MfaRequired),
            (Risk::Medium, Demand::MfaIfConfigured),
            (Risk::High, Demand::MfaRequired),
            (Risk::High, Demand::Block),
        ];
        for (devices, (risk, demand)) in
            policies.into_iter().flat_map(|devices| demands.map(|demand| (devices, demand)))
        {
            for standing in standings {
                for bits in 0_u8..32 {
                    let [
                        must_change_password,
                        mfa_due,
                        has_second_factor,
                        mfa_passed,
                        device_proven,
                    ] = std::array::from_fn(|bit| bits >> bit & 1 == 1);
                    all.push(Situation {
                        must_change_password,
                        mfa_due,
                        has_second_factor,
                        risk,
                        demand,
                        mfa_passed,
                        devices,
                        standing,
                        device_proven,
                    });
                }
            }
        }
        all
    }

    /// The situation after the client has answered.
    fn after(mut situation: Situation) -> Option<Situation> {
        match next(&situation).0 {
            Next::NewPassword => situation.must_change_password = false,
            Next::SetUpMfa => (situation.has_second_factor, situation.mfa_passed) = (true, true),
            Next::SecondFactor => situation.mfa_passed = true,
            Next::DeviceProof => situation.device_proven = true,
            Next::Tokens | Next::Refused => return None,
        }
        Some(situation)
    }

    #[test]
    fn tokens_come_only_when_nothing_is_due() {
        for situation in all().into_iter().filter(|situation| next(situation).0 == Next::Tokens) {
            let Situation { devices, standing, mfa_due, mfa_passed, device_proven, .. } = situation;
            let tracked = devices != DevicePolicy::Off;
            let vouches = matches!(devices, DevicePolicy::On { suppress_mfa: true, .. })
                && standing == Standing::Remembered(LastMfa::Valid)
                && device_proven;
            assert!(!situation.must_change_password, "{situation:?}");
            assert!(!mfa_due || mfa_passed || vouches, "{situation:?}");
            let remembered = matches!(standing, Standing::Remembered(_));
            assert!(!tracked || !remembered || device_proven, "{situation:?}");
        }
    }

    #[test]
    fn nothing_is_asked_for_after_a_device_proof() {
        for situation in
            all().into_iter().filter(|situation| next(situation).0 == Next::DeviceProof)
        {
            let proven = after(situation).unwrap();
            assert_eq!(next(&proven).0, Next::Tokens, "{situation:?}");
        }
    }

    #[test]
    fn answering_every_challenge_ends_in_tokens() {
        for situation in all() {
            let steps = std::iter::successors(Some(situation), |situation| after(*situation))
                .take(9)
                .count();
            assert!(steps <= 4, "{situation:?}");
        }
    }

    #[test]
    fn a_risk_demands_mfa_unless_devices_always_replace_it() {
        let demands = |situation: &Situation| {
            matches!(situation.demand, Demand::MfaIfConfigured | Demand::MfaRequired)
        };
        for situation in all().into_iter().filter(demands) {
            let calm = Situation { demand: Demand::Nothing, ..situation };
            let always = situation.devices
                == DevicePolicy::On { remember: Remember::Always, suppress_mfa: true };
            let told = next(&situation).0;
            if always && situation.risk >= Risk::Medium {
                assert!(situation.ignores_risk(), "{situation:?}");
                assert_eq!(next(&situation), next(&calm), "{situation:?}");
            } else if situation.mfa_passed || situation.must_change_password {
                assert_eq!(told, next(&calm).0, "{situation:?}");
            } else if situation.has_second_factor {
                assert_eq!(told, Next::SecondFactor, "{situation:?}");
            } else if situation.demand == Demand::MfaRequired {
                assert_eq!(told, Next::Refused, "{situation:?}");
            } else {
                assert_eq!(told, next(&calm).0, "{situation:?}");
            }
        }
    }

    #[test]
    fn a_blocked_sign_in_is_refused_whatever_was_proven() {
        for situation in all() {
            let blocked = next(&Situation { demand: Demand::Block, ..situation });
            assert_eq!(blocked, (Next::Refused, Some(Reason::Blocked)), "{situation:?}");
        }
    }

    #[test]
    fn without_tracking_a_device_makes_no_difference() {
        for situation in
            all().into_iter().filter(|situation| situation.devices == DevicePolicy::Off)
        {
            let absent =
                Situation { standing: Standing::Absent, device_proven: false, ..situation };
            assert_eq!(next(&situation), next(&absent), "{situation:?}");
        }
    }

    #[test]
    fn a_skipped_factor_leaves_its_reason() {
        let skips = |situation: &Situation| {
            next(situation).0 == Next::Tokens && situation.mfa_due && !situation.mfa_passed
        };
        for situation in all() {
            let told = next(&situation).1 == Some(Reason::DeviceStandsIn);
            assert_eq!(told, skips(&situation), "{situation:?}");
        }
    }
}
