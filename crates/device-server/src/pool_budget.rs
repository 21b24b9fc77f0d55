//! What strangers may ask of one pool, whatever addresses they come from.
//!
//! The rates are quotas of the service's, by category of operation. They bound what all strangers
//! together can do to a pool, and to the other pools of a server, however many addresses they have.
//! Beyond the rate of failures, addresses that signed in lately are still served: otherwise anyone
//! could lock all users out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use device_pool::{About, ServiceError};
use device_wire::{ErrorCode, Operation};
use serde_json::Value;

use crate::guess_budget::is_wrong;
use crate::limits::PoolRates;
use crate::network::Network;

/// A pool may use the rate of so many seconds at once.
const BURST_SECONDS: i64 = 10;

const SECOND: i64 = 1_000_000;

/// How long an address is served after it signed in, in microseconds.
const KNOWN_FOR: i64 = 24 * 60 * 60 * SECOND;

/// Pools, app clients and addresses that are remembered at a time, each.
const MAX_REMEMBERED: usize = 100_000;

/// What a pool's rate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Category {
    SignUps,
    CodeRequests,
    Failures,
}

impl Category {
    const fn of(operation: Operation) -> Option<Self> {
        match operation {
            Operation::SignUp => Some(Self::SignUps),
            Operation::ForgotPassword | Operation::ResendConfirmationCode => {
                Some(Self::CodeRequests)
            }
            Operation::InitiateAuth
            | Operation::RespondToAuthChallenge
            | Operation::ConfirmSignUp
            | Operation::ConfirmForgotPassword => Some(Self::Failures),
            _ => None,
        }
    }
}

/// The budgets of all pools.
pub(crate) struct PoolBudget {
    rates: PoolRates,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When a pool has all of a category back, in microseconds.
    whole_at: HashMap<(String, Category), i64>,
    /// The pool of each app client that was seen.
    pools: HashMap<String, String>,
    /// Until when an address counts as known in a pool.
    known: HashMap<(String, Network), i64>,
}

impl PoolBudget {
    pub(crate) fn new(rates: PoolRates) -> Self {
        Self { rates, state: Mutex::default() }
    }

    /// Refuses a call to a pool of which strangers have asked too much. `now` is in milliseconds.
    pub(crate) fn permit(
        &self,
        operation: Operation,
        input: &Value,
        source: Option<IpAddr>,
        now: i64,
    ) -> Result<(), ServiceError> {
        let Some((category, cost)) = self.cost_of(operation) else { return Ok(()) };
        let now = now.saturating_mul(1000);
        let Some(client) = input.get("ClientId").and_then(Value::as_str) else { return Ok(()) };
        let state = self.state();
        let Some(pool) = state.pools.get(client) else { return Ok(()) };
        let whole_at = state.whole_at.get(&(pool.clone(), category)).copied().unwrap_or(now);
        if whole_at.saturating_sub(now).saturating_add(cost) <= BURST_SECONDS * SECOND {
            return Ok(());
        }
        let is_known = |source| {
            let known = state.known.get(&(pool.clone(), Network::from(source)));
            known.is_some_and(|until| now < *until)
        };
        if category == Category::Failures && source.is_some_and(is_known) {
            return Ok(());
        }
        Err(ServiceError::new(ErrorCode::TooManyRequests, "Too many requests"))
    }

    /// Counts a call, by how it ended. `now` is in milliseconds.
    pub(crate) fn count(
        &self,
        operation: Operation,
        about: &About,
        source: Option<IpAddr>,
        now: i64,
        refusal: Option<&ErrorCode>,
    ) {
        let Some((category, cost)) = self.cost_of(operation) else { return };
        let (Some(pool), Some(client)) = (&about.pool_id, &about.client_id) else { return };
        let now = now.saturating_mul(1000);
        let mut state = self.state();
        state.make_room(now);
        if !state.pools.contains_key(client) {
            state.pools.insert(client.clone(), pool.clone());
        }
        if category == Category::Failures && !refusal.is_some_and(is_wrong) {
            let signed_in = about.sign_in.is_some() && refusal.is_none();
            if let Some(source) = source.filter(|_| signed_in) {
                state.known.insert((pool.clone(), Network::from(source)), now + KNOWN_FOR);
            }
            return;
        }
        let whole_at = state.whole_at.entry((pool.clone(), category)).or_insert(now);
        *whole_at = (*whole_at).max(now) + cost;
    }

    /// Forgets all that was counted.
    pub(crate) fn forget(&self) {
        *self.state() = State::default();
    }

    /// The category of an operation, and what one call takes of it; `None` if it has no limit.
    fn cost_of(&self, operation: Operation) -> Option<(Category, i64)> {
        let category = Category::of(operation)?;
        let rate = match category {
            Category::SignUps => self.rates.sign_ups,
            Category::CodeRequests => self.rates.code_requests,
            Category::Failures => self.rates.failures,
        };
        (rate > 0).then(|| (category, SECOND / i64::from(rate)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops what no longer counts of a map that is full, and all of it if that is not enough.
    fn make_room(&mut self, now: i64) {
        fn shrink<K>(map: &mut HashMap<K, i64>, now: i64) {
            if map.len() >= MAX_REMEMBERED {
                map.retain(|_, until| *until > now);
            }
            if map.len() >= MAX_REMEMBERED {
                map.clear();
            }
        }
        shrink(&mut self.whole_at, now);
        shrink(&mut self.known, now);
        if self.pools.len() >= MAX_REMEMBERED {
            self.pools.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn budget() -> PoolBudget {
        PoolBudget::new(PoolRates { sign_ups: 2, code_requests: 0, failures: 1 })
    }

    fn about(pool: &str) -> About {
        let mut about = About::default();
        about.pool_id = Some(pool.to_owned());
        about.client_id = Some(format!("client of {pool}"));
        about
    }

    fn permitted(
        budget: &PoolBudget,
        operation: Operation,
        pool: &str,
        from: &str,
        now: i64,
    ) -> bool {
        let input = json!({ "ClientId": format!("client of {pool}") });
        budget.permit(operation, &input, Some(from.parse().unwrap()), now).is_ok()
    }

    #[test]
    fn a_pool_has_ten_seconds_of_its_rate_at_once() {
        let budget = budget();
        for _ in 0..20 {
            assert!(permitted(&budget, Operation::SignUp, "a", "203.0.113.1", 0));
            budget.count(Operation::SignUp, &about("a"), None, 0, None);
        }
        assert!(!permitted(&budget, Operation::SignUp, "a", "203.0.113.2", 499));
        assert!(permitted(&budget, Operation::SignUp, "a", "203.0.113.2", 500), "two a second");
        assert!(permitted(&budget, Operation::SignUp, "b", "203.0.113.1", 0), "another pool");
        for _ in 0..100 {
            budget.count(Operation::ForgotPassword, &about("a"), None, 0, None);
        }
        assert!(permitted(&budget, Operation::ForgotPassword, "a", "203.0.113.1", 0), "no limit");
    }

    #[test]
    fn addresses_that_signed_in_are_served_in_a_flood() {
        let budget = budget();
        let mut signed_in = about("a");
        signed_in.sign_in = Some(device_pool::SignInOutcome::Passed);
        let (home, sign_in) = ("198.51.100.7", Operation::InitiateAuth);
        budget.count(sign_in, &signed_in, Some(home.parse().unwrap()), 0, None);
        for _ in 0..10 {
            assert!(permitted(&budget, sign_in, "a", "203.0.113.1", 0));
            budget.count(sign_in, &about("a"), None, 0, Some(&ErrorCode::NotAuthorized));
            budget.count(sign_in, &about("a"), None, 0, None);
        }
        assert!(!permitted(&budget, sign_in, "a", "203.0.113.1", 0));
        assert!(permitted(&budget, sign_in, "a", home, 0));
        assert!(permitted(&budget, sign_in, "a", "203.0.113.1", 1000), "one a second");
        let day = 24 * 60 * 60 * 1000;
        (0..20).for_each(|_| {
            budget.count(sign_in, &about("a"), None, day, Some(&ErrorCode::NotAuthorized));
        });
        assert!(!permitted(&budget, sign_in, "a", home, day), "known for a day");
    }
}
