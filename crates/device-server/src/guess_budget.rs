//! Guesses that each source address may make, whatever names it tries.
//!
//! The engine counts by name and by destination, so one password tried under a thousand names is
//! nothing to it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use device_pool::ServiceError;
use device_wire::{ErrorCode, Operation};

use crate::network::Network;

/// The time in which an address earns one more guess, in milliseconds.
const EARNED_EVERY: i64 = 6_000;

/// Addresses that are remembered at a time.
const MAX_REMEMBERED: usize = 100_000;

/// How often addresses are forgotten that have all their guesses back, in milliseconds.
const FORGET_EVERY: i64 = 60_000;

/// The budgets of all addresses.
pub(crate) struct GuessBudget {
    /// Guesses that an address may make at once; 0 for no limit.
    max: usize,
    spent: Mutex<Spent>,
}

#[derive(Default)]
struct Spent {
    /// When each address has all its guesses back.
    whole_at: HashMap<Network, i64>,
    forgotten_at: i64,
}

impl GuessBudget {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, spent: Mutex::default() }
    }

    /// Refuses what may be a guess from an address that has made too many.
    pub(crate) fn permit(
        &self,
        operation: Operation,
        source: Option<IpAddr>,
        now: i64,
    ) -> Result<(), ServiceError> {
        let Some(network) = self.counted(operation, source) else { return Ok(()) };
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let whole_at = spent.whole_at.get(&network).copied().unwrap_or(now);
        let most = i64::try_from(self.max).unwrap_or(i64::MAX).saturating_mul(EARNED_EVERY);
        if whole_at.saturating_sub(now).saturating_add(EARNED_EVERY) <= most {
            return Ok(());
        }
        Err(ServiceError::new(ErrorCode::TooManyRequests, "Too many requests"))
    }

    /// Forgets all guesses.
    pub(crate) fn forget(&self) {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner) = Spent::default();
    }

    /// Counts what was a guess, by how it ended.
    pub(crate) fn count(
        &self,
        operation: Operation,
        source: Option<IpAddr>,
        now: i64,
        refusal: Option<&ErrorCode>,
    ) {
        let Some(network) = self.counted(operation, source) else { return };
        if !is_guess(operation, refusal) {
            return;
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.whole_at.len() >= MAX_REMEMBERED && now - spent.forgotten_at >= FORGET_EVERY {
            spent.forgotten_at = now;
            spent.whole_at.retain(|_, whole_at| *whole_at > now);
        }
        if spent.whole_at.len() < MAX_REMEMBERED || spent.whole_at.contains_key(&network) {
            let whole_at = spent.whole_at.entry(network).or_insert(now);
            *whole_at = (*whole_at).max(now) + EARNED_EVERY;
        }
    }

    /// Whom a call counts against, if anyone.
    fn counted(&self, operation: Operation, source: Option<IpAddr>) -> Option<Network> {
        let source = source.filter(|source| self.max > 0 && !Network::is_private(*source))?;
        let public = matches!(
            operation,
            Operation::InitiateAuth
                | Operation::RespondToAuthChallenge
                | Operation::ConfirmSignUp
                | Operation::ConfirmForgotPassword
        );
        (public || leaves_records(operation)).then(|| Network::from(source))
    }
}

/// Whether anyone can have records made by this operation, under any number of names.
fn leaves_records(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::SignUp | Operation::ForgotPassword | Operation::ResendConfirmationCode
    )
}

fn is_guess(operation: Operation, refusal: Option<&ErrorCode>) -> bool {
    refusal.is_some_and(is_wrong) || leaves_records(operation)
}

/// Whether a refusal says that something was wrong that may have been guessed.
pub(crate) fn is_wrong(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotAuthorized
            | ErrorCode::CodeMismatch
            | ErrorCode::ExpiredCode
            | ErrorCode::UserLambdaValidation
            | ErrorCode::UserNotFound
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGN_IN: Operation = Operation::InitiateAuth;

    fn from(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn guesses_are_earned_back_one_by_one() {
        let budget = GuessBudget::new(3);
        let (stranger, wrong) = (from("203.0.113.1"), Some(&ErrorCode::NotAuthorized));
        let permitted = |now| budget.permit(SIGN_IN, stranger, now).is_ok();
        for _ in 0..3 {
            assert!(permitted(0));
            budget.count(SIGN_IN, stranger, 0, wrong);
            budget.count(SIGN_IN, stranger, 0, None);
        }
        assert!(!permitted(0) && !permitted(EARNED_EVERY - 1) && permitted(EARNED_EVERY));
        assert!(budget.permit(SIGN_IN, from("203.0.113.2"), 0).is_ok(), "another address");
        assert!(budget.permit(Operation::GetUser, stranger, 0).is_ok(), "no guess");
    }

    #[test]
    fn private_addresses_have_no_budget() {
        let budget = GuessBudget::new(1);
        for source in ["127.0.0.1", "10.1.2.3", "192.168.1.1", "::1", "fd00::1", "::ffff:10.0.0.1"]
        {
            for _ in 0..5 {
                budget.count(Operation::SignUp, from(source), 0, None);
            }
            assert!(budget.permit(Operation::SignUp, from(source), 0).is_ok(), "{source}");
        }
        for source in ["203.0.113.1", "2001:db8::1"] {
            budget.count(Operation::SignUp, from(source), 0, None);
            assert!(budget.permit(Operation::SignUp, from(source), 0).is_err(), "{source}");
        }
        let unlimited = GuessBudget::new(0);
        unlimited.count(Operation::SignUp, from("203.0.113.1"), 0, None);
        assert!(unlimited.permit(Operation::SignUp, from("203.0.113.1"), 0).is_ok());
    }
}
