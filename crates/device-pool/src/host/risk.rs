//! How risky a sign-in looks: a level from an evaluator that the host may exchange.

use std::collections::BTreeSet;
use std::net::IpAddr;

use device_wire::RiskLevelType;
use serde::{Deserialize, Serialize};

/// How risky a sign-in is. From medium on, a second factor is asked for where the user has one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Risk {
    /// Nothing out of the ordinary, or nothing was looked at.
    #[default]
    None,
    /// Worth a note in the audit trail.
    Low,
    /// Worth a second factor.
    Medium,
    /// Worth a second factor.
    High,
}

impl Risk {
    pub(crate) const fn on_wire(self) -> Option<RiskLevelType> {
        match self {
            Self::None => None,
            Self::Low => Some(RiskLevelType::Low),
            Self::Medium => Some(RiskLevelType::Medium),
            Self::High => Some(RiskLevelType::High),
        }
    }
}

/// What is known of a sign-in whose first factor was just proven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignInFacts {
    /// Where it comes from.
    pub source_ip: Option<IpAddr>,
    /// Where the user's latest sign-ins that were completed came from.
    pub known_ips: BTreeSet<IpAddr>,
    /// Failed attempts since the last sign-in that was completed.
    pub failures: usize,
}

/// Judges sign-ins. It is asked while a command is being decided: the same facts must give the same
/// risk.
pub trait RiskEvaluator: Send + Sync {
    /// The risk of this sign-in.
    fn evaluate(&self, facts: &SignInFacts) -> Risk;
}

/// What is used unless another is given: a new address is a medium risk, and so are three failed
/// attempts; both together are a high one. Fewer failed attempts are a low one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewAddressOrFailures;

impl RiskEvaluator for NewAddressOrFailures {
    fn evaluate(&self, facts: &SignInFacts) -> Risk {
        // Whoever never came in before comes from nowhere new.
        let new = !facts.known_ips.is_empty()
            && facts.source_ip.is_some_and(|ip| !facts.known_ips.contains(&ip));
        match (new, facts.failures) {
            (true, 3..) => Risk::High,
            (true, _) | (false, 3..) => Risk::Medium,
            (false, 1..) => Risk::Low,
            (false, 0) => Risk::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_address_and_failures_add_up() {
        let home: IpAddr = [203, 0, 113, 9].into();
        let away: IpAddr = [198, 51, 100, 1].into();
        for (source, known, failures, risk) in [
            (Some(home), vec![], 0, Risk::None),
            (Some(home), vec![home], 0, Risk::None),
            (None, vec![home], 0, Risk::None),
            (Some(home), vec![home], 1, Risk::Low),
            (Some(home), vec![home], 3, Risk::Medium),
            (Some(away), vec![home], 0, Risk::Medium),
            (Some(away), vec![home], 3, Risk::High),
            (Some(away), vec![], 3, Risk::Medium),
        ] {
            let facts =
                SignInFacts { source_ip: source, known_ips: known.into_iter().collect(), failures };
            assert_eq!(NewAddressOrFailures.evaluate(&facts), risk, "{facts:?}");
        }
    }
}
