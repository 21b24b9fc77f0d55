//! The risk of a sign-in, judged by an evaluator that the host may replace.

use std::collections::BTreeSet;
use std::net::IpAddr;

use device_wire::enums::RiskLevelType;
use serde::{Deserialize, Serialize};

/// The risk of a sign-in. From medium on, users who have a second factor are asked for it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Risk {
    /// Nothing unusual, or nothing was evaluated.
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

/// The facts about a sign-in whose first factor was just proven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignInFacts {
    /// The address that it comes from.
    pub source_ip: Option<IpAddr>,
    /// The addresses of the user's latest completed sign-ins.
    pub known_ips: BTreeSet<IpAddr>,
    /// Failed attempts since the last completed sign-in; if the address is known, those from it.
    pub failures: usize,
}

/// Evaluates the risk of sign-ins. The engine may repeat a decision, so the same facts must give
/// the same risk.
pub trait RiskEvaluator: Send + Sync {
    /// The risk of this sign-in.
    fn evaluate(&self, facts: &SignInFacts) -> Risk;
}

/// The default evaluator: a new address is a medium risk, and so are three failed attempts.
///
/// Both together are a high risk. Fewer failed attempts are a low one.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewAddressOrFailures;

impl RiskEvaluator for NewAddressOrFailures {
    fn evaluate(&self, facts: &SignInFacts) -> Risk {
        // A user without completed sign-ins has no known address to differ from.
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
