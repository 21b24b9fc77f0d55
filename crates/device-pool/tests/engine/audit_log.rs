//! The audit log: sealing, exports, and what a verification finds.

use std::sync::Arc;
use std::thread;

use device_pool::store::{Change, Store as _, Table, Write};
use device_pool::{
    AuditAlteration, AuditExportRequest, AuditHead, AuditVerdict, AuditVerifier, Invocation,
    Moment, Retention,
};
use device_store::MemoryStore;
use device_wire::Operation;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::meddled::{Call, Meddled};
use crate::world::World;

pub(crate) const DAY: i64 = 24 * 60 * 60;

pub(crate) fn world() -> (World, Arc<MemoryStore>) {
    keeping(Retention::default().audit_days)
}

/// A service that keeps events for this many days.
pub(crate) fn keeping(audit_days: u32) -> (World, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let retention = Retention { audit_days, ..Retention::default() };
    (World::keeping(retention, store.clone(), 7), store)
}

pub(crate) fn seal(world: &mut World) -> Vec<AuditHead> {
    let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut world.rng);
    let sealed = world.engine.seal_audit_logs(&mut invocation);
    assert!(sealed.failure.is_none(), "{sealed:?}");
    sealed.heads
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

pub(crate) fn verify_against<S: AsRef<str>>(
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
pub(crate) fn line_of(lines: &[String], event: u64) -> (usize, Value) {
    let read = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    let found = lines.iter().map(read).enumerate().find(|(_, line)| line["index"] == event);
    found.unwrap()
}

fn guess(world: &mut World, name: &str) {
    let body = json!({"AuthFlow": "USER_PASSWORD_AUTH", "ClientId": world.client,
        "AuthParameters": {"USERNAME": name, "PASSWORD": "Wrong-horse-7"}});
    world.refused(Operation::InitiateAuth, body);
}

pub(crate) fn delete(world: &mut World, name: &str) {
    let request = json!({"UserPoolId": world.pool, "Username": name});
    world.ok(Operation::AdminDeleteUser, request);
    let now = world.moment();
    world.engine.purge(now).unwrap();
}

/// Signs a user in `count` times by password.
pub(crate) fn sign_in(world: &mut World, name: &str, count: usize) {
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

#[test]
fn several_sealers_seal_no_event_twice() {
    let store = Arc::new(Meddled::default());
    // The other threads get a turn at each call.
    store.meddle(|_| {
        thread::yield_now();
        Ok(())
    });
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
                    let sealed = engine.seal_audit_logs(&mut Invocation::new(now, &mut rng));
                    assert!(sealed.failure.is_none(), "{sealed:?}");
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
    for sealed_before in [false, true] {
        let store = Arc::new(Meddled::default());
        let other = World::over(store.clone(), 8).engine;
        let mut world = World::over(store.clone(), 7);
        if sealed_before {
            seal(&mut world);
        }
        world.user("ada");
        let now = world.moment();
        // The other server seals after this one has read a pool's notes.
        let reads_notes = |call: &Call<'_>| {
            let Call::Scan(table, prefix) = call else { return false };
            *table == Table::UnsealedEvent && !prefix.is_empty()
        };
        store.meddle_once(reads_notes, move || {
            let mut rng = StdRng::seed_from_u64(9);
            other.seal_audit_logs(&mut Invocation::new(now, &mut rng));
        });
        seal(&mut world);
        let lines = export(&mut world);
        let verdict = verify(&lines).unwrap();
        assert_eq!(verdict.size, verdict.events);
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
    let (mut world, store) = keeping(10);
    world.user("ada");
    let early = seal(&mut world).remove(0).signed;
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
    // A head of before that range cannot be compared, which is no fault of the export.
    let told = verify_against(&lines, None, &[early, kept.signed]).unwrap();
    assert_eq!((told.kept_heads, told.uncompared_heads), (1, 1));
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
    assert!(lines[lines.len() - 2].contains("DeleteUserPool"));
    let left = store.scan(Table::AuditEvent, "", None, usize::MAX).unwrap();
    assert_eq!(left.len() as u64, verdict.events);
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
    assert!(good.key_is_confirmed && !verify(&lines).unwrap().key_is_confirmed);
    assert!(verify_against(&lines, Some(&good.public_key), &[]).unwrap().key_is_confirmed);
    // A listed hash that was altered in the file is not a log that was rewritten.
    let mut list: Value = serde_json::from_str(&lines[1]).unwrap();
    list["leaves"][0] = list["leaves"][1].clone();
    let mut changed = lines.clone();
    changed[1] = list.to_string();
    let told = verify_against(&changed, None, std::slice::from_ref(&kept.signed)).unwrap_err();
    assert_eq!(told.event, Some(0), "{told}");
    let told = verify_against(&lines, Some("another+00000000+AQ=="), &[]).unwrap_err();
    assert!(told.message.starts_with("The log is of another key"), "{told}");
    // Someone who has the key writes the log again, without the first events.
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
    let rewritten =
        format!("The log was rewritten: its first {size} events are not those of a kept head.");
    assert_eq!(told.message, rewritten);
}

#[test]
fn a_pool_without_a_log_says_so() {
    let (mut world, _) = world();
    let request = AuditExportRequest::new("eu-test-1_none");
    let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut world.rng);
    let told = world.engine.export_audit(&request, &mut invocation).unwrap_err().to_string();
    assert!(told.contains("There is no audit log of a user pool eu-test-1_none"), "{told}");
}

/// Makes `count` events of the pool itself.
fn tag(world: &mut World, count: usize) {
    let arn = format!("arn:aws:cognito-idp:eu-test-1:000000000000:userpool/{}", world.pool);
    for number in 0..count {
        let tags = json!({"number": number.to_string()});
        world.ok(Operation::TagResource, json!({"ResourceArn": arn, "Tags": tags}));
    }
}

#[test]
fn a_log_of_which_all_is_removed_is_verified() {
    let (mut world, _) = keeping(10);
    let size = seal(&mut world)[0].size;
    tag(&mut world, 128 - usize::try_from(size).unwrap());
    let lines = export(&mut world);
    world.seconds(11 * DAY);
    world.engine.purge(world.moment()).unwrap();
    assert_eq!(seal(&mut world), []);
    let empty = export(&mut world);
    let verdict = verify(&empty).unwrap();
    assert_eq!((empty.len(), verdict.size, verdict.removed), (2, 128, 128));
    // The lines of the one are not those of the other.
    for first in [&lines[0], &empty[0]] {
        for last in [&lines[lines.len() - 1], &empty[1]] {
            let is_good = verify(&[first, last]).is_ok();
            assert_eq!(is_good, first == &empty[0] && last == &empty[1]);
        }
        assert!(verify(&[first]).is_err());
    }
}

#[test]
fn a_long_export_has_pages_that_continue_each_other() {
    let (mut world, _) = keeping(10);
    tag(&mut world, 1100);
    let mut request = AuditExportRequest::new(world.pool.clone());
    let mut pages = Vec::new();
    loop {
        let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut world.rng);
        let page = world.engine.export_audit(&request, &mut invocation).unwrap();
        pages.push(page.lines);
        // What expires between two pages may be gone.
        world.seconds(11 * DAY);
        world.engine.purge(world.moment()).unwrap();
        request.next = page.next;
        if request.next.is_none() {
            break;
        }
    }
    assert_eq!(pages.len(), 3);
    let verdict = verify(&pages.concat()).unwrap();
    assert_eq!((verdict.events, verdict.removed), (512, verdict.size - 512));
    let told = verify(&pages[..2].concat()).unwrap_err();
    assert_eq!(told.event, Some(1024), "{told}");
    let told = verify(&[&pages[0][..], &pages[2][..]].concat()).unwrap_err();
    assert_eq!(told.event, Some(512), "{told}");
    // An end of a page of another file of the same log.
    let mut changed = pages.concat();
    let end = pages[0].len() - 1;
    changed.remove(end);
    let told = verify(&changed).unwrap_err();
    assert!(told.message.contains("lines of events 0 to 1023"), "{told}");
    // A page is not given behind an end that the server did not sign.
    request.next = serde_json::from_value(json!(pages[0][end])).unwrap();
    let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut world.rng);
    let told = world.engine.export_audit(&request, &mut invocation).unwrap_err().to_string();
    assert!(told.contains("No page of an export of this log ends so."), "{told}");
}

#[test]
fn only_users_events_go_with_their_pool() {
    let (mut world, store) = world();
    world.user("ada");
    seal(&mut world);
    // At a server whose clock is ahead: it is sealed behind the deletion.
    sign_in(&mut world, "ada", 1);
    world.now -= 1000;
    let pool = world.pool.clone();
    world.ok(Operation::DeleteUserPool, json!({"UserPoolId": pool}));
    seal(&mut world);
    world.engine.purge(world.moment()).unwrap();
    let lines = export_of(&mut world, &pool);
    verify(&lines).unwrap();
    let deletion = lines.iter().position(|line| line.contains("DeleteUserPool")).unwrap();
    let is_behind = |line: &String| line.contains("\"with_pool\":\"goes\"");
    assert!(lines[deletion..].iter().any(is_behind));
    // The pool's own events stay.
    let (key, _) = store.scan(Table::AuditEvent, "pool/", None, 9).unwrap().pop().unwrap();
    let writes = vec![(key, Write::Delete)];
    store.apply(Change { expect: vec![], writes }).unwrap();
    let told = verify(&export_of(&mut world, &pool)).unwrap_err();
    assert!(told.message.contains("is missing, and its time had not come"), "{told}");
}

#[test]
fn a_broken_log_holds_up_no_other() {
    let (mut world, store) = world();
    seal(&mut world);
    let put = |table: Table, place: usize, body: Vec<u8>| {
        let (key, _) = store.scan(table, "", None, usize::MAX).unwrap().remove(place);
        let writes = vec![(key, Write::Put { body, expires_at: None })];
        store.apply(Change { expect: vec![], writes }).unwrap();
    };
    let pool = |world: &mut World| {
        let made = world.ok(Operation::CreateUserPool, json!({"PoolName": "another"}));
        made["UserPool"]["Id"].as_str().unwrap().to_owned()
    };
    let mut pools = [world.pool.clone(), pool(&mut world), pool(&mut world)];
    pools.sort();
    seal(&mut world);
    put(Table::AuditLog, 0, b"{}".to_vec());
    for pool in &pools {
        let arn = format!("arn:aws:cognito-idp:eu-test-1:000000000000:userpool/{pool}");
        world.ok(Operation::TagResource, json!({"ResourceArn": arn, "Tags": {"a": "b"}}));
    }
    // And a note that does not read.
    put(Table::UnsealedEvent, 1, b"{}".to_vec());
    for round in 0..2 {
        let mut invocation = Invocation::new(Moment::from_millis(world.now), &mut world.rng);
        let sealed = world.engine.seal_audit_logs(&mut invocation);
        assert!(sealed.failure.is_some());
        let heads: Vec<&String> = sealed.heads.iter().map(|head| &head.pool_id).collect();
        assert_eq!(heads, if round == 0 { vec![&pools[2]] } else { vec![] });
    }
}
