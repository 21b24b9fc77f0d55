//! `device store copy`: moving the data of a server to PostgreSQL.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::client::{Pool, User};
use crate::database::Database;
use crate::process::command;
use crate::replicas::start;

fn copy(from: &Path, to: &Database) -> Output {
    let from = format!("sqlite:{}", from.display());
    let mut copy = Command::new(env!("CARGO_BIN_EXE_device"));
    copy.args(["store", "copy", "--from", &from, "--to", to.url()]).output().unwrap()
}

fn store(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_device")).arg("store").args(arguments).output().unwrap()
}

fn complaint(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn devices_and_tokens_of_before_the_copy_still_work() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().to_str().unwrap();
    let public = ["--public-url", "https://auth.example.com", "--listen", "127.0.0.1:0", "--dev"];
    let serve = |place: [&str; 2]| start(command(&[&public[..], &place].concat()));

    let before = serve(["--data", data]);
    let pool = Pool::new(&before);
    pool.add_user(&before, "ana");
    let mut ana = User::new(&pool, "ana");
    let done = before.ok("RespondToAuthChallenge", &ana.begin(&before));
    ana.confirm_device(&before, &done["AuthenticationResult"]);
    let tokens = ana.sign_in([&before; 4]);
    for n in 0..600 {
        let user = json!({
            "UserPoolId": pool.id, "Username": format!("user{n}"), "MessageAction": "SUPPRESS",
        });
        before.ok("AdminCreateUser", &user);
    }

    let database = Database::new();
    let said = complaint(&copy(directory.path(), &database));
    assert!(said.contains("in use by another process"), "{said}");
    assert_eq!(before.end("TERM").0, Some(0));

    let copied = copy(directory.path(), &database);
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let said = String::from_utf8(copied.stdout).unwrap();
    let users = said.lines().find(|line| line.starts_with("user ")).unwrap();
    assert!(users.contains(" 601 "), "{said}");
    assert!(said.ends_with("records copied and verified\n"), "{said}");

    let key = directory.path().join("master.key");
    let key = ["--master-key-file", key.to_str().unwrap()];
    let verify = ["verify", "--store", database.url()];
    let verified = store(&[&verify[..], &key].concat());
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(verified.status.success() && said.contains("all can be read"), "{said}");
    let tried = store(&["migrate", "--dry-run", "--store", database.url()]);
    assert!(String::from_utf8(tried.stdout).unwrap().contains("nothing to do"));

    // The data keys came with the records, and need the master key of the directory.
    let place = ["--store", database.url()];
    let said = complaint(&command(&[&public[..], &place].concat()).output().unwrap());
    assert!(said.contains("master key that it was sealed under"), "{said}");
    let after = start(command(&[&public[..], &place, &key].concat()));
    after.ok("GetUser", &json!({ "AccessToken": tokens["AccessToken"] }));
    after.ok("InitiateAuth", &ana.refresh(&tokens));
    ana.sign_in([&after; 4]);

    let said = complaint(&copy(directory.path(), &database));
    assert!(said.contains("holds records already"), "{said}");
}

#[test]
fn a_missing_source_is_refused_and_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::new();
    let none = directory.path().join("none");
    let said = complaint(&store(&["verify", "--store", database.url()]));
    assert!(said.contains("holds no data of this program"), "{said}");
    let tried = store(&["migrate", "--dry-run", "--store", database.url()]);
    assert!(String::from_utf8(tried.stdout).unwrap().starts_with("would: create the schema"));

    let said = complaint(&copy(&none, &database));
    assert!(said.contains("holds no data of this program"), "{said}");
    assert!(!none.exists());
    assert_eq!(database.run("SELECT to_regnamespace('device_store') IS NULL").trim(), "t");
}

#[test]
fn a_server_on_postgresql_says_what_it_lacks() {
    let database = Database::new();
    let refusal = |arguments: &[&str]| complaint(&command(arguments).output().unwrap());
    let said = refusal(&["--store", database.url()]);
    assert!(said.contains("access-key-id and secret-access-key"), "{said}");
    let mut keyed = command(&["--store", database.url(), "--access-key-id", "ADMIN"]);
    keyed.env("DEVICE_SECRET_ACCESS_KEY", "0123456789abcdef");
    let said = complaint(&keyed.output().unwrap());
    assert!(said.contains("give master-key-file"), "{said}");
    let said = refusal(&["--store", database.url(), "--in-memory"]);
    assert!(said.contains("in-memory and store exclude each other"), "{said}");
    let said = refusal(&["--dev", "--store", "postgres://ana:tiger@127.0.0.1:1/device"]);
    assert!(said.contains("cannot connect") && !said.contains("tiger"), "{said}");
}
