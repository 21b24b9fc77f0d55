//! The sealing store: what it hides and notices, its keys, and their rotation.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its own functions too"
)]

use std::path::Path;
use std::sync::Arc;
use std::{fs, thread};

use device_pool::store::{Change, Key, Store, StoreError, Table, Write};
use device_store::{
    Defect, Entries, Entry, MasterKeyError, MasterKeySource, MemoryStore, SealError, SealedStore,
    SqliteStore,
};

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

const VERIFIER: &str = "c2VjcmV0IHZlcmlmaWVy";

fn given(text: &str) -> MasterKeySource {
    MasterKeySource::Given(text.to_owned().into())
}

fn key(table: Table, id: &str) -> Key {
    Key { table, id: id.to_owned() }
}

fn user(id: &str) -> Key {
    key(Table::User, id)
}

fn body(name: &str) -> String {
    format!(r#"{{"name":"{name}","password":{{"verifier":"{VERIFIER}","set_at":5}}}}"#)
}

fn put(store: &dyn Store, key: &Key, body: &str, expires_at: Option<i64>) {
    let write = Write::Put { body: body.as_bytes().to_vec(), expires_at };
    store.apply(Change { expect: Vec::new(), writes: vec![(key.clone(), write)] }).unwrap();
}

fn read(store: &dyn Store, key: &Key) -> String {
    String::from_utf8(store.get(key).unwrap().unwrap().body).unwrap()
}

fn refusal(store: &dyn Store, key: &Key) -> String {
    match store.get(key) {
        Err(StoreError::Failed(text)) => text,
        other => panic!("{other:?}"),
    }
}

fn entry(store: &dyn Entries, key: &Key) -> Entry {
    store.entries(key.table, &key.id, None, 1).unwrap().remove(0)
}

fn number_of_keys(store: &dyn Entries) -> usize {
    store.entries(Table::DataKey, "", None, 1000).unwrap().len()
}

fn renew(store: &SealedStore) -> usize {
    let renewed = store.renew(|| true).unwrap();
    assert!(renewed.is_done, "{renewed:?}");
    renewed.records
}

fn rotate(store: &SealedStore, pool: Option<&str>) -> usize {
    store.rotate_data_keys(pool, &mut |change| store.apply(change)).unwrap()
}

fn has_plain(inner: &dyn Entries) -> bool {
    let stored = |table| inner.entries(table, "", None, 1000).unwrap();
    let bodies = Table::ALL.into_iter().flat_map(stored).map(|entry| entry.record.body);
    bodies.into_iter().any(|body| String::from_utf8(body).unwrap().contains(VERIFIER))
}

#[test]
fn secrets_are_hidden_and_the_rest_is_readable() {
    let inner = Arc::new(MemoryStore::new());
    let store = SealedStore::open(inner.clone(), given(KEY)).unwrap();
    put(&store, &user("pool/ada"), &body("ada"), None);
    assert_eq!(read(&store, &user("pool/ada")), body("ada"));
    let stored = read(&*inner, &user("pool/ada"));
    assert!(
        stored.contains(r#""name":"ada""#) && stored.contains(r#""verifier":null"#),
        "{stored}"
    );
    assert!(!has_plain(&*inner));
    let again = SealedStore::open(inner, given(KEY)).unwrap();
    assert_eq!(again.scan(Table::User, "", None, 9).unwrap().len(), 1);
    assert_eq!(read(&again, &user("pool/ada")), body("ada"));
}

#[test]
fn altered_cut_and_moved_records_are_refused() {
    let inner = Arc::new(MemoryStore::new());
    let store = SealedStore::open(inner.clone(), given(KEY)).unwrap();
    let (ada, bob) = (user("pool/ada"), user("pool/bob"));
    let group = key(Table::Group, "pool/admins");
    put(&store, &ada, &body("ada"), Some(9));
    put(&store, &bob, &body("bob"), None);
    put(&store, &group, r#"{"name":"admins"}"#, None);
    let examine = |key: &Key| store.examine(&entry(&*inner, key)).unwrap();
    assert_eq!([&ada, &bob, &group].map(examine), [Ok(()), Ok(()), Ok(())]);
    assert_eq!(store.defects().unwrap(), []);

    let stored = read(&*inner, &ada);
    for at in 0..stored.len() {
        let mut altered = stored.clone().into_bytes();
        altered[at] = if altered[at] == b'x' { b'y' } else { b'x' };
        put(&*inner, &ada, &String::from_utf8(altered).unwrap(), Some(9));
        assert!(examine(&ada).is_err() && store.get(&ada).is_err(), "altered at {at}");
        put(&*inner, &ada, &stored[..at], Some(9));
        assert!(examine(&ada).is_err() && store.get(&ada).is_err(), "cut at {at}");
    }
    put(&*inner, &ada, &stored, Some(8));
    assert_eq!(examine(&ada), Err(Defect::Altered), "its time of expiry");
    put(&*inner, &ada, &stored, Some(9));
    assert_eq!(examine(&ada), Ok(()));

    put(&*inner, &bob, &stored, Some(9));
    assert_eq!(examine(&bob), Err(Defect::Altered), "from another id");
    assert!(refusal(&store, &bob).contains("device store verify"));
    put(&*inner, &bob, &body("bob"), None);
    assert_eq!(examine(&bob), Err(Defect::Plain));
    assert!(refusal(&store, &bob).contains("not sealed"));
    put(&*inner, &key(Table::Group, "pool/users"), &read(&*inner, &group), None);
    assert!(examine(&key(Table::Group, "pool/users")).is_err());
    let defects = [(bob, Defect::Plain), (key(Table::Group, "pool/users"), Defect::Altered)];
    assert_eq!(store.defects().unwrap(), defects);
    assert!(store.scan(Table::Group, "", None, 9).is_err());
}

#[test]
fn a_record_without_its_data_key_is_refused() {
    let inner = Arc::new(MemoryStore::new());
    let store = SealedStore::open(inner.clone(), given(KEY)).unwrap();
    put(&store, &user("pool/ada"), &body("ada"), None);
    let writes = vec![(key(Table::DataKey, "pool/00000001"), Write::Delete)];
    inner.apply(Change { expect: Vec::new(), writes }).unwrap();
    let store = SealedStore::open(inner, given(KEY)).unwrap();
    assert!(refusal(&store, &user("pool/ada")).contains("data key"));
    // A pool of the same id, made later, has a key of its own.
    put(&store, &user("pool/ada"), &body("ada"), None);
    assert_eq!(read(&store, &user("pool/ada")), body("ada"));
}

#[test]
fn another_or_no_master_key_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let inner = Arc::new(MemoryStore::new());
    SealedStore::open(inner.clone(), given(KEY)).unwrap();
    let refused = |source| SealedStore::open(inner.clone(), source).err().unwrap();

    let wrong = refused(given(OTHER_KEY));
    assert!(matches!(wrong, SealError::MasterKey(MasterKeyError::Wrong { .. })), "{wrong}");
    assert!(wrong.to_string().contains("first line"), "{wrong}");
    for missing in [MasterKeySource::OwnFile(path.clone()), MasterKeySource::File(path.clone())] {
        let text = refused(missing).to_string();
        assert!(text.contains("does not exist") && text.contains("master.key"), "{text}");
    }
    assert!(!path.exists());
    let unusable = refused(given("hunter2")).to_string();
    assert!(unusable.contains("32 bytes") && !unusable.contains("hunter2"), "{unusable}");
    let failing = refused(MasterKeySource::Command("false".to_owned())).to_string();
    assert!(failing.contains("the command false"), "{failing}");
    assert_eq!(number_of_keys(&*inner), 1);
    SealedStore::open(inner, MasterKeySource::Command(format!("echo {KEY}"))).unwrap();
}

#[cfg(unix)]
#[test]
fn the_own_key_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let own = || MasterKeySource::OwnFile(path.clone());
    let inner = Arc::new(MemoryStore::new());
    SealedStore::open(inner.clone(), own()).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    SealedStore::open(inner.clone(), own()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let loose = SealedStore::open(inner, own()).err().unwrap().to_string();
    assert!(loose.contains("chmod 600"), "{loose}");
}

#[test]
fn records_of_an_earlier_release_are_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let inner = Arc::new(SqliteStore::open(directory.path()).unwrap());
    for n in 0..300 {
        put(&*inner, &user(&format!("pool/{n}")), &body("ada"), (n == 7).then_some(70));
    }
    inner.purge(0).unwrap();
    let bytes = || {
        let files = fs::read_dir(directory.path()).unwrap();
        let bytes = files.map(|file| fs::read(file.unwrap().path()).unwrap());
        bytes.flatten().collect::<Vec<u8>>()
    };
    let is_in = |text: &str| bytes().windows(text.len()).any(|found| found == text.as_bytes());
    assert!(is_in(VERIFIER));

    let store = SealedStore::open(inner.clone(), given(KEY)).unwrap();
    assert_eq!(read(&store, &user("pool/7")), body("ada"), "before it is sealed");
    // One batch, and the rest after a restart.
    assert!(!store.renew(|| false).unwrap().is_done);
    let store = SealedStore::open(inner.clone(), given(KEY)).unwrap();
    assert_eq!(renew(&store), 250);
    assert_eq!(renew(&store), 0);
    store.purge(0).unwrap();
    assert!(!is_in(VERIFIER), "a secret is still in a file");
    assert_eq!(entry(&*inner, &user("pool/7")).expires_at, Some(70));
    assert_eq!(read(&store, &user("pool/7")), body("ada"));

    put(&*inner, &user("pool/7"), &body("mallory"), None);
    assert!(refusal(&store, &user("pool/7")).contains("not sealed"));
    let store = SealedStore::open(inner, given(KEY)).unwrap();
    assert!(refusal(&store, &user("pool/7")).contains("not sealed"), "after a restart as well");
}

#[test]
fn data_keys_are_replaced_while_servers_write() {
    let inner = Arc::new(MemoryStore::new());
    let (one, two) = (
        SealedStore::open(inner.clone(), given(KEY)).unwrap(),
        SealedStore::open(inner.clone(), given(KEY)).unwrap(),
    );
    for n in 0..100 {
        put(&two, &user(&format!("pool/{n}")), &body("ada"), None);
    }
    put(&two, &key(Table::Group, "pool/admins"), "{}", None);
    assert_eq!(number_of_keys(&*inner), 2, "the server's and the pool's");

    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..500 {
                put(&two, &user(&format!("pool/{}", n % 100)), &body("bob"), None);
            }
        });
        for _ in 0..3 {
            assert_eq!(rotate(&one, None), 2);
            renew(&one);
        }
    });
    assert_eq!(number_of_keys(&*inner), 2);
    for n in 0..100 {
        assert_eq!(read(&one, &user(&format!("pool/{n}"))), body("bob"));
    }
    assert_eq!(rotate(&one, Some("pool")), 1);
    assert_eq!(rotate(&one, Some("another")), 0);
    assert_eq!(renew(&one), 100, "those of the pool alone");
    assert_eq!(read(&two, &user("pool/1")), body("bob"));
}

#[test]
fn what_is_written_with_new_keys_is_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let own = || MasterKeySource::OwnFile(directory.path().join("master.key"));
    let inner = Arc::new(MemoryStore::new());
    let store = SealedStore::open(inner.clone(), own()).unwrap();
    put(&store, &user("pool/ada"), &body("ada"), None);
    let mut number = 0;
    let mut commit = |mut change: Change| {
        number += 1;
        let place = key(Table::AuditEvent, &number.to_string());
        let event = Write::Put { body: b"{}".to_vec(), expires_at: None };
        change.expect.push((place.clone(), None));
        change.writes.push((place, event));
        store.apply(change)
    };
    assert_eq!(store.rotate_data_keys(None, &mut commit).unwrap(), 2);
    assert_eq!(store.rotate_master_key(&mut commit).unwrap(), 4, "two former data keys as well");
    assert_eq!(number, 6);
    let store = SealedStore::open(inner, own()).unwrap();
    renew(&store);
    for number in 1..=6 {
        assert_eq!(read(&store, &key(Table::AuditEvent, &number.to_string())), "{}");
    }
    assert_eq!(read(&store, &user("pool/ada")), body("ada"));
}

#[test]
fn a_server_that_only_read_renews_what_another_rotated() {
    let inner = Arc::new(MemoryStore::new());
    let open = || SealedStore::open(inner.clone(), given(KEY)).unwrap();
    let (one, two) = (open(), open());
    put(&one, &user("pool/ada"), &body("ada"), None);
    assert_eq!(read(&two, &user("pool/ada")), body("ada"));

    assert_eq!(rotate(&one, None), 2);
    // This server meets the new key of the server, and not that of the pool.
    put(&two, &key(Table::FirstFactor, "other"), r#"{"session":"secret"}"#, None);
    renew(&two);
    assert_eq!(read(&open(), &user("pool/ada")), body("ada"));
}

#[test]
fn former_keys_stay_while_a_record_is_unreadable() {
    let inner = Arc::new(MemoryStore::new());
    let store = SealedStore::open(inner.clone(), given(KEY)).unwrap();
    put(&store, &user("pool/ada"), &body("ada"), None);
    put(&*inner, &user("pool/bob"), &read(&*inner, &user("pool/ada")), None);
    rotate(&store, Some("pool"));
    let renewed = store.renew(|| true).unwrap();
    assert_eq!((renewed.records, renewed.unreadable, renewed.is_done), (1, 1, false));
    assert_eq!(number_of_keys(&*inner), 3);
}

#[test]
fn the_master_key_of_an_own_file_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let inner = Arc::new(MemoryStore::new());
    let own = || MasterKeySource::OwnFile(path.clone());
    let store = SealedStore::open(inner.clone(), own()).unwrap();
    put(&store, &user("pool/ada"), &body("ada"), None);
    let former = fs::read_to_string(&path).unwrap();
    assert_eq!(store.rotate_master_key(&mut |change| store.apply(change)).unwrap(), 2);
    put(&store, &user("pool/bob"), &body("bob"), None);

    let text = fs::read_to_string(&path).unwrap();
    let (current, kept) = text.split_once('\n').unwrap();
    assert_eq!(kept, former, "backups may need it");
    let store = SealedStore::open(inner.clone(), given(current)).unwrap();
    assert_eq!(read(&store, &user("pool/ada")), body("ada"));
    assert!(SealedStore::open(inner, given(&former)).is_err());
}

#[test]
fn a_given_master_key_is_replaced_by_the_operator() {
    let inner = Arc::new(MemoryStore::new());
    let store = SealedStore::open(inner.clone(), given(KEY)).unwrap();
    put(&store, &user("pool/ada"), &body("ada"), None);
    let refused = store.rotate_master_key(&mut |change| store.apply(change)).unwrap_err();
    assert!(matches!(refused, SealError::MasterKey(MasterKeyError::Unchanged { .. })));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let write = |text: String| fs::write(&path, text).unwrap();
    let shown = || MasterKeySource::Command(format!("cat {}", path.display()));
    write(KEY.to_owned());
    let (one, two) = (
        SealedStore::open(inner.clone(), shown()).unwrap(),
        SealedStore::open(inner.clone(), shown()).unwrap(),
    );
    assert_eq!(read(&two, &user("pool/ada")), body("ada"));
    write(format!("{OTHER_KEY}\n{KEY}\n"));
    assert_eq!(one.rotate_master_key(&mut |change| one.apply(change)).unwrap(), 2);
    // The other server reads the new key when it meets it.
    put(&two, &user("pool/ada"), &body("bob"), None);
    assert_eq!(read(&one, &user("pool/ada")), body("bob"));
    write(OTHER_KEY.to_owned());
    let three = SealedStore::open(inner, shown()).unwrap();
    assert_eq!(read(&three, &user("pool/ada")), body("bob"));
}
