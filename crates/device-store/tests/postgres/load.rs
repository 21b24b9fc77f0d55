//! Changes from many threads while the server fails, and what must hold afterwards.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use device_pool::store::{Change, Key, Store as _, StoreError, Table, Write};
use device_store::PostgresStore;

const THREADS: usize = 8;

/// Increments acknowledged before the next failure.
const BETWEEN_FAILURES: usize = 20;

fn key(id: &str) -> Key {
    Key { table: Table::Spent, id: id.to_owned() }
}

fn put(id: &str, n: usize) -> (Key, Write) {
    (key(id), Write::Put { body: n.to_string().into_bytes(), expires_at: None })
}

fn number(store: &PostgresStore, id: &str) -> Option<usize> {
    let record = store.get(&key(id)).ok()??;
    Some(String::from_utf8(record.body).unwrap().parse().unwrap())
}

/// The outcomes of one thread's changes.
#[derive(Default)]
struct Outcomes {
    /// Increments of the counter that were acknowledged.
    incremented: usize,
    /// Increments that may have been committed.
    in_doubt: usize,
    /// The contended keys that this thread created.
    created: Vec<String>,
}

/// Runs `fail` repeatedly while threads increment a counter and race for keys, on two stores.
///
/// Waits for acknowledged changes before each failure and after the last. Asserts that nothing
/// acknowledged is missing, nothing happened twice and no key was given to two threads; returns how
/// many increments were acknowledged and how many were in doubt.
pub(crate) fn survive(
    stores: &[PostgresStore; 2],
    times: usize,
    fail: impl Fn(),
) -> (usize, usize) {
    let first = Change { expect: vec![], writes: vec![put("counter", 0)] };
    stores[0].apply(first).unwrap();
    let (done, acknowledged) = (AtomicBool::new(false), AtomicUsize::new(0));
    let wait_for_more = || {
        let before = acknowledged.load(Ordering::Relaxed);
        while acknowledged.load(Ordering::Relaxed) < before + BETWEEN_FAILURES {
            thread::yield_now();
        }
    };
    let outcomes: Vec<Outcomes> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let (store, done, acknowledged) = (&stores[n % 2], &done, &acknowledged);
                scope.spawn(move || load(store, n, done, acknowledged))
            })
            .collect();
        for _ in 0..times {
            wait_for_more();
            fail();
        }
        wait_for_more();
        done.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });

    let incremented: usize = outcomes.iter().map(|outcomes| outcomes.incremented).sum();
    let in_doubt: usize = outcomes.iter().map(|outcomes| outcomes.in_doubt).sum();
    let counter = number(&stores[0], "counter").unwrap();
    assert!(
        (incremented..=incremented + in_doubt).contains(&counter),
        "{counter} of {incremented} acknowledged and {in_doubt} in doubt"
    );
    let mut created: Vec<_> = outcomes.iter().flat_map(|outcomes| &outcomes.created).collect();
    let count = created.len();
    assert!(created.iter().all(|id| number(&stores[1], id).is_some()), "a created key is missing");
    created.sort();
    created.dedup();
    assert_eq!(created.len(), count, "a key was created twice");
    (incremented, in_doubt)
}

fn load(
    store: &PostgresStore,
    thread: usize,
    done: &AtomicBool,
    acknowledged: &AtomicUsize,
) -> Outcomes {
    let mut outcomes = Outcomes::default();
    let mut round = 0;
    while !done.load(Ordering::Relaxed) {
        round += 1;
        let id = format!("key/{round}");
        let create = Change { expect: vec![(key(&id), None)], writes: vec![put(&id, thread)] };
        if store.apply(create).is_ok() {
            outcomes.created.push(id);
        }
        let Ok(Some(seen)) = store.get(&key("counter")) else { continue };
        let count: usize = String::from_utf8(seen.body).unwrap().parse().unwrap();
        let expect = vec![(key("counter"), Some(seen.version))];
        match store.apply(Change { expect, writes: vec![put("counter", count + 1)] }) {
            Ok(()) => {
                outcomes.incremented += 1;
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            Err(StoreError::Conflict) => {}
            Err(_) => outcomes.in_doubt += 1,
        }
    }
    outcomes
}
