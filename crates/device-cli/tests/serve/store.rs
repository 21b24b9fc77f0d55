//! `device store`: backups of a running server, their restoration, and verification.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use device_pool::store::{Change, Key, Store as _, Table, Write};
use device_store::{Entries as _, MasterKeySource, SealedStore, SqliteStore};
use serde_json::json;

use crate::path;
use crate::process::{Serving, command};

fn store(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEVICE_") {
            command.env_remove(name);
        }
    }
    command.arg("store").args(arguments).output().unwrap()
}

fn said(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = store(arguments);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = store(arguments);
    assert!(!status.success(), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr)
}

fn serve(data: &Path) -> Serving {
    Serving::start(command(&["--listen", "127.0.0.1:0", "--data", path(data)]))
}

fn serve_dev(data: &Path) -> Serving {
    let dev = ["--dev", "--dev-unsafe"];
    Serving::start(command(
        &[&["--listen", "127.0.0.1:0", "--data", path(data)], &dev[..]].concat(),
    ))
}

fn add_user(serving: &Serving, pool: &str, name: &str) {
    let user = json!({ "UserPoolId": pool, "Username": name, "MessageAction": "SUPPRESS" });
    serving.ok("AdminCreateUser", &user);
}

#[test]
fn a_running_servers_backup_is_restored_with_its_keys() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let data = at("data");
    // Makes the credentials.
    let with_credentials = serve(&data);
    let (file, secrets, restored) = (at("backup"), at("secrets"), at("restored"));
    let data_path = path(&data);
    let text = said(&["backup", path(&file), "--data", data_path]);
    assert!(
        text.contains("not in it: credentials.toml") && text.contains("--secrets-to"),
        "{text}"
    );
    drop(with_credentials);

    let serving = serve_dev(&data);
    let pool = serving.ok("CreateUserPool", &json!({ "PoolName": "p" }));
    let pool = pool["UserPool"]["Id"].as_str().unwrap();
    add_user(&serving, pool, "before");
    let file = at("backup-2");
    said(&["backup", path(&file), "--data", data_path, "--secrets-to", path(&secrets)]);
    add_user(&serving, pool, "after");
    let text = said(&["verify", "--data", data_path]);
    assert!(text.contains("all can be read"), "{text}");
    let text = said(&["verify", "--backup", path(&file), "--data", data_path]);
    assert!(text.lines().any(|line| line.starts_with("user ") && line.ends_with(" 1")), "{text}");
    drop(serving);

    let restore = ["restore", path(&file), "--data", path(&restored)];
    let from = [&restore[..], &["--secrets-from", path(&secrets)]].concat();
    let text = said(&from);
    assert!(text.contains("verified and restored"), "{text}");
    assert!(refused(&from).contains("exists already"));
    assert!(refused(&restore).contains("nothing is overwritten"));
    let credentials = |directory: &Path| fs::read(directory.join("credentials.toml")).unwrap();
    assert_eq!(credentials(&data), credentials(&restored));

    let serving = serve_dev(&restored);
    let named = |name: &str| json!({ "UserPoolId": pool, "Username": name });
    serving.ok("AdminGetUser", &named("before"));
    assert_eq!(serving.call("AdminGetUser", &named("after")).0, 400);
}

#[test]
fn a_damaged_backup_is_not_restored() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let data = at("data");
    let serving = serve_dev(&data);
    let pool = serving.ok("CreateUserPool", &json!({ "PoolName": "p" }));
    for n in 0..200 {
        add_user(&serving, pool["UserPool"]["Id"].as_str().unwrap(), &format!("user-{n}"));
    }
    drop(serving);
    let file = at("backup");
    said(&["backup", path(&file), "--data", path(&data)]);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 4096].fill(0x7f);
    fs::write(&file, bytes).unwrap();

    let restored = at("restored");
    let text = refused(&["restore", path(&file), "--data", path(&restored)]);
    assert!(text.contains("Take an earlier backup") || text.contains("malformed"), "{text}");
    assert!(!restored.exists());
    refused(&["verify", "--backup", path(&file)]);
}

#[test]
fn encrypted_records_are_verified_with_their_key() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let data = at("data");
    let serving = serve_dev(&data);
    let pool = serving.ok("CreateUserPool", &json!({ "PoolName": "p" }));
    add_user(&serving, pool["UserPool"]["Id"].as_str().unwrap(), "ada");
    drop(serving);
    let key = data.join("master.key");
    let inner = Arc::new(SqliteStore::open_existing(&data).unwrap());
    let sealed = SealedStore::open(inner.clone(), MasterKeySource::OwnFile(key.clone())).unwrap();
    assert!(sealed.renew(|| true).unwrap().is_done);
    drop((sealed, inner));

    let (file, restored) = (at("backup"), at("restored"));
    let (data, file, restored) = (path(&data), path(&file), path(&restored));
    said(&["backup", file, "--data", data]);
    assert!(said(&["verify", "--data", data]).contains("all can be read"));
    let text = refused(&["restore", file, "--data", restored]);
    assert!(text.contains("master.key") && text.contains("--master-key-file"), "{text}");
    assert!(!Path::new(restored).exists());
    let with_key = ["--master-key-file", path(&key)];
    said(&[&["restore", file, "--data", restored], &with_key[..]].concat());

    let command = format!("cat {}", path(&key));
    said(&["verify", "--backup", file, "--data", restored, "--master-key-command", &command]);

    // A database that was never encrypted does not pass for the server's.
    let plain = at("plain");
    drop(SqliteStore::open(&plain).unwrap());
    let (plain, plain_file, elsewhere) = (path(&plain), at("plain-backup"), at("elsewhere"));
    said(&["verify", "--data", plain]);
    said(&["backup", path(&plain_file), "--data", plain]);
    let restore = ["restore", path(&plain_file), "--data", path(&elsewhere)];
    let text = refused(&[&restore, &with_key[..]].concat());
    assert!(text.contains("not encrypted, although there is a master key"), "{text}");
    said(&restore);

    // A record that was moved into another's place in the database is noticed.
    let inner = SqliteStore::open_existing(restored).unwrap();
    let user = inner.entries(Table::User, "", None, 1).unwrap().remove(0);
    let moved = Key { table: Table::User, id: user.key.id.replace("ada", "eve") };
    let write = Write::Put { body: user.record.body, expires_at: None };
    inner.apply(Change { expect: vec![], writes: vec![(moved, write)] }).unwrap();
    drop(inner);
    let text = refused(&[&["verify", "--data", restored], &with_key[..]].concat());
    assert!(text.contains("eve: it is not as it was written"), "{text}");
    assert!(text.contains("not compared with each other"), "{text}");
}

#[test]
fn compacting_and_migrating_need_the_server_stopped() {
    let place = tempfile::tempdir().unwrap();
    let data = place.path().join("data");
    let serving = serve_dev(&data);
    let data = path(&data);
    for verb in ["compact", "migrate"] {
        assert!(refused(&[verb, "--data", data]).contains("in use by another process"));
    }
    assert!(said(&["migrate", "--dry-run", "--data", data]).contains("nothing to do"));
    drop(serving);
    assert!(said(&["compact", "--data", data]).contains("MiB after"));
    assert!(said(&["migrate", "--data", data]).contains("nothing to do"));
}

#[test]
fn wrong_places_are_named_and_nothing_is_created() {
    let place = tempfile::tempdir().unwrap();
    let none = place.path().join("none");
    let (none, file) = (path(&none), place.path().join("file"));
    for arguments in [
        &["backup", path(&file), "--data", none][..],
        &["verify", "--data", none],
        &["compact", "--data", none],
        &["migrate", "--data", none],
        &["migrate", "--dry-run", "--data", none],
    ] {
        let text = refused(arguments);
        assert!(text.contains("holds no data of this program"), "{arguments:?}: {text}");
    }
    let text = refused(&["restore", path(&file), "--data", none]);
    assert!(text.contains("cannot use") && text.contains("file"), "{text}");
    for verb in ["backup", "restore"] {
        let text = refused(&[verb, path(&file), "--store", "postgres://ana:tiger@127.0.0.1:1/d"]);
        assert!(text.contains("pg_") && !text.contains("tiger"), "{text}");
    }
    let text = refused(&["verify", "--store", "postgres://ana:tiger@127.0.0.1:1/d"]);
    assert!(text.contains("cannot connect") && !text.contains("tiger"), "{text}");
    let text = refused(&["verify", "--store", "sqlite:somewhere"]);
    assert!(text.contains("postgres://user:password@"), "{text}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}
