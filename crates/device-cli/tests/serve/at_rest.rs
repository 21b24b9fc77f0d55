//! Secrets at rest: the master key's file, what is in the data's files, and rotation.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::process::{Serving, command};
use crate::{path, refusal, write_private};

const OTHER_KEY: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

fn serve(data: &Path) -> Command {
    command(&["--listen", "127.0.0.1:0", "--dev", "--data", path(data)])
}

/// A server with a pool that has a user with a password; returns the pool's id.
fn with_user(serving: &Serving) -> String {
    let created = serving.ok("CreateUserPool", &json!({ "PoolName": "p" }));
    let pool = created["UserPool"]["Id"].as_str().unwrap().to_owned();
    serving.ok("AdminCreateUser", &json!({ "UserPoolId": pool, "Username": "ada" }));
    let password = json!({
        "UserPoolId": pool, "Username": "ada", "Password": "Correct-horse-1", "Permanent": true,
    });
    serving.ok("AdminSetUserPassword", &password);
    pool
}

fn rotate(serving: &Serving, arguments: &[&str]) -> Output {
    let url = format!("http://{}", serving.address);
    let mut rotate = Command::new(env!("CARGO_BIN_EXE_device"));
    for name in ["DEVICE", "AWS"] {
        rotate.env_remove(format!("{name}_ACCESS_KEY_ID"));
        rotate.env_remove(format!("{name}_SECRET_ACCESS_KEY"));
    }
    rotate.args(["key", "rotate", "--url", &url, "--data", "/nowhere"]).args(arguments);
    rotate.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

/// The bytes of all files but the master key's.
fn stored(data: &Path) -> String {
    let mut bytes = Vec::new();
    for file in fs::read_dir(data).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "master.key" {
            bytes.extend(fs::read(file.path()).unwrap());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_copy_of_the_database_has_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let serving = Serving::start(serve(&data));
    assert!(serving.greeting.contains("master.key"), "{}", serving.greeting);
    let pool = with_user(&serving);
    let text = stored(&data);
    assert!(text.contains("\"username\":\"ada\""), "the rest is readable");
    for member in ["verifier", "powers", "pkcs8", "sealing"] {
        assert!(text.contains(&format!("\"{member}\":null")), "{member}");
        assert!(!text.contains(&format!("\"{member}\":\"")), "{member} is in a file");
    }
    drop(serving);

    let key = data.join("master.key");
    let kept = fs::read_to_string(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let told = refusal(serve(&data));
    assert!(told.contains("does not exist: restore it") && !key.exists(), "{told}");
    write_private(&key, OTHER_KEY);
    let told = refusal(serve(&data));
    assert!(told.contains("give the key that this data was sealed under"), "{told}");
    write_private(&key, &kept);
    let again = Serving::start(serve(&data));
    again.ok("AdminGetUser", &json!({ "UserPoolId": pool, "Username": "ada" }));
}

#[test]
fn without_its_master_key_a_server_creates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (data, key) = (directory.path().join("data"), directory.path().join("key"));
    let with = |name: &str, value: &str| {
        let mut command = serve(&data);
        command.env(name, value);
        command
    };
    let told = refusal(with("DEVICE_MASTER_KEY_FILE", path(&key)));
    assert!(told.contains("openssl rand -base64 32"), "{told}");
    let told = refusal(with("DEVICE_MASTER_KEY_COMMAND", "false"));
    assert!(told.contains("the command false"), "{told}");
    let told = refusal(with("DEVICE_MASTER_KEY", "hunter2"));
    assert!(told.contains("32 bytes in base64") && !told.contains("hunter2"), "{told}");
    assert!(!data.exists());
    write_private(&key, OTHER_KEY);
    let mut twice = with("DEVICE_MASTER_KEY_FILE", path(&key));
    twice.env("DEVICE_MASTER_KEY", OTHER_KEY);
    assert!(refusal(twice).contains("given twice"));

    drop(Serving::start(with("DEVICE_MASTER_KEY_FILE", path(&key))));
    assert!(!data.join("master.key").exists());
    drop(Serving::start(with("DEVICE_MASTER_KEY", OTHER_KEY)));
    drop(Serving::start(with("DEVICE_MASTER_KEY_COMMAND", &format!("cat {}", path(&key)))));
}

#[test]
fn keys_are_rotated_by_command() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let serving = Serving::start(serve(&data));
    let pool = with_user(&serving);
    let keys = || serving.get(&format!("/{pool}/.well-known/jwks.json")).1;
    let before = keys();

    let master = rotate(&serving, &["master"]);
    assert!(master.status.success(), "{}", said(&master));
    let text = fs::read_to_string(data.join("master.key")).unwrap();
    assert_eq!(text.lines().count(), 2, "the former key stays");
    let rotated = rotate(&serving, &["data", "--pool", &pool]);
    assert_eq!(said(&rotated), format!("replaced data keys of {pool} (1)\n"));
    let rotated = rotate(&serving, &["signing", "--pool", &pool]);
    assert_eq!(said(&rotated), format!("replaced signing keys of {pool} (1)\n"));
    let rotated = rotate(&serving, &["sealing", "--pool", &pool, "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&rotated.stdout).unwrap();
    assert_eq!(told["done"], format!("replaced sealing keys of {pool} (1)"));
    let after = keys();
    let number = |keys: &serde_json::Value| keys["keys"].as_array().unwrap().len();
    assert_eq!((number(&before), number(&after)), (2, 4), "old keys still verify tokens");
    let unknown = rotate(&serving, &["signing", "--pool", "us-east-1_none"]);
    assert!(said(&unknown).contains("There are no signing keys"), "{}", said(&unknown));
    serving.ok("AdminGetUser", &json!({ "UserPoolId": pool, "Username": "ada" }));
    drop(serving);

    // The new master key alone opens the data.
    let current = text.lines().next().unwrap();
    write_private(&data.join("master.key"), current);
    let again = Serving::start(serve(&data));
    again.ok("AdminGetUser", &json!({ "UserPoolId": pool, "Username": "ada" }));
}
