//! `device audit`, against a serving process and without one.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::pools::{complaint, told};
use crate::process::{Serving, command};
use crate::refusal;

/// `device audit verify` of a file, with further options; whether it succeeded, and what it said.
fn verify(file: &str, options: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
    let output = command.args(["audit", "verify", file]).args(options).output().unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[test]
fn an_export_is_verified_without_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let data = place("data");
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--data", &data, "--dev"]));
    let url = format!("http://{}", serving.address);
    let made = serving.ok("CreateUserPool", &json!({ "PoolName": "people" }));
    let id = made["UserPool"]["Id"].as_str().unwrap();
    let user = |name: &str| {
        let user = json!({ "UserPoolId": id, "Username": name, "MessageAction": "SUPPRESS" });
        serving.ok("AdminCreateUser", &user);
    };
    (0..150).for_each(|number| user(&format!("user{number}")));
    let first = place("first.jsonl");
    told(&url, &["audit", "export", "--pool", id, "--output", &first]);
    user("ada");
    let again = complaint(&url, &["audit", "export", "--pool", id, "--output", &first]);
    assert!(again.contains("first.jsonl") && again.contains("exists"), "{again}");
    let exported = told(&url, &["audit", "export", "--pool", id]);
    drop(serving);

    let head = place("head.txt");
    let (_, kept) = verify(&first, &["--keep-head", &head]);
    assert!(kept.starts_with(&format!("complete and unaltered: the audit trail of the pool {id}")));
    assert!(kept.contains("  151 events were sealed by "), "{kept}");
    assert!(kept.contains("only the file says"), "{kept}");
    let note = fs::read_to_string(&head).unwrap();
    assert!(note.contains(&format!("/{id}\n151\n")) && note.contains("\u{2014} "), "{note}");

    let second = place("second.jsonl");
    fs::write(&second, &exported).unwrap();
    let key = kept.lines().find_map(|line| line.strip_prefix("public key  ")).unwrap();
    let (is_good, said) = verify(&second, &["--key", key, "--head", &head, "--json"]);
    let verdict: Value = serde_json::from_str(&said).unwrap();
    let counts = (&verdict["events"], &verdict["removed"], &verdict["keptHeads"]);
    assert_eq!((is_good, counts), (true, (&json!(152), &json!(0), &json!(1))));

    for (changed, expected) in [
        (exported.replacen("AdminCreateUser", "AdminDeleteUser", 1), "Event 1 was altered"),
        (exported.lines().take(100).map(|line| line.to_owned() + "\n").collect(), "is missing"),
        (String::new(), "The file is empty."),
        ("{}\n".to_owned(), "The first line is not that of an export."),
    ] {
        fs::write(&second, changed).unwrap();
        let (is_good, said) = verify(&second, &[]);
        assert!(!is_good && said.contains(expected), "{said}");
    }
    // The newer head is not in the older export.
    fs::write(&second, &exported).unwrap();
    let newer = place("newer.txt");
    verify(&second, &["--keep-head", &newer]);
    let (is_good, said) = verify(&first, &["--head", &newer]);
    assert!(!is_good && said.contains("Event 151 is missing: a kept head counts 152"), "{said}");
    // A kept head is replaced only by one that continues it.
    let (is_good, said) = verify(&second, &["--keep-head", &head]);
    assert!(!is_good && said.contains("head.txt exists") && said.contains("--head"), "{said}");
    assert_eq!(fs::read_to_string(&head).unwrap(), note);
    let (is_good, said) = verify(&second, &["--head", &head, "--keep-head", &head]);
    assert!(is_good && !said.contains("only the file says"), "{said}");
    assert!(fs::read_to_string(&head).unwrap().contains("\n152\n"));
    // A program reads what is wrong, of a line of any length and of no text as well.
    let long = [exported.as_bytes(), &vec![b'x'; 3 << 20]].concat();
    for changed in [long, [exported.as_bytes(), &[0xff]].concat()] {
        fs::write(&second, changed).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
        let output = command.args(["audit", "verify", &second, "--json"]).output().unwrap();
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &told["event"]), (Some(1), &json!(152)));
        assert_eq!(told["message"], "Event 152 was added after the last line.");
    }
}

#[test]
fn a_pool_without_events_has_no_export() {
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]));
    let url = format!("http://{}", serving.address);
    let told = complaint(&url, &["audit", "export", "--pool", "us-east-1_none"]);
    assert!(told.contains("There is no audit log of a user pool us-east-1_none"), "{told}");
}

#[test]
fn each_committed_event_is_in_the_audit_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("audit.jsonl");
    let mut serve = command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]);
    serve.arg("--audit-file").arg(&file);
    let serving = Serving::start(serve);
    let url = format!("http://{}", serving.address);
    let made = serving.ok("CreateUserPool", &json!({ "PoolName": "people" }));
    let id = made["UserPool"]["Id"].as_str().unwrap();
    let user = json!({ "UserPoolId": id, "Username": "ada", "MessageAction": "SUPPRESS" });
    serving.ok("AdminCreateUser", &user);
    // A rotation moves the file away.
    let rotated = directory.path().join("audit.1.jsonl");
    fs::rename(&file, &rotated).unwrap();
    let user = json!({ "UserPoolId": id, "Username": "ada" });
    serving.ok("AdminDisableUser", &user);
    let nobody = json!({ "UserPoolId": id, "Username": "nobody" });
    assert_eq!(serving.call("AdminDisableUser", &nobody).0, 400);

    let lines = |path| fs::read_to_string(path).unwrap();
    let written = lines(&rotated) + &lines(&file);
    let operations = |text: &str| -> Vec<String> {
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.map(|event| event["operation"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(operations(&written), ["CreateUserPool", "AdminCreateUser", "AdminDisableUser"]);
    // The same events as in an export, which has them in another order.
    let sorted = |text: &str| {
        let mut events: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        events.sort_by_key(|event| event["id"].to_string());
        events
    };
    let exported = told(&url, &["events", "export"]);
    assert_eq!(sorted(&written), sorted(&exported));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // A file that others can read takes no events; its group may be a collector of logs.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let mut serve = command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]);
        serve.arg("--audit-file").arg(&file);
        let told = refusal(serve);
        assert!(told.contains("has mode 644") && told.contains("chmod 640"), "{told}");
    }
}
