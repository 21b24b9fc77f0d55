//! Checks every known answer in `vectors/srp.json`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a fixture that fails is a test that fails"
)]

extern crate alloc;

#[path = "vectors/known_answers.rs"]
mod known_answers;

use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/srp.json")).unwrap()
}

#[test]
fn published_claims() {
    known_answers::published_claims(&vectors());
}

#[test]
fn published_verifiers() {
    known_answers::published_verifiers(&vectors());
}

#[test]
fn published_scramblers_hash_the_values_as_sent() {
    known_answers::published_scramblers_hash_the_values_as_sent(&vectors());
}

#[test]
fn derived_edge_cases_in_both_roles() {
    known_answers::derived_edge_cases_in_both_roles(&vectors());
}

#[test]
fn secret_hash_of_a_signed_claim() {
    known_answers::secret_hash_of_a_signed_claim(&vectors());
}

#[test]
fn padding() {
    known_answers::padding(&vectors());
}
