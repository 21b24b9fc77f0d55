//! `device pool` and `device policy`, against a serving process.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::process::{Serving, command};

/// `device` with these arguments for a server, and nothing of this environment's own settings.
pub(crate) fn device(url: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("DEVICE_") || name_text.starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let url = ["--url", url, "--data", "/nowhere/device-data"];
    command.args(arguments).args(url).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
pub(crate) fn told(url: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = device(url, arguments);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

#[track_caller]
pub(crate) fn complaint(url: &str, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = device(url, arguments);
    assert!(!status.success(), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stderr).unwrap()
}

fn dev() -> (Serving, String) {
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]));
    let url = format!("http://{}", serving.address);
    (serving, url)
}

/// A pool with devices by opt-in and optional MFA; returns its id.
fn make_pool(serving: &Serving) -> String {
    let pool = json!({ "PoolName": "people", "UserPoolTags": { "stage": "test" },
        "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true,
            "DeviceOnlyRememberedOnUserPrompt": true } });
    let id = serving.ok("CreateUserPool", &pool)["UserPool"]["Id"].as_str().unwrap().to_owned();
    let mfa = json!({ "UserPoolId": id, "MfaConfiguration": "OPTIONAL",
        "SoftwareTokenMfaConfiguration": { "Enabled": true } });
    serving.ok("SetUserPoolMfaConfig", &mfa);
    id
}

#[test]
fn pools_are_listed_shown_and_set() {
    let (serving, url) = dev();
    assert!(told(&url, &["pool", "list"]).starts_with("no user pools: make one with"));
    let id = &*make_pool(&serving);
    assert_eq!(told(&url, &["pool", "list"]), format!("POOL                 NAME\n{id}  people\n"));
    let listed: Value = serde_json::from_str(&told(&url, &["pool", "list", "--json"])).unwrap();
    assert_eq!(listed, json!([{ "id": id, "name": "people" }]));

    let shown = told(&url, &["pool", "show", id]).replace(id, "<id>");
    assert_eq!(shown, include_str!("pool_before.txt"), "{shown}");
    let settings = ["device:mfa-every=30d", "device:max-per-user=5", "device:when-full=refuse"];
    told(&url, &[&["pool", "set", id][..], &settings[..]].concat());
    let shown = told(&url, &["pool", "set", id, "remember=always", "device:max-per-user="]);
    let shown = shown.replace(id, "<id>");
    assert_eq!(shown, include_str!("pool_after.txt"), "{shown}");
    let shown = told(&url, &["pool", "show", id, "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&shown).unwrap(),
        json!({ "id": id, "name": "people", "remember": "always", "suppressMfa": true,
            "mfa": "OPTIONAL",
            "tags": { "device:mfa-every": "30d", "device:when-full": "refuse" } })
    );
    let pool = serving.ok("DescribeUserPool", &json!({ "UserPoolId": id }));
    assert_eq!(pool["UserPool"]["UserPoolTags"]["stage"], "test", "other tags stay");
    // Adding one and removing one is one change, so that a refused one changes nothing.
    complaint(&url, &["pool", "set", id, "device:mfa-every=", "device:forget-after-idle=x"]);
    let unchanged = serving.ok("DescribeUserPool", &json!({ "UserPoolId": id }));
    assert_eq!(unchanged, pool);
    let both = ["device:mfa-every=", "device:forget-after-idle=90d"];
    told(&url, &[&["pool", "set", id][..], &both[..]].concat());
    let pool = serving.ok("DescribeUserPool", &json!({ "UserPoolId": id }));
    let tags = json!({ "stage": "test", "device:when-full": "refuse",
        "device:forget-after-idle": "90d" });
    assert_eq!(pool["UserPool"]["UserPoolTags"], tags);
    assert_eq!(pool["UserPool"]["MfaConfiguration"], "OPTIONAL");
}

#[test]
fn what_a_pool_refuses_says_what_would_be_right() {
    let (serving, url) = dev();
    let id = &*make_pool(&serving);
    for (arguments, hint) in [
        (vec!["pool", "set", id, "device:mfa-every=monthly"], "such as 30d or 12h"),
        (vec!["pool", "set", id, "remember=no", "suppress-mfa=on"], "add remember=always"),
        (vec!["pool", "set", id, "remember=no", "remember=always"], "remember is given twice"),
        (
            vec!["policy", "try", "--pool", id, "device:mfa-every=7d", "device:mfa-every=9d"],
            "device:mfa-every is given twice",
        ),
        (vec!["pool", "set", id, "colour"], "a setting is NAME=VALUE"),
        (vec!["pool", "show", "us-east-1_none"], "User pool us-east-1_none does not exist."),
        (vec!["policy", "try", "--pool", id, "device:when-full=refuse"], "does not decide"),
        (vec!["policy", "try", "--pool", id, "remember=no", "--days", "0"], "1 to 3650 days"),
    ] {
        let told = complaint(&url, &arguments);
        assert!(told.contains(hint), "{told}");
    }
    let nobody = complaint("http://127.0.0.1:9", &["pool", "list"]);
    assert!(nobody.contains("no server answers at http://127.0.0.1:9/"), "{nobody}");
}

#[test]
fn dev_mode_asks_for_no_key_and_has_none() {
    let (_serving, url) = dev();
    let link = told(&url, &["console", "--print"]);
    assert!(link.starts_with(&format!("{url}/console/sign-in?link=")), "{link}");
    let refused = complaint(&url, &["key", "list"]);
    assert!(refused.contains("there are no access keys"), "{refused}");
}

#[test]
fn a_server_with_a_key_wants_it() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--data", data]));
    let url = format!("http://{}", serving.address);
    for arguments in [
        &["pool", "list"][..],
        &["policy", "try", "--pool", "x", "remember=no"],
        &["key", "list"],
        &["console", "--print"],
    ] {
        let told = complaint(&url, arguments);
        assert!(told.contains("no access key: set DEVICE_ACCESS_KEY_ID"), "{told}");
    }
    // The key that the server keeps with its data.
    let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
    command.args(["policy", "try", "--pool", "us-east-1_none", "remember=no"]);
    command.args(["--url", &url, "--data", data]);
    for name in ["DEVICE_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID", "DEVICE_REGION"] {
        command.env_remove(name);
    }
    let Output { stderr, .. } = command.output().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert!(told.contains("User pool us-east-1_none does not exist."), "{told}");
}

#[test]
fn settings_are_tried_on_recorded_sign_ins() {
    let (serving, url) = dev();
    let id = &*make_pool(&serving);
    let client = json!({ "UserPoolId": id, "ClientName": "app",
        "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] });
    let client = serving.ok("CreateUserPoolClient", &client)["UserPoolClient"]["ClientId"].clone();
    serving.ok(
        "AdminCreateUser",
        &json!({ "UserPoolId": id, "Username": "ada",
        "MessageAction": "SUPPRESS" }),
    );
    serving.ok(
        "AdminSetUserPassword",
        &json!({ "UserPoolId": id, "Username": "ada",
        "Password": "Correct-Horse-7", "Permanent": true }),
    );
    serving.ok(
        "InitiateAuth",
        &json!({ "AuthFlow": "USER_PASSWORD_AUTH", "ClientId": client,
        "AuthParameters": { "USERNAME": "ada", "PASSWORD": "Correct-Horse-7" } }),
    );
    let arguments = ["policy", "try", "--pool", id, "device:mfa-every=7d"];
    assert_eq!(
        told(&url, &arguments),
        "1 sign-ins of 1 users in the last 30 days\n      0 were asked for a code\n      0 would \
         be asked: 0 newly, and 0 no longer\n"
    );
    let told = told(&url, &[&arguments[..], &["--json"]].concat());
    let trial: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&trial["signIns"], &trial["isComplete"]), (&json!(1), &json!(true)));
}
