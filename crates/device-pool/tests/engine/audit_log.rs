//! The audit log: sealing, exports, and what a verification finds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use device_pool::store::{Change, Key, Record, Store, StoreError, Table, Write};
use device_pool::{
    AuditAlteration, AuditExportRequest, AuditHead, AuditVerdict, AuditVerifier, Invocation,
    Moment, Retention,
};
use device_store::MemoryStore;
use device_wire::Operation;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng};
use serde_json::{Value, json};

use crate::world::World;

const DAY: i64 = 24 * 60 * 60;

fn world() -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    (World::over(store.clone(), 7), store)
}

fn seal(world: &mut World) -> Vec<AuditHead> {
    let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut world.rng);
    world.engine.seal_audit_logs(&mut invocation).unwrap()
}

fn export_of(world: &mut World, pool: &str) -> Vec<String> {
    let mut request = AuditExportRequest::new(pool);
    let mut lines = Vec::new();
    loop {
        let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut world.rng);
        let page = world.engine.export_audit(&request, &mut invocation).unwrap();
        lines.extend(page.lines);
        request.next = page.next;
        if request.next.is_none() {
            return lines;
        }
    }
}

pub(crate) fn export(world: &mut World) -> Vec<String> {
    let pool = world.pool.clone();
    export_of(world, &pool)
}

fn verify_against<S: AsRef<str>>(
    lines: &[S],
    key: Option<&str>,
    kept: &[String],
) -> Result<AuditVerdict, AuditAlteration> {
    let mut verifier = AuditVerifier::new(key.map(str::to_owned), kept.to_vec());
    for line in lines {
        verifier.line(line.as_ref())?;
    }
    verifier.finish().map(|(verdict, _)| verdict)
}

pub(crate) fn verify<S: AsRef<str>>(lines: &[S]) -> Result<AuditVerdict, AuditAlteration> {
    verify_against(lines, None, &[])
}

/// The line of an event, as JSON, with its place in the file.
fn line_of(lines: &[String], event: u64) -> (usize, Value) {
    let read = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let found = lines.iter().map(read).enumerate().find(|(_, line)| line["index"] == event);
    found.unwrap()
}

fn guess(world: &mut World, name: &str) {
    let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": name, "PASSWORD": "Wrong-horse-7"}});
    world.refused(Operation::InitiateAuth, body);
}

fn delete(world: &mut World, name: &str) {
    let request = json!({"UserPoolId": world.pool, "Username": name});
    world.ok(Operation::AdminDeleteUser, request);
    let now = world.moment();
    world.engine.purge(now).unwrap();
}

/// Signs a user in `count` times by password.
fn sign_in(world: &mut World, name: &str, count: usize) {
    for _ in 0..count {
        world.seconds(1);
        let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
            "AuthParameters": {"USERNAME": name, "PASSWORD": crate::world::PASSWORD}});
        world.ok(Operation::InitiateAuth, body);
    }
}

#[test]
fn each_event_is_sealed_once_and_in_the_export() {
    let (mut world, store) = world();
    world.user("ada");
    sign_in(&mut world, "ada", 3);
    let events = store.scan(Table::AuditEvent, "", None, usize::MAX).unwrap().len();
    let [head] = &*seal(&mut world) else { panic!() };
    assert_eq!((&head.pool_id, head.size), (&world.pool, events as u64));
    assert_eq!(seal(&mut world), [], "nothing is left");
    let lines = export(&mut world);
    let verdict = verify(&lines).unwrap();
    assert_eq!((verdict.size, verdict.events), (events as u64, events as u64));
    assert_eq!((verdict.erased, verdict.removed, verdict.root), (0, 0, head.root.clone()));
    // An export has what happened until then.
    sign_in(&mut world, "ada", 1);
    assert_eq!(verify(&export(&mut world)).unwrap().size, events as u64 + 1);
}

#[test]
fn guesses_at_unknown_names_are_not_sealed() {
    let (mut world, store) = world();
    world.user("ada");
    world.client = world.make_client(json!({"PreventUserExistenceErrors": "ENABLED",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]}));
    seal(&mut world);
    guess(&mut world, "nobody");
    guess(&mut world, "ada");
    let unsealed = || store.scan(Table::UnsealedEvent, "", None, usize::MAX).unwrap().len();
    assert_eq!(unsealed(), 2, "as much is written for both");
    let before = verify(&export(&mut world)).unwrap();
    assert_eq!(unsealed(), 0);
    guess(&mut world, "nobody");
    assert_eq!(seal(&mut world), []);
    assert_eq!((unsealed(), verify(&export(&mut world)).unwrap().size), (0, before.size));
}

/// A store in which other servers get a turn before each change.
struct Contested {
    store: MemoryStore,
    conflicts: AtomicUsize,
}

impl Store for Contested {
    fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
        thread::yield_now();
        self.store.get(key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(Key, Record)>, StoreError> {
        thread::yield_now();
        self.store.scan(table, prefix, after, limit)
    }

    fn apply(&self, change: Change) -> Result<(), StoreError> {
        thread::yield_now();
        let applied = self.store.apply(change);
        if matches!(applied, Err(StoreError::Conflict)) {
            self.conflicts.fetch_add(1, Ordering::Relaxed);
        }
        applied
    }

    fn purge(&self, now: i64) -> Result<usize, StoreError> {
        self.store.purge(now)
    }
}

#[test]
fn several_sealers_seal_no_event_twice() {
    let store = Arc::new(Contested { store: MemoryStore::new(), conflicts: AtomicUsize::new(0) });
    let mut world = World::over(store.clone(), 7);
    world.user("ada");
    seal(&mut world);
    for _ in 0..20 {
        sign_in(&mut world, "ada", 5);
        thread::scope(|threads| {
            for seed in 0..4 {
                let (engine, now) = (&world.engine, world.moment());
                threads.spawn(move || {
                    let mut rng = StdRng::seed_from_u64(seed);
                    engine.seal_audit_logs(&mut Invocation::new(now, &mut rng)).unwrap();
                });
            }
        });
    }
    seal(&mut world);
    let events = store.scan(Table::AuditEvent, "", None, usize::MAX).unwrap().len() as u64;
    let verdict = verify(&export(&mut world)).unwrap();
    assert_eq!((verdict.size, verdict.events), (events, events));
}

/// The interleaving in which the notes that one server read are gone when it writes.
#[test]
fn a_sealer_that_is_outrun_writes_nothing() {
    /// A store that lets another engine seal after the first scan of unsealed events by pool.
    struct Outrun {
        store: Arc<MemoryStore>,
        other: std::sync::Mutex<Option<device_pool::Engine>>,
    }

    impl Store for Outrun {
        fn get(&self, key: &Key) -> Result<Option<Record>, StoreError> {
            self.store.get(key)
        }

        fn scan(
            &self,
            table: Table,
            prefix: &str,
            after: Option<&str>,
            limit: usize,
        ) -> Result<Vec<(Key, Record)>, StoreError> {
            let found = self.store.scan(table, prefix, after, limit)?;
            if table == Table::UnsealedEvent
                && !prefix.is_empty()
                && let Some(other) = self.other.lock().unwrap().take()
            {
                let mut rng = StdRng::seed_from_u64(9);
                let now = Moment::from_millis(crate::world::START);
                other.seal_audit_logs(&mut Invocation::new(now, &mut rng)).unwrap();
            }
            Ok(found)
        }

        fn apply(&self, change: Change) -> Result<(), StoreError> {
            self.store.apply(change)
        }

        fn purge(&self, now: i64) -> Result<usize, StoreError> {
            self.store.purge(now)
        }
    }

    for sealed_before in [false, true] {
        let store = Arc::new(MemoryStore::new());
        let other = World::over(store.clone(), 8).engine;
        let outrun = Arc::new(Outrun { store, other: std::sync::Mutex::new(None) });
        let mut world = World::over(outrun.clone(), 7);
        if sealed_before {
            seal(&mut world);
        }
        world.user("ada");
        *outrun.other.lock().unwrap() = Some(other);
        seal(&mut world);
        let verdict = verify(&export(&mut world)).unwrap();
        assert_eq!(verdict.size, verdict.events);
        let pool = world.pool.clone();
        let lines = export_of(&mut world, &pool);
        let ids: std::collections::BTreeSet<String> = lines
            .iter()
            .filter_map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                line["event"]["id"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(ids.len() as u64, verdict.size, "no event is there twice");
    }
}

#[test]
fn an_erased_user_leaves_the_log_verifiable() {
    let (mut world, _) = world();
    world.user("ada");
    sign_in(&mut world, "ada", 2);
    let before = verify(&export(&mut world)).unwrap();
    delete(&mut world, "ada");
    let lines = export(&mut world);
    let verdict = verify(&lines).unwrap();
    assert!(verdict.size > before.size && verdict.erased >= 2, "{verdict:?}");
    let erased = lines.iter().filter(|line| line.contains("ip_commitment")).count();
    assert_eq!(verdict.erased, erased as u64);
    // The rest of such an event is still proven.
    let read = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let place = lines.iter().position(|line| line.contains("ip_commitment")).unwrap();
    let mut line = read(&lines[place]);
    assert_eq!((&line["event"]["ip"], &line["event"]["ip_salt"]), (&Value::Null, &Value::Null));
    line["event"]["outcome"] = json!("failed");
    let mut changed = lines.clone();
    changed[place] = line.to_string();
    let told = verify(&changed).unwrap_err();
    assert_eq!(told.event, line["index"].as_u64(), "{told}");
}

#[test]
fn expired_events_leave_their_hash_and_then_a_range() {
    let store = Arc::new(MemoryStore::new());
    let retention = Retention { audit_days: 10, ..Retention::default() };
    let mut world = World::keeping(retention, store.clone(), 7);
    world.user("ada");
    sign_in(&mut world, "ada", 300);
    let kept = seal(&mut world).remove(0);
    world.seconds(5 * DAY);
    sign_in(&mut world, "ada", 10);
    seal(&mut world);
    let first = verify(&export(&mut world)).unwrap();
    assert_eq!((first.size, first.removed), (first.events, 0));
    // Some have expired, and their hashes are listed.
    world.seconds(6 * DAY);
    seal(&mut world);
    assert_eq!(verify(&export(&mut world)).unwrap().events, first.size, "they are still there");
    world.engine.purge(world.moment()).unwrap();
    let second =
        verify_against(&export(&mut world), None, std::slice::from_ref(&kept.signed)).unwrap();
    assert_eq!((second.size, second.events, second.kept_heads), (first.size, 10, 1));
    let tiles = || store.scan(Table::AuditTile, "", None, usize::MAX).unwrap().len();
    let before = tiles();
    // The full rows of leaves among them go.
    seal(&mut world);
    assert_eq!((before, tiles()), (3, 1));
    let lines = export(&mut world);
    let third = verify_against(&lines, None, std::slice::from_ref(&kept.signed)).unwrap();
    assert_eq!(third.kept_heads, 1);
    assert_eq!((third.size, third.events, third.removed), (first.size, 10, first.size - 10));
    assert_eq!(line_of(&lines, 256).1["event"], Value::Null);
    // A head of before that range cannot be compared.
    let mut small = World::over(Arc::new(MemoryStore::new()), 9);
    small.user("bob");
    let foreign = seal(&mut small).remove(0).signed;
    let told = verify_against(&lines, None, &[foreign]).unwrap_err();
    assert_eq!(told.message, "A kept head is not signed by the log's key.");
}

#[test]
fn a_deleted_pools_log_can_be_exported() {
    let (mut world, store) = world();
    world.user("ada");
    sign_in(&mut world, "ada", 3);
    seal(&mut world);
    let pool = world.pool.clone();
    world.ok(Operation::DeleteUserPool, json!({"UserPoolId": pool}));
    world.engine.purge(world.moment()).unwrap();
    let lines = export_of(&mut world, &pool);
    let verdict = verify(&lines).unwrap();
    assert!(verdict.removed > 0 && verdict.events > 0, "{verdict:?}");
    assert!(lines.last().unwrap().contains("DeleteUserPool"));
    // Without the deletion, what is missing would be missing.
    let tampered = store.scan(Table::AuditEvent, "", None, usize::MAX).unwrap();
    assert_eq!(tampered.len() as u64, verdict.events);
}

#[test]
fn an_event_that_is_missing_in_the_store_is_named() {
    let (mut world, store) = world();
    world.user("ada");
    sign_in(&mut world, "ada", 5);
    let lines = export(&mut world);
    let (_, line) = line_of(&lines, 4);
    let change = |write: &dyn Fn(&Value) -> Write| {
        let events = store.scan(Table::AuditEvent, "", None, usize::MAX).unwrap();
        for (key, record) in events {
            let event: Value = serde_json::from_slice(&record.body).unwrap();
            if event["id"] == line["event"]["id"] {
                let writes = vec![(key, write(&event))];
                store.apply(Change { expect: vec![], writes }).unwrap();
            }
        }
    };
    change(&|event| {
        let mut event = event.clone();
        event["outcome"] = json!("failed");
        Write::Put { body: event.to_string().into_bytes(), expires_at: None }
    });
    let told = verify(&export(&mut world)).unwrap_err();
    assert_eq!(told.message, "Event 4 was altered: it does not have its hash.");
    change(&|_| Write::Delete);
    let told = verify(&export(&mut world)).unwrap_err();
    assert_eq!(told.message, "Event 4 is missing, and its time had not come.");
    assert_eq!(told.event, Some(4));
}

/// An export of about 170 events, with erased and expired ones among them.
fn rich_export() -> (World, Vec<String>) {
    let store = Arc::new(MemoryStore::new());
    let retention = Retention { audit_days: 40, ..Retention::default() };
    let mut world = World::keeping(retention, store, 7);
    world.user("ada");
    world.user("bob");
    sign_in(&mut world, "bob", 10);
    world.seconds(39 * DAY);
    sign_in(&mut world, "ada", 150);
    delete(&mut world, "bob");
    world.seconds(2 * DAY);
    let now = world.moment();
    world.engine.purge(now).unwrap();
    world.user("eve");
    sign_in(&mut world, "eve", 10);
    delete(&mut world, "eve");
    let lines = export(&mut world);
    (world, lines)
}

/// The number of the event of a line, or of the next one that has a number.
fn event_at(lines: &[String], place: usize) -> Option<u64> {
    lines[place..].iter().find_map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["index"].as_u64()
    })
}

#[test]
fn any_single_alteration_is_found_and_named() {
    let (_, lines) = rich_export();
    let verdict = verify(&lines).unwrap();
    assert!(verdict.removed > 10 && verdict.erased > 5 && verdict.size > 150, "{verdict:?}");
    let size = verdict.size;
    let is_event = |line: &String| line.contains("\"index\":");
    let mut rng = StdRng::seed_from_u64(21);
    for round in 0..240 {
        let place = rng.random_range(0..lines.len());
        let mut changed = lines.clone();
        let what = round % 6;
        // `Some` where an event must be named.
        let expected = match what {
            // Dropped.
            0 => {
                changed.remove(place);
                (place > 0).then(|| event_at(&lines, place).unwrap_or(size))
            }
            // A line twice.
            1 => {
                changed.insert(place, lines[place].clone());
                let again = if is_event(&lines[place]) { place + 1 } else { place };
                (place > 0).then(|| event_at(&lines, again.min(lines.len())).unwrap_or(size))
            }
            // Two lines in each other's place.
            2 => {
                let other = rng.random_range(0..lines.len());
                if place == other {
                    continue;
                }
                changed.swap(place, other);
                let first = place.min(other);
                (first > 0).then(|| event_at(&lines, first).unwrap())
            }
            // Cut off, between lines or within one.
            3 => {
                changed.truncate(place);
                if place > 0 && rng.random_bool(0.5) {
                    let last = changed.last_mut().unwrap();
                    last.truncate(last.len() / 2);
                    (place > 1).then(|| event_at(&lines, place - 1).unwrap())
                } else {
                    (place > 0).then(|| event_at(&lines, place).unwrap_or(size))
                }
            }
            // A character.
            4 => {
                let at = rng.random_range(0..lines[place].len());
                let mut bytes = lines[place].clone().into_bytes();
                bytes[at] = if bytes[at] == b'7' { b'3' } else { b'7' };
                let Ok(text) = String::from_utf8(bytes) else { continue };
                changed[place] = text;
                (place > 0 && is_event(&lines[place])).then(|| event_at(&lines, place).unwrap())
            }
            // A value of an event, spelled as an export spells it.
            _ => {
                let mut line: Value = serde_json::from_str(&lines[place]).unwrap();
                let Some(event) = line.get_mut("event").and_then(Value::as_object_mut) else {
                    continue;
                };
                let name = event.keys().nth(rng.random_range(0..event.len())).unwrap().clone();
                if rng.random_bool(0.5) {
                    event.insert(name, json!("changed"));
                } else {
                    event.remove(&name);
                }
                changed[place] = line.to_string();
                Some(event_at(&lines, place).unwrap())
            }
        };
        let told = match verify(&changed) {
            Ok(_) => panic!("not found: {what} at {place}: {}", lines[place]),
            Err(told) => told,
        };
        if let Some(expected) = expected {
            assert_eq!(told.event, Some(expected), "{what} at line {place}: {told}");
        }
    }
}

#[test]
fn an_event_altered_with_its_hash_is_found() {
    let (_, lines) = rich_export();
    // A listed hash alone.
    let list = lines.iter().position(|line| line.contains("\"leaves\"")).unwrap();
    let mut hashes: Value = serde_json::from_str(&lines[list]).unwrap();
    let from = hashes["from"].as_u64().unwrap();
    hashes["leaves"][5] = hashes["leaves"][6].clone();
    let mut changed = lines.clone();
    changed[list] = hashes.to_string();
    let told = verify(&changed).unwrap_err();
    assert_eq!(told.event, Some(from + 5), "{told}");
    assert!(told.message.contains("the events are unaltered"), "{told}");
    // And of the event: it is found, though not which one it is.
    let (place, mut line) = line_of(&changed, from + 5);
    let twin = line_of(&changed, from + 6).1;
    line["event"] = twin["event"].clone();
    line["content"] = twin["content"].clone();
    line["expires_at"] = twin["expires_at"].clone();
    line.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    changed[place] = line.to_string();
    let told = verify(&changed).unwrap_err();
    assert_eq!((told.event, told.message.contains("signed root")), (None, true), "{told}");
}

#[test]
fn a_rewritten_log_does_not_continue_a_kept_head() {
    let (mut world, store) = world();
    world.user("ada");
    sign_in(&mut world, "ada", 3);
    let kept = seal(&mut world).remove(0);
    sign_in(&mut world, "ada", 3);
    let lines = export(&mut world);
    let good = verify_against(&lines, None, std::slice::from_ref(&kept.signed)).unwrap();
    assert_eq!(good.kept_heads, 1);
    verify_against(&lines, Some(&good.public_key), &[]).unwrap();
    let told = verify_against(&lines, Some("another+00000000+AQ=="), &[]).unwrap_err();
    assert!(told.message.starts_with("The log is of another key"), "{told}");
    // Whoever has the key writes the log anew, without the first events.
    let log = |name: Table| store.scan(name, "", None, usize::MAX).unwrap();
    let (key, record) = log(Table::AuditLog).remove(0);
    let mut state: Value = serde_json::from_slice(&record.body).unwrap();
    state["tree"] = json!({"size": 0, "hashes": []});
    let body = state.to_string().into_bytes();
    let mut writes = vec![(key, Write::Put { body, expires_at: None })];
    writes.extend(log(Table::AuditTile).into_iter().map(|(key, _)| (key, Write::Delete)));
    store.apply(Change { expect: vec![], writes }).unwrap();
    sign_in(&mut world, "ada", 9);
    let lines = export(&mut world);
    verify(&lines).unwrap();
    let told = verify_against(&lines, None, std::slice::from_ref(&kept.signed)).unwrap_err();
    let size = kept.size;
    assert_eq!(
        told.message,
        if size > 9 {
            format!("Event 9 is missing: a kept head counts {size} events.")
        } else {
            format!("The log was rewritten: its first {size} events are not those of a kept head.")
        }
    );
}

#[test]
fn a_pool_without_a_log_says_so() {
    let (mut world, _) = world();
    let request = AuditExportRequest::new("eu-test-1_none");
    let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut world.rng);
    let told = world.engine.export_audit(&request, &mut invocation).unwrap_err().to_string();
    assert!(told.contains("There is no audit log of a user pool eu-test-1_none"), "{told}");
}
