//! Tokens that developers expired before their time.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use device_pool::ServiceError;
use device_wire::{ErrorCode, Operation, param, sentence};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The number of issued tokens that are remembered; the oldest is dropped first.
const MAX_ISSUED: usize = 10_000;

/// The number of expired tokens and sessions that are refused; the one expired first is dropped
/// first.
const MAX_EXPIRED: usize = 100_000;

type Hash = [u8; 32];

/// The expired tokens, and those that can be expired by their user's name.
#[derive(Default)]
pub(crate) struct Expired(Mutex<Tokens>);

#[derive(Default)]
struct Tokens {
    /// The expired ones, and how many were expired before each.
    expired: HashMap<Hash, u64>,
    /// The expired ones in their order.
    order: VecDeque<(u64, Hash)>,
    count: u64,
    issued: VecDeque<Issued>,
}

struct Issued {
    holder: Holder,
    is_refresh: bool,
    hash: Hash,
}

/// Whom a token is for, as an access token says it.
#[derive(Clone, Deserialize, PartialEq, Eq)]
struct Holder {
    iss: String,
    username: String,
}

impl Tokens {
    fn expire(&mut self, hash: Hash) {
        self.count += 1;
        // Expired again, it counts as the latest; its earlier place in the order is void.
        self.expired.insert(hash, self.count);
        self.order.push_back((self.count, hash));
        while self.order.len() > MAX_EXPIRED {
            let Some((count, hash)) = self.order.pop_front() else { break };
            if self.expired.get(&hash) == Some(&count) {
                self.expired.remove(&hash);
            }
        }
    }
}

impl Expired {
    /// Remembers the tokens of an answer.
    pub(crate) fn note(&self, answer: &Value) {
        let Some(result) = answer.get("AuthenticationResult") else { return };
        let Some(access) = result.get("AccessToken").and_then(Value::as_str) else { return };
        let Some(holder) = holder(access) else { return };
        let refresh = result.get("RefreshToken").and_then(Value::as_str);
        let issued = [(access, false)].into_iter().chain(refresh.map(|token| (token, true)));
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.issued.extend(issued.map(|(token, is_refresh)| Issued {
            holder: holder.clone(),
            is_refresh,
            hash: hash(token),
        }));
        let surplus = tokens.issued.len().saturating_sub(MAX_ISSUED);
        tokens.issued.drain(..surplus);
    }

    /// Expires one token or session.
    pub(crate) fn expire(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).expire(hash(token));
    }

    /// Expires the access tokens of a user, and the refresh tokens if asked to; returns their
    /// number.
    pub(crate) fn expire_of(&self, pool_id: &str, username: &str, refresh_tokens: bool) -> usize {
        let mut tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of = |issued: &&Issued| {
            issued.holder.username == username
                && issued.holder.iss.rsplit('/').next() == Some(pool_id)
                && (refresh_tokens || !issued.is_refresh)
        };
        let hashes: Vec<Hash> =
            tokens.issued.iter().filter(is_of).map(|issued| issued.hash).collect();
        let count = hashes.len();
        hashes.into_iter().for_each(|hash| tokens.expire(hash));
        count
    }

    /// Drops all of it.
    pub(crate) fn clear(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Tokens::default();
    }

    /// Refuses a request that carries something expired, in the service's words.
    pub(crate) fn check(&self, operation: Operation, input: &Value) -> Result<(), ServiceError> {
        let tokens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.expired.is_empty() {
            return Ok(());
        }
        let is_expired = |value: Option<&Value>| {
            value
                .and_then(Value::as_str)
                .is_some_and(|text| tokens.expired.contains_key(&hash(text)))
        };
        let refresh = match operation {
            Operation::InitiateAuth | Operation::AdminInitiateAuth => {
                input.get("AuthParameters").and_then(|given| given.get(param::REFRESH_TOKEN))
            }
            _ => input.get("RefreshToken"),
        };
        if is_expired(input.get("AccessToken")) {
            Err(refused(sentence::EXPIRED_ACCESS_TOKEN))
        } else if is_expired(refresh) {
            Err(refused(sentence::EXPIRED_REFRESH_TOKEN))
        } else if is_expired(input.get("Session")) {
            Err(refused(sentence::EXPIRED_SESSION))
        } else {
            Ok(())
        }
    }
}

fn refused(sentence: &'static str) -> ServiceError {
    ServiceError::new(ErrorCode::NotAuthorized, sentence)
}

fn hash(token: &str) -> Hash {
    Sha256::digest(token).into()
}

/// Whom an access token of this server is for.
fn holder(access_token: &str) -> Option<Holder> {
    let payload = URL_SAFE_NO_PAD.decode(access_token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_refused(expired: &Expired, token: &str) -> bool {
        expired.check(Operation::GetUser, &json!({ "AccessToken": token })).is_err()
    }

    #[test]
    fn a_token_stays_expired_while_others_are_issued() {
        let claims = URL_SAFE_NO_PAD.encode(r#"{"iss":"http://h/us-east-1_A","username":"ada"}"#);
        let token = |number: usize| format!("h{number}.{claims}.s");
        let expired = Expired::default();
        let note = |number: usize| {
            expired.note(&json!({ "AuthenticationResult": { "AccessToken": token(number) } }));
        };
        note(0);
        assert_eq!(expired.expire_of("us-east-1_A", "ada", false), 1);
        (1..=MAX_ISSUED).for_each(note);
        assert!(is_refused(&expired, &token(0)));
        assert!(!is_refused(&expired, &token(1)));
        let known = expired.expire_of("us-east-1_A", "ada", false);
        assert_eq!(known, MAX_ISSUED, "the oldest was forgotten");
    }

    #[test]
    fn only_the_latest_expired_tokens_are_known() {
        let expired = Expired::default();
        expired.expire("a");
        expired.expire("b");
        expired.expire("a");
        (3..MAX_EXPIRED).for_each(|number| expired.expire(&number.to_string()));
        assert!(is_refused(&expired, "a") && is_refused(&expired, "b"));
        (0..2).for_each(|number| expired.expire(&format!("late{number}")));
        assert!(is_refused(&expired, "a") && !is_refused(&expired, "b"));
    }
}
