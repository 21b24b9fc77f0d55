//! The conformance suite: the cases for every store, and a macro that makes tests of them.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use device_pool::store::{Change, Key, Lookup, Record, Store, StoreError, Table, Version, Write};

fn key(table: Table, id: &str) -> Key {
    Key { table, id: id.to_owned() }
}

/// The tables whose records callers write: all but the last, of data keys.
const TABLES: &[Table] = Table::ALL.split_last().unwrap().1;

fn user(id: &str) -> Key {
    key(Table::User, id)
}

fn body(n: usize) -> Vec<u8> {
    format!(r#"{{"n":{n}}}"#).into_bytes()
}

fn put(key: &Key, n: usize) -> (Key, Write) {
    put_until(key, n, None)
}

fn put_until(key: &Key, n: usize, expires_at: Option<i64>) -> (Key, Write) {
    (key.clone(), Write::Put { body: body(n), expires_at })
}

fn delete(key: &Key) -> (Key, Write) {
    (key.clone(), Write::Delete)
}

/// Writes without an expectation, which therefore cannot conflict.
fn write(store: &impl Store, writes: Vec<(Key, Write)>) {
    store.apply(Change { expect: vec![], writes }).unwrap();
}

fn get(store: &impl Store, key: &Key) -> Option<Record> {
    store.get(key).unwrap()
}

fn read(store: &impl Store, key: &Key) -> Option<Vec<u8>> {
    get(store, key).map(|record| record.body)
}

fn version(store: &impl Store, key: &Key) -> Version {
    get(store, key).unwrap().version
}

fn ids(
    store: &impl Store,
    table: Table,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Vec<String> {
    store.scan(table, prefix, after, limit).unwrap().into_iter().map(|(key, _)| key.id).collect()
}

#[track_caller]
fn assert_conflict(outcome: Result<(), StoreError>) {
    assert!(matches!(outcome, Err(StoreError::Conflict)), "{outcome:?}");
}

pub(crate) fn a_record_exists_from_put_to_delete(store: &impl Store) {
    let ana = user("pool/ana");
    assert_eq!(get(store, &ana), None);

    write(store, vec![put(&ana, 1)]);
    assert_eq!(read(store, &ana), Some(body(1)));
    write(store, vec![put(&ana, 2)]);
    assert_eq!(read(store, &ana), Some(body(2)));

    write(store, vec![delete(&ana)]);
    assert_eq!(get(store, &ana), None);
    write(store, vec![delete(&ana)]);
    assert_eq!(get(store, &ana), None);
}

pub(crate) fn tables_are_separate(store: &impl Store) {
    for (n, table) in TABLES.iter().copied().enumerate() {
        write(store, vec![put(&key(table, "same"), n)]);
    }
    for (n, table) in TABLES.iter().copied().enumerate() {
        assert_eq!(read(store, &key(table, "same")), Some(body(n)), "{table:?}");
        assert_eq!(ids(store, table, "", None, 9), ["same"], "{table:?}");
    }
}

pub(crate) fn bodies_come_back_byte_for_byte(store: &impl Store) {
    let large = format!(r#"{{"long":"{}"}}"#, "0123456789abcdef".repeat(64 * 1024));
    for text in ["{}", r#"{"name":"Zoë’s \u0000 ключ 📱"}"#, " {\n\t\"a\" : 1 }\n", large.as_str()]
    {
        let body = text.as_bytes().to_vec();
        let writes = vec![(user("u"), Write::Put { body: body.clone(), expires_at: None })];
        write(store, writes);
        assert!(read(store, &user("u")) == Some(body), "{}", text.get(..40).unwrap_or(text));
    }
}

pub(crate) fn absence_can_be_expected(store: &impl Store) {
    let ana = user("ana");
    let create = |n| Change { expect: vec![(ana.clone(), None)], writes: vec![put(&ana, n)] };
    store.apply(create(1)).unwrap();
    assert_conflict(store.apply(create(2)));
    assert_eq!(read(store, &ana), Some(body(1)));

    write(store, vec![delete(&ana)]);
    store.apply(create(3)).unwrap();
    assert_eq!(read(store, &ana), Some(body(3)));
}

pub(crate) fn a_stale_version_is_a_conflict(store: &impl Store) {
    let ana = user("ana");
    write(store, vec![put(&ana, 1)]);
    let first = version(store, &ana);
    let change =
        |n| Change { expect: vec![(ana.clone(), Some(first))], writes: vec![put(&ana, n)] };

    store.apply(change(2)).unwrap();
    assert_ne!(version(store, &ana), first);
    assert_conflict(store.apply(change(3)));
    assert_eq!(read(store, &ana), Some(body(2)));

    write(store, vec![delete(&ana)]);
    assert_conflict(store.apply(change(4)));
    assert_eq!(get(store, &ana), None);
}

/// Writing the same body again is a new version: anyone who read before must notice.
pub(crate) fn writing_the_same_body_is_a_new_version(store: &impl Store) {
    let ana = user("ana");
    write(store, vec![put(&ana, 1)]);
    let first = version(store, &ana);
    write(store, vec![put(&ana, 1)]);
    assert_ne!(version(store, &ana), first);
}

/// Expectations may be about keys that are not written, and a change may only check.
pub(crate) fn records_that_were_only_read_are_checked(store: &impl Store) {
    let (pool, ana) = (key(Table::Pool, "pool"), user("pool/ana"));
    write(store, vec![put(&pool, 1)]);
    let seen = version(store, &pool);
    let change =
        |n| Change { expect: vec![(pool.clone(), Some(seen))], writes: vec![put(&ana, n)] };
    let check = || Change {
        expect: vec![(pool.clone(), Some(seen)), (user("nobody"), None)],
        writes: vec![],
    };

    store.apply(change(1)).unwrap();
    store.apply(check()).unwrap();
    assert_eq!(version(store, &pool), seen);

    write(store, vec![put(&pool, 2)]);
    assert_conflict(store.apply(change(2)));
    assert_conflict(store.apply(check()));
    assert_eq!(read(store, &ana), Some(body(1)));
}

pub(crate) fn a_conflict_writes_nothing(store: &impl Store) {
    let [kept, gone, fresh] = ["kept", "gone", "fresh"].map(user);
    write(store, vec![put(&kept, 1), put(&gone, 1)]);
    let before = store.scan(Table::User, "", None, 9).unwrap();

    // All expectations but the last hold.
    let expect = vec![
        (kept.clone(), Some(version(store, &kept))),
        (fresh.clone(), None),
        (gone.clone(), Some(Version(u64::MAX))),
    ];
    let writes = vec![put(&kept, 2), put(&fresh, 2), delete(&gone)];
    assert_conflict(store.apply(Change { expect, writes }));
    assert_eq!(store.scan(Table::User, "", None, 9).unwrap(), before);
}

pub(crate) fn one_change_writes_many_keys(store: &impl Store) {
    let keys: Vec<Key> =
        (0..300).map(|n| key(TABLES[n % TABLES.len()], &format!("many/{n:03}"))).collect();
    let expect = keys.iter().map(|key| (key.clone(), None)).collect();
    let writes = keys.iter().enumerate().map(|(n, key)| put(key, n)).collect();
    store.apply(Change { expect, writes }).unwrap();
    for (n, key) in keys.iter().enumerate() {
        assert_eq!(read(store, key), Some(body(n)));
    }

    let expect = keys.iter().map(|key| (key.clone(), Some(version(store, key)))).collect();
    let writes = keys.iter().map(delete).collect();
    store.apply(Change { expect, writes }).unwrap();
    assert!(keys.iter().all(|key| get(store, key).is_none()));
}

/// After a key is deleted and created again, it must not have its old version.
pub(crate) fn a_version_never_returns(store: &impl Store) {
    let ana = user("ana");
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        write(store, vec![put(&ana, 1)]);
        assert!(seen.insert(version(store, &ana)));
        write(store, vec![delete(&ana)]);
    }
}

pub(crate) fn a_known_version_spares_the_body(store: &impl Store) {
    let ana = user("ana");
    let look = |known| store.get_unless(&ana, known).unwrap();
    assert_eq!(look(Version(1)), Lookup::Changed(None));
    write(store, vec![put(&ana, 1)]);
    let first = version(store, &ana);
    assert_eq!(look(first), Lookup::Unchanged);
    write(store, vec![put(&user("bea"), 2)]);
    assert_eq!(look(first), Lookup::Unchanged, "another record changed");

    write(store, vec![put(&ana, 1)]);
    assert_eq!(look(first), Lookup::Changed(get(store, &ana)));
    write(store, vec![delete(&ana)]);
    assert_eq!(look(first), Lookup::Changed(None));
}

pub(crate) fn several_records_come_in_the_order_asked(store: &impl Store) {
    let keys = ["pool/bea", "pool/none", "pool/ana", "other/ana", "pool/bea"].map(user);
    let device = key(Table::Device, "pool/ana");
    for (n, key) in [&keys[0], &keys[2], &keys[3], &device].into_iter().enumerate() {
        write(store, vec![put(key, n)]);
    }
    let keys = [&keys[..], &[device]].concat();
    let each: Vec<_> = keys.iter().map(|key| get(store, key)).collect();
    assert_eq!(each.iter().flatten().count(), 5);
    assert_eq!(store.get_all(&keys).unwrap(), each);
    assert_eq!(store.get_all(&[]).unwrap(), []);
}

pub(crate) fn a_scan_keeps_to_prefix_after_and_limit(store: &impl Store) {
    for id in ["p/b", "p/a", "p/c", "p/a/1", "p", "p0", "q/a", "o/z"] {
        write(store, vec![put(&user(id), 1)]);
    }
    write(store, vec![put(&key(Table::Device, "p/bb"), 1)]);
    let scan = |prefix, after, limit| ids(store, Table::User, prefix, after, limit);

    assert_eq!(scan("p/", None, 9), ["p/a", "p/a/1", "p/b", "p/c"]);
    assert_eq!(scan("p/", None, 2), ["p/a", "p/a/1"]);
    assert_eq!(scan("p/", None, 0), [""; 0]);
    assert_eq!(scan("p/", Some("p/a"), 2), ["p/a/1", "p/b"]);
    assert_eq!(scan("p/", Some("p/aa"), 9), ["p/b", "p/c"], "`after` need not exist");
    assert_eq!(scan("p/", Some("p/c"), 9), [""; 0]);
    assert_eq!(
        scan("p/", Some("a"), 9),
        ["p/a", "p/a/1", "p/b", "p/c"],
        "`after` may be before the prefix"
    );
    assert_eq!(scan("p/", Some("q"), 9), [""; 0], "`after` may be behind the prefix");
    assert_eq!(scan("none", None, 9), [""; 0]);
    assert_eq!(scan("", None, 3), ["o/z", "p", "p/a"]);
    assert_eq!(scan("", Some("p0"), 9), ["q/a"]);
}

pub(crate) fn a_scan_returns_what_a_get_returns(store: &impl Store) {
    for n in 0..5 {
        write(store, vec![put(&user(&n.to_string()), n)]);
    }
    let scanned = store.scan(Table::User, "", None, 9).unwrap();
    assert_eq!(scanned.len(), 5);
    for (key, record) in scanned {
        assert_eq!(get(store, &key), Some(record));
    }
}

/// Ids are bytes: no pattern characters, no case folding, no collation, no end at a NUL.
pub(crate) fn any_id_has_its_place_in_byte_order(store: &impl Store) {
    let odd = [
        "",
        "\0",
        "\0a",
        " ",
        "%",
        "%_",
        "'",
        "'; DROP TABLE record; --",
        "*",
        "/",
        "//",
        "?",
        "A",
        "Z",
        "[a-z]",
        "\\",
        "_",
        "a",
        "a\0b",
        "a\u{10ffff}",
        "aA",
        "ab",
        "b",
        "ss",
        "z",
        "~",
        "\u{7f}",
        "Ä",
        "ß",
        "ä",
        "a\u{308}",
        "я",
        "\u{ffff}",
        "📱",
        "\u{10ffff}",
    ];
    write(store, odd.iter().enumerate().map(|(n, id)| put(&user(id), n)).collect());

    let mut sorted = odd.to_vec();
    sorted.sort_unstable_by_key(|id| id.as_bytes());
    assert_eq!(ids(store, Table::User, "", None, 99), sorted);
    for (n, id) in odd.iter().enumerate() {
        assert_eq!(read(store, &user(id)), Some(body(n)), "{id:?}");
        let with_prefix: Vec<_> =
            sorted.iter().copied().filter(|other| other.starts_with(id)).collect();
        assert_eq!(ids(store, Table::User, id, None, 99), with_prefix, "prefix {id:?}");
        let behind: Vec<_> =
            sorted.iter().copied().filter(|other| other.as_bytes() > id.as_bytes()).collect();
        assert_eq!(ids(store, Table::User, "", Some(id), 99), behind, "after {id:?}");
    }
}

pub(crate) fn purge_removes_what_expired_before_now(store: &impl Store) {
    let expiring =
        [("past", Some(999)), ("now", Some(1000)), ("later", Some(1001)), ("never", None)];
    write(store, expiring.iter().map(|(id, at)| put_until(&user(id), 1, *at)).collect());
    write(store, vec![put_until(&key(Table::Spent, "long ago"), 1, Some(-5))]);

    assert_eq!(store.purge(1000).unwrap(), 2);
    assert_eq!(ids(store, Table::User, "", None, 9), ["later", "never", "now"]);
    assert_eq!(ids(store, Table::Spent, "", None, 9), [""; 0]);
    assert_eq!(store.purge(1000).unwrap(), 0);
    assert_eq!(store.purge(i64::MAX).unwrap(), 2);
    assert_eq!(ids(store, Table::User, "", None, 9), ["never"]);
}

pub(crate) fn the_last_put_decides_when_a_record_expires(store: &impl Store) {
    let [kept, shortened] = ["kept", "shortened"].map(user);
    write(store, vec![put_until(&kept, 1, Some(10)), put_until(&shortened, 1, None)]);
    write(store, vec![put_until(&kept, 2, None), put_until(&shortened, 2, Some(10))]);
    assert_eq!(store.purge(100).unwrap(), 1);
    assert_eq!(ids(store, Table::User, "", None, 9), ["kept"]);
}

pub(crate) fn a_change_does_not_see_a_purged_record(store: &impl Store) {
    let ana = user("ana");
    write(store, vec![put_until(&ana, 1, Some(10))]);
    let seen = version(store, &ana);
    store.purge(100).unwrap();
    assert_conflict(
        store.apply(Change { expect: vec![(ana.clone(), Some(seen))], writes: vec![put(&ana, 2)] }),
    );
    store.apply(Change { expect: vec![(ana.clone(), None)], writes: vec![put(&ana, 3)] }).unwrap();
    assert_ne!(version(store, &ana), seen);
}

pub(crate) fn a_large_purge_leaves_nothing_behind(store: &impl Store) {
    write(
        store,
        (0..1201).map(|n| put_until(&key(Table::AuthEvent, &n.to_string()), n, Some(10))).collect(),
    );
    write(store, vec![put(&user("ana"), 1)]);
    assert_eq!(store.purge(11).unwrap(), 1201);
    assert_eq!(ids(store, Table::AuthEvent, "", None, 9), [""; 0]);
    assert_eq!(ids(store, Table::User, "", None, 9), ["ana"]);
}

pub(crate) fn concurrent_increments_lose_nothing(store: &impl Store) {
    const THREADS: usize = 8;
    const EACH: usize = 25;
    let counter = key(Table::Attempts, "counter");
    let increment = || loop {
        let seen = get(store, &counter);
        let count = seen.as_ref().map_or(0, |record| {
            let text = std::str::from_utf8(&record.body).unwrap();
            text.trim_start_matches(r#"{"n":"#).trim_end_matches('}').parse().unwrap()
        });
        let expect = vec![(counter.clone(), seen.map(|record| record.version))];
        match store.apply(Change { expect, writes: vec![put(&counter, count + 1)] }) {
            Ok(()) => break,
            Err(StoreError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..EACH).for_each(|_| increment()));
        }
    });
    assert_eq!(read(store, &counter), Some(body(THREADS * EACH)));
}

/// Changes that arrive together may be committed together. Each succeeds or fails by itself, and is
/// visible to its own thread once it is acknowledged.
pub(crate) fn a_conflict_affects_no_other_change(store: &impl Store) {
    const THREADS: usize = 8;
    const ROUNDS: usize = 20;
    write(store, vec![put(&user("shared"), 0)]);
    let shared = version(store, &user("shared"));
    let start = Barrier::new(THREADS);
    for round in 0..ROUNDS {
        let stale = round % THREADS;
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let start = &start;
                scope.spawn(move || {
                    let mine = [Table::User, Table::Device]
                        .map(|table| key(table, &format!("{round}/{thread}")));
                    let seen = if thread == stale { Version(u64::MAX) } else { shared };
                    let expect = vec![(user("shared"), Some(seen)), (mine[0].clone(), None)];
                    let writes = mine.iter().map(|key| put(key, round)).collect();

                    start.wait();
                    let outcome = store.apply(Change { expect, writes });
                    let found = mine.each_ref().map(|key| read(store, key));
                    let scanned = ids(store, Table::Device, &mine[1].id, None, 9).len();
                    if thread == stale {
                        assert_conflict(outcome);
                        assert_eq!((found, scanned), ([None, None], 0));
                    } else {
                        outcome.unwrap();
                        assert_eq!((found, scanned), ([Some(body(round)), Some(body(round))], 1));
                    }
                });
            }
        });
    }
}

/// If several changes create the same key, one succeeds.
pub(crate) fn a_race_has_one_winner(store: &impl Store) {
    const THREADS: usize = 8;
    let start = Barrier::new(THREADS);
    for round in 0..20 {
        let contested = user(&format!("contested/{round}"));
        let winners: Vec<usize> = thread::scope(|scope| {
            let racers: Vec<_> = (0..THREADS)
                .map(|n| {
                    let (start, contested) = (&start, &contested);
                    scope.spawn(move || {
                        let change = Change {
                            expect: vec![(contested.clone(), None)],
                            writes: vec![put(contested, n)],
                        };
                        start.wait();
                        store.apply(change).is_ok().then_some(n)
                    })
                })
                .collect();
            racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(winners.len(), 1, "{winners:?}");
        assert_eq!(read(store, &contested), Some(body(winners[0])));
    }
}

/// Makes a test of every case, each on a fresh store. `$open` returns the store and a guard that is
/// dropped after it.
macro_rules! conformance {
    ($backend:ident, $open:expr) => {
        conformance! { $backend, $open =>
            a_record_exists_from_put_to_delete
            tables_are_separate
            bodies_come_back_byte_for_byte
            absence_can_be_expected
            a_stale_version_is_a_conflict
            writing_the_same_body_is_a_new_version
            records_that_were_only_read_are_checked
            a_conflict_writes_nothing
            one_change_writes_many_keys
            a_version_never_returns
            a_known_version_spares_the_body
            several_records_come_in_the_order_asked
            a_scan_keeps_to_prefix_after_and_limit
            a_scan_returns_what_a_get_returns
            any_id_has_its_place_in_byte_order
            purge_removes_what_expired_before_now
            the_last_put_decides_when_a_record_expires
            a_change_does_not_see_a_purged_record
            a_large_purge_leaves_nothing_behind
            concurrent_increments_lose_nothing
            a_conflict_affects_no_other_change
            a_race_has_one_winner
        }
    };
    ($backend:ident, $open:expr => $($case:ident)+) => {
        mod $backend {
            use super::*;

            $(
                #[test]
                fn $case() {
                    let (store, _outlives) = $open;
                    cases::$case(&store);
                }
            )+
        }
    };
}

pub(crate) use conformance;
