//! What strangers may ask of one pool, whatever addresses they come from.
//!
//! The rates are quotas of the service's, by category of operation. They bound what all strangers
//! together can do to a pool, and to the other pools of a server, however many addresses they have.
//! Beyond the rates of failures and of codes, addresses that signed in lately are still served:
//! otherwise anyone could lock all users out, and keep them from a new password.

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
pub(crate) enum Category {
    SignUps,
    CodeRequests,
    Failures,
}

impl Category {
    /// The category of a call, unless it has no limit. A refresh token cannot be guessed.
    pub(crate) fn of(operation: Operation, input: &Value) -> Option<Self> {
        match operation {
            _ if is_refresh(operation, input) => None,
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
        category: Category,
        input: &Value,
        source: Option<IpAddr>,
        now: i64,
    ) -> Result<(), ServiceError> {
        let Some(cost) = self.cost_of(category) else { return Ok(()) };
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
        if category != Category::SignUps && source.is_some_and(is_known) {
            return Ok(());
        }
        Err(ServiceError::new(ErrorCode::TooManyRequests, "Too many requests"))
    }

    /// Counts a call, by how it ended. `now` is in milliseconds.
    pub(crate) fn count(
        &self,
        category: Category,
        about: &About,
        source: Option<IpAddr>,
        now: i64,
        refusal: Option<&ErrorCode>,
    ) {
        if !self.has_limits() {
            return;
        }
        let (Some(pool), Some(client)) = (&about.pool_id, &about.client_id) else { return };
        let now = now.saturating_mul(1000);
        let mut state = self.state();
        state.make_room();
        if !state.pools.contains_key(client) {
            state.pools.insert(client.clone(), pool.clone());
        }
        if category == Category::Failures && !refusal.is_some_and(is_wrong) {
            let signed_in = about.sign_in.is_some() && refusal.is_none();
            // A private address may be a proxy's, and so everyone's.
            let own = source.filter(|source| signed_in && !Network::is_private(*source));
            if let Some(source) = own {
                state.known.insert((pool.clone(), Network::from(source)), now + KNOWN_FOR);
            }
            return;
        }
        let Some(cost) = self.cost_of(category) else { return };
        let whole_at = state.whole_at.entry((pool.clone(), category)).or_insert(now);
        // What known addresses ask beyond the limit makes strangers wait no longer.
        *whole_at = ((*whole_at).max(now) + cost).min(now + BURST_SECONDS * SECOND);
    }

    /// Forgets all that was counted.
    pub(crate) fn forget(&self) {
        *self.state() = State::default();
    }

    /// What one call takes, in microseconds; `None` if the category has no limit.
    fn cost_of(&self, category: Category) -> Option<i64> {
        let rate = match category {
            Category::SignUps => self.rates.sign_ups,
            Category::CodeRequests => self.rates.code_requests,
            Category::Failures => self.rates.failures,
        };
        (rate > 0).then(|| SECOND / i64::from(rate))
    }

    fn has_limits(&self) -> bool {
        self.rates != PoolRates { sign_ups: 0, code_requests: 0, failures: 0 }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops what ends soonest of a map that is full.
    fn make_room(&mut self) {
        fn shrink<K>(map: &mut HashMap<K, i64>) {
            if map.len() >= MAX_REMEMBERED {
                // A tenth at once, so that a flood of new keys seldom searches the map.
                let mut ends: Vec<i64> = map.values().copied().collect();
                let (_, last, _) = ends.select_nth_unstable(MAX_REMEMBERED / 10);
                let last = *last;
                map.retain(|_, until| *until > last);
            }
        }
        shrink(&mut self.whole_at);
        shrink(&mut self.known);
        if self.pools.len() >= MAX_REMEMBERED {
            self.pools.clear();
        }
    }
}

/// Whether the call exchanges a refresh token for new tokens.
pub(crate) fn is_refresh(operation: Operation, input: &Value) -> bool {
    match operation {
        Operation::GetTokensFromRefreshToken => true,
        Operation::InitiateAuth | Operation::AdminInitiateAuth => {
            let flow = input.get("AuthFlow").and_then(Value::as_str).unwrap_or_default();
            flow.starts_with("REFRESH_TOKEN")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn about(pool: &str) -> About {
        let mut about = About::default();
        about.pool_id = Some(pool.to_owned());
        about.client_id = Some(format!("client of {pool}"));
        about
    }

    fn permitted(
        budget: &PoolBudget,
        category: Category,
        pool: &str,
        from: &str,
        now: i64,
    ) -> bool {
        let input = json!({ "ClientId": format!("client of {pool}") });
        budget.permit(category, &input, Some(from.parse().unwrap()), now).is_ok()
    }

    #[test]
    fn a_pool_has_ten_seconds_of_its_rate_at_once() {
        let budget = PoolBudget::new(PoolRates { sign_ups: 2, code_requests: 0, failures: 1 });
        for _ in 0..20 {
            assert!(permitted(&budget, Category::SignUps, "a", "203.0.113.1", 0));
            budget.count(Category::SignUps, &about("a"), None, 0, None);
        }
        assert!(!permitted(&budget, Category::SignUps, "a", "203.0.113.2", 499));
        assert!(permitted(&budget, Category::SignUps, "a", "203.0.113.2", 500), "two a second");
        assert!(permitted(&budget, Category::SignUps, "b", "203.0.113.1", 0), "another pool");
        for _ in 0..100 {
            budget.count(Category::CodeRequests, &about("a"), None, 0, None);
        }
        assert!(permitted(&budget, Category::CodeRequests, "a", "203.0.113.1", 0), "no limit");
    }

    #[test]
    fn addresses_that_signed_in_are_served_in_a_flood() {
        // An address is known from its sign-in, whether failures have a limit or not.
        let codes = PoolRates { sign_ups: 1, code_requests: 1, failures: 0 };
        let failures = PoolRates { sign_ups: 1, code_requests: 0, failures: 1 };
        for (rates, category) in [(codes, Category::CodeRequests), (failures, Category::Failures)] {
            let budget = PoolBudget::new(rates);
            let mut signed_in = about("a");
            signed_in.sign_in = Some(device_pool::SignInOutcome::Passed);
            let home = "198.51.100.7";
            budget.count(Category::Failures, &signed_in, Some(home.parse().unwrap()), 0, None);
            let wrong = Some(&ErrorCode::NotAuthorized);
            for _ in 0..10 {
                assert!(permitted(&budget, category, "a", "203.0.113.1", 0));
                budget.count(category, &about("a"), None, 0, wrong);
                budget.count(Category::Failures, &about("a"), None, 0, None);
                budget.count(Category::SignUps, &about("a"), None, 0, None);
            }
            assert!(!permitted(&budget, category, "a", "203.0.113.1", 0));
            assert!(permitted(&budget, category, "a", home, 0));
            assert!(!permitted(&budget, Category::SignUps, "a", home, 0));
            assert!(permitted(&budget, category, "a", "203.0.113.1", 1000), "one a second");
            let day = 24 * 60 * 60 * 1000;
            (0..20).for_each(|_| budget.count(category, &about("a"), None, day, wrong));
            assert!(!permitted(&budget, category, "a", home, day), "known for a day");
        }
    }

    #[test]
    fn a_flood_by_a_known_address_ends_with_it() {
        let rates = PoolRates { sign_ups: 1, code_requests: 1, failures: 1 };
        let budget = PoolBudget::new(rates);
        for _ in 0..10_000 {
            budget.count(Category::CodeRequests, &about("a"), None, 0, None);
        }
        let stranger = "203.0.113.1";
        assert!(!permitted(&budget, Category::CodeRequests, "a", stranger, 999));
        assert!(permitted(&budget, Category::CodeRequests, "a", stranger, 1000), "one a second");
    }

    #[test]
    fn the_address_known_longest_makes_room() {
        let budget = PoolBudget::new(PoolRates { sign_ups: 1, code_requests: 1, failures: 1 });
        let mut signed_in = about("a");
        signed_in.sign_in = Some(device_pool::SignInOutcome::Passed);
        let address = |number: usize| IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
        for number in 0..=MAX_REMEMBERED {
            let (source, at) = (address(0x0800_0000 + number), i64::try_from(number).unwrap());
            budget.count(Category::Failures, &signed_in, Some(source), at, None);
        }
        for _ in 0..1000 {
            budget.count(Category::CodeRequests, &about("a"), None, 100_000, None);
        }
        let is_served = |number: usize| {
            let source = address(0x0800_0000 + number).to_string();
            permitted(&budget, Category::CodeRequests, "a", &source, 100_000)
        };
        assert!(!is_served(0));
        assert!(is_served(MAX_REMEMBERED / 5) && is_served(MAX_REMEMBERED));
    }

    #[test]
    fn private_addresses_are_never_known() {
        let budget = PoolBudget::new(PoolRates { sign_ups: 1, code_requests: 1, failures: 1 });
        let mut signed_in = about("a");
        signed_in.sign_in = Some(device_pool::SignInOutcome::Passed);
        let proxy = "10.0.0.1";
        budget.count(Category::Failures, &signed_in, Some(proxy.parse().unwrap()), 0, None);
        for _ in 0..10 {
            budget.count(Category::CodeRequests, &about("a"), None, 0, None);
        }
        assert!(!permitted(&budget, Category::CodeRequests, "a", proxy, 0));
    }

    #[test]
    fn refreshes_have_no_limit() {
        for flow in ["REFRESH_TOKEN", "REFRESH_TOKEN_AUTH"] {
            let input = json!({ "AuthFlow": flow });
            assert_eq!(Category::of(Operation::InitiateAuth, &input), None);
        }
        let input = json!({ "AuthFlow": "USER_SRP_AUTH" });
        assert_eq!(Category::of(Operation::InitiateAuth, &input), Some(Category::Failures));
    }
}
