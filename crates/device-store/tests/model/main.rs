//! Random operations at the engine on all stores, compared with a plain model of the rules.
//!
//! `rules` is the model and the specification, `operation` chooses what happens next, `client`
//! performs it at the engines with real proofs, and `invariants` checks what must hold in any case.
//! CONTRIBUTING.md says how to run more steps and how to repeat a failure.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its own functions too"
)]

mod client;
mod invariants;
mod operation;
#[cfg(feature = "test-postgres")]
mod postgres;
mod rules;
mod stores;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use device_pool::store::Store;
use device_store::{MemoryStore, SqliteStore};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use client::Apps;
use operation::Operation;
use rules::{Answer, Challenge, Model, Refusal};

/// The variables that set the number of steps and the first seed.
const STEPS: &str = "DEVICE_MODEL_STEPS";
const SEED: &str = "DEVICE_MODEL_SEED";

/// The number of operations on one pool.
const LENGTH: usize = 200;

/// When the clock of each pool starts.
const START: i64 = 1_790_000_000_000;

/// The stores of one pool, and what must outlive them.
type Opened = (Vec<(&'static str, Arc<dyn Store>)>, Box<dyn std::any::Any>);

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Self> {
        let seed = any::<u64>().no_shrink();
        let policy = operation::policy();
        (seed, policy).prop_map(|(seed, policy)| Self::new(seed, START, policy)).boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Operation> {
        operation::next(state)
    }

    fn preconditions(state: &Self, operation: &Operation) -> bool {
        operation::is_possible(state, operation)
    }

    fn apply(mut state: Self, operation: &Operation) -> Self {
        state.perform(operation);
        state
    }
}

/// How often each operation ended in which way.
type Tally = BTreeMap<(String, String), usize>;

/// Counts how an operation ended that `model` has performed.
fn count(tally: &mut Tally, operation: &Operation, model: &Model) {
    let name = format!("{operation:?}");
    let name = name.split([' ', '(']).next().unwrap();
    *tally.entry((name.to_owned(), ended(operation, model))).or_default() += 1;
}

/// How an operation ended: in short, and without numbers.
fn ended(operation: &Operation, model: &Model) -> String {
    match &model.answer {
        Ok(Answer::Tokens { .. }) if matches!(operation, Operation::Refresh { .. }) => {
            "Ok(Tokens again".to_owned()
        }
        Ok(Answer::Tokens { proofs, .. }) => {
            let user = model.grants.last().unwrap().owner.0;
            let due = if model.is_second_factor_due(user) { "due" } else { "not due" };
            format!("Ok(Tokens by {}, a code {due}", proofs.join("+"))
        }
        answer => {
            let text = format!("{answer:?}");
            let text = text.split([' ', '[']).next().unwrap();
            text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
        }
    }
}

/// Compares the engine with the model on one pool; the error says how they differ.
fn compare(seed: u64, open: &impl Fn() -> Opened, tally: &Mutex<Tally>) -> Result<(), String> {
    let mut runner = TestRunner::new(Config {
        cases: 1,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: LENGTH as u32,
        ..Config::default()
    });
    let operations = Model::sequential_strategy(LENGTH);
    let compared = runner.run(&operations, |(mut model, operations, seen)| {
        let (stores, _outlives) = open();
        let mut apps = Apps::new(&stores, &model);
        for operation in operations {
            if let Some(seen) = &seen {
                seen.fetch_add(1, Ordering::SeqCst);
            }
            model.perform(&operation);
            apps.perform(&model, &operation);
            count(&mut tally.lock().unwrap(), &operation, &model);
        }
        Ok(())
    });
    compared.map_err(|error| match error {
        TestError::Fail(reason, (model, operations, _)) => format!(
            "{reason}\nafter {} operations, the last of these, in a pool with {:?}:\n{}\nTo repeat \
             it, set {SEED}={seed} {STEPS}={LENGTH}.",
            operations.len(),
            model.policy,
            operations.iter().map(|operation| format!("  {operation:?}\n")).collect::<String>(),
        ),
        TestError::Abort(reason) => format!("seed {seed}: {reason}"),
    })
}

/// Compares the engine with the model for so many steps, or as many as the variable says, on all
/// cores. Returns what happened how often, if it was as many.
fn compare_all(steps: usize, open: impl Fn() -> Opened + Sync) -> Option<Tally> {
    let number = |name: &str, default: usize| {
        env::var(name).map_or(default, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}"))
        })
    };
    let first = number(SEED, 1);
    let seeds = first..first + number(STEPS, steps).div_ceil(LENGTH);
    let threads = thread::available_parallelism().unwrap().get();
    let (tally, failed) = (Mutex::default(), AtomicBool::new(false));
    // Each until it fails, or another one has.
    let worker = |start: usize| {
        let mut seeds = seeds.clone().skip(start).step_by(threads);
        seeds.find_map(|seed| {
            let compared = compare(seed as u64, &open, &tally);
            let is_over =
                failed.fetch_or(compared.is_err(), Ordering::Relaxed) || compared.is_err();
            is_over.then_some(compared)
        })
    };
    let failures: Vec<String> = thread::scope(|scope| {
        let worker = &worker;
        let workers: Vec<_> =
            (0..threads).map(|start| scope.spawn(move || worker(start))).collect();
        workers.into_iter().filter_map(|worker| worker.join().unwrap()?.err()).collect()
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let tally = tally.into_inner().unwrap();
    for ((operation, answer), times) in &tally {
        println!("{times:>8}  {operation:<24} {answer}");
    }
    (seeds.len() * LENGTH >= steps).then_some(tally)
}

fn memory_and_sqlite() -> Opened {
    // In memory where that is possible: disk syncs would take most of the time.
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let sqlite = SqliteStore::open(directory.path()).unwrap();
    let stores: Vec<(&'static str, Arc<dyn Store>)> =
        vec![("memory", Arc::new(MemoryStore::new())), ("SQLite", Arc::new(sqlite))];
    (stores, Box::new(directory))
}

#[test]
fn the_engine_follows_the_model() {
    let Some(tally) = compare_all(100_000, memory_and_sqlite) else { return };
    // Random operations that never come to a rule do not check it.
    let met = |what: &str| {
        let answers = tally.keys().map(|(_, answer)| answer.as_str());
        answers.filter(|answer| answer.starts_with(what)).collect::<BTreeSet<_>>()
    };
    assert_eq!(met("Err").len(), Refusal::COUNT, "not all refusals: {:?}", met("Err"));
    assert_eq!(met("Ok(Challenge").len(), Challenge::COUNT, "{:?}", met("Ok(Challenge"));
    // With and without a second factor, and with a device that replaces it.
    for how in [
        "pwd, a code not due",
        "pwd+dev, a code not due",
        "pwd+otp, a code due",
        "pwd+otp+dev, a code due",
        "pwd+dev, a code due",
    ] {
        let how = format!("Ok(Tokens by {how}");
        assert!(met("Ok(Tokens").contains(how.as_str()), "no {how}: {:?}", met("Ok(Tokens"));
    }
}
