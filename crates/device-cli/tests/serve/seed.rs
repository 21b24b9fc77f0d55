//! A server with a seed, and what tests control of it.

use std::fs;

use serde_json::json;

use crate::path;
use crate::process::{Serving, command};
use crate::refusal;

const SEED: &str = r#"
[[UserPools]]
Id = "us-east-1_Local0001"

[[UserPools.Clients]]
ClientId = "web"
ExplicitAuthFlows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]

[[UserPools.Users]]
Username = "ada"
Password = "Correct-Horse-7"
"#;

fn sign_in() -> serde_json::Value {
    json!({ "ClientId": "web", "AuthFlow": "USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": "ada", "PASSWORD": "Correct-Horse-7" } })
}

#[test]
fn a_seed_is_there_at_each_start() {
    let directory = tempfile::tempdir().unwrap();
    let (seed, data) = (directory.path().join("seed.toml"), directory.path().join("data"));
    fs::write(&seed, SEED).unwrap();
    let dev = ["--listen", "127.0.0.1:0", "--dev", "--seed", path(&seed)];
    for storage in [&["--in-memory"][..], &["--data", path(&data)], &["--data", path(&data)]] {
        let serving = Serving::start(command(&[&dev, storage].concat()));
        let tokens = serving.ok("InitiateAuth", &sign_in());
        assert!(tokens["AuthenticationResult"]["AccessToken"].is_string(), "{tokens}");
        let (status, jwks) = serving.get("/us-east-1_Local0001/.well-known/jwks.json");
        assert_eq!((status, jwks["keys"].as_array().map(Vec::len)), (200, Some(2)));
    }
    // Without the seed, and without its passwords in memory.
    let later = ["--listen", "127.0.0.1:0", "--dev", "--data", path(&data)];
    Serving::start(command(&later)).ok("InitiateAuth", &sign_in());
}

#[test]
fn a_mistake_in_a_seed_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let seed = directory.path().join("seed.toml");
    fs::write(&seed, SEED.replace("Correct-Horse-7", "hunter2")).unwrap();
    let dev = ["--listen", "127.0.0.1:0", "--in-memory", "--dev", "--seed", path(&seed)];
    let told = refusal(command(&dev));
    assert!(told.contains("seed.toml, line 11, UserPools[0].Users[0].Password: "), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    let told = refusal(command(&[&dev[..4], &["--seed", "absent.toml"]].concat()));
    assert!(told.contains("absent.toml"), "{told}");
}

#[test]
fn a_typo_in_a_seed_leaves_no_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let (seed, data) = (directory.path().join("seed.toml"), directory.path().join("data"));
    fs::write(&seed, SEED.replace("Username", "Usrname")).unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--dev", "--seed", path(&seed)];
    refusal(command(&[&listen[..], &["--data", path(&data)]].concat()));
    assert!(!data.exists());
}

#[test]
fn a_seed_and_a_code_need_dev_mode() {
    let key = [("DEVICE_ACCESS_KEY_ID", "A"), ("DEVICE_SECRET_ACCESS_KEY", "0123456789abcdef")];
    for option in [["--seed", "seed.toml"], ["--code", "123456"]] {
        let listen = ["--listen", "127.0.0.1:0", "--in-memory"];
        let mut command = command(&[&listen[..], &option].concat());
        let told = refusal({
            command.envs(key);
            command
        });
        assert!(told.contains("is for development: give dev as well"), "{told}");
    }
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]));
    assert_eq!(serving.get("/dev/clock").0, 200);
}
