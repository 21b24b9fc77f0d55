//! `device serve` as a process: its output, its signals, and its data after `kill -9`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod at_rest;
mod audit;
mod bench;
mod network;
mod outside;
mod pools;
mod process;
mod refusals;
mod secrets;
mod seed;
mod store;
mod survival;
mod transcripts;

use std::fs;
use std::io::{BufRead, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::thread;

use serde_json::json;

use process::{Serving, answer, command, exchange, request};

/// The message on stderr of a process that refuses to start.
fn refusal(mut command: Command) -> String {
    let Output { status, stderr, stdout } = command.output().unwrap();
    assert_ne!(status.code(), Some(0), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stderr).unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &str) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn says_where_it_listens_and_is_healthy_there() {
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]));
    assert_eq!(
        serving.greeting,
        format!(
            "device {}\n  data    in memory\n  region  us-east-1\n  admin   anyone, signed or not \
             (--dev)\n  codes   \
             GET /dev/messages/<pool id>/<username or address> has the last one\n  control \
             under /dev/: clock, reset, expire, messages\n  console \
             http://{1}/console\nlistening on http://{1}\nready\n",
            env!("CARGO_PKG_VERSION"),
            serving.address
        )
    );
    let (status, health) = serving.get("/health");
    assert_eq!((status, &health["status"]), (200, &json!("ok")));
    // The engine itself refuses this call, so calls reach the engine.
    assert_eq!(serving.call("DescribeUserPool", &json!({ "UserPoolId": "us-east-1_none" })).0, 400);
}

#[cfg(unix)]
#[test]
fn ends_cleanly_when_asked() {
    for signal in ["TERM", "INT"] {
        let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]));
        // An idle connection of a client must not delay the end.
        let _idle = TcpStream::connect(&serving.address).unwrap();
        let (code, log) = serving.end(signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
}

#[test]
fn credentials_are_made_once_and_never_sent_to_a_pipe() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("new").join("data");
    let arguments = ["--listen", "127.0.0.1:0", "--data", path(&data)];

    let first = Serving::start(command(&arguments));
    let file = fs::read_to_string(data.join("credentials.toml")).unwrap();
    let secret = file
        .lines()
        .find_map(|line| line.strip_prefix("secret-access-key = "))
        .unwrap()
        .trim_matches('"');
    let id = file
        .lines()
        .find_map(|line| line.strip_prefix("access-key-id = "))
        .unwrap()
        .trim_matches('"');
    // This process's stdout is a pipe, so the secret must not be printed.
    assert!(!first.greeting.contains(secret) && first.greeting.contains(id), "{}", first.greeting);
    assert!(first.greeting.contains("credentials.toml"), "{}", first.greeting);
    let (status, error) = first.call("ListUserPools", &json!({ "MaxResults": 1 }));
    assert_eq!((status, &error["__type"]), (400, &json!("MissingAuthenticationTokenException")));
    drop(first);

    let second = Serving::start(command(&arguments));
    assert!(
        second.greeting.contains(id) && !second.greeting.contains(secret),
        "{}",
        second.greeting
    );
    assert_eq!(fs::read_to_string(data.join("credentials.toml")).unwrap(), file);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in fs::read_dir(&data).unwrap() {
            let file = file.unwrap();
            assert_eq!(
                file.metadata().unwrap().permissions().mode() & 0o077,
                0,
                "{:?}",
                file.file_name()
            );
        }
    }
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("device.toml");
    write_private(
        &file,
        "listen = \"127.0.0.1:0\"\nin-memory = true\nregion = \"file-1\"\naccess-key-id = \
         \"FILE\"\n\
         secret-access-key = \"file-0123456789abcdef\"\nlog-format = \"json\"\ncors-origin = \
         [\"https://app.example.com\"]\n\
         public-url = \"https://auth.example.com/\"\n",
    );
    let started = |flags: &[&str], environment: &[(&str, &str)]| {
        let mut command = command(flags);
        command.arg("--config").arg(&file).envs(environment.iter().copied());
        Serving::start(command).greeting.clone()
    };

    let all_from_file = started(&[], &[]);
    assert!(all_from_file.contains("region  file-1\n"), "{all_from_file}");
    assert!(all_from_file.contains("admin   access key FILE (as given)\n"), "{all_from_file}");
    assert!(started(&[], &[("DEVICE_REGION", "env-1")]).contains("region  env-1\n"));
    assert!(
        started(&["--region", "flag-1"], &[("DEVICE_REGION", "env-1")])
            .contains("region  flag-1\n")
    );

    // If two options exclude each other, the one with precedence wins.
    let data = directory.path().join("data");
    assert!(started(&["--data", path(&data)], &[]).contains(path(&data)));
    assert!(started(&[], &[("DEVICE_DATA", path(&data))]).contains(path(&data)));
    assert!(started(&["--in-memory"], &[("DEVICE_DATA", path(&data))]).contains("in memory"));
    assert!(started(&["--data", path(&data)], &[("DEVICE_IN_MEMORY", "1")]).contains(path(&data)));

    // A flag can turn a switch of the environment off.
    let unsafely = ("DEVICE_DEV_UNSAFE", "true");
    assert!(started(&[], &[("DEVICE_DEV", "true"), unsafely]).contains("anyone"));
    assert!(started(&["--dev=false"], &[("DEVICE_DEV", "true")]).contains("FILE"));
}

#[test]
fn the_default_directory_is_in_the_current_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = command(&["--listen", "127.0.0.1:0"]);
    let serving = Serving::start({
        command.current_dir(directory.path());
        command
    });
    assert!(serving.greeting.contains("data    device-data\n"), "{}", serving.greeting);
    assert!(directory.path().join("device-data").join("credentials.toml").exists());
}

#[test]
fn an_error_at_the_start_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = refusal(command(&["--listen", &address, "--in-memory"]));
    assert!(
        told.starts_with(&format!(
            "device: cannot listen on {address}: something listens there already"
        )),
        "{told}"
    );
    assert!(told.contains("--listen"), "{told}");

    let a_file = directory.path().join("file");
    fs::write(&a_file, "").unwrap();
    let told = refusal(command(&["--listen", "127.0.0.1:0", "--data", path(&a_file)]));
    assert!(told.contains(path(&a_file)) && told.contains("directory"), "{told}");

    let data = directory.path().join("data");
    let _serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--data", path(&data)]));
    let told = refusal(command(&["--listen", "127.0.0.1:0", "--data", path(&data)]));
    assert!(told.contains(path(&data)) && told.contains("use"), "{told}");

    for (arguments, expected) in [
        (&["--data", "x", "--in-memory"][..], "data and in-memory exclude each other"),
        (&["--access-key-id", "x"], "go together"),
        (&["--region", "US East"], "is not like us-east-1"),
        (&["--public-url", "auth.example.com"], "is not like https://auth.example.com"),
        (&["--cors-origin", "app.example.com"], "is not like https://app.example.com"),
        (&["--trusted-proxy", "10.0.0.0/8,proxy"], "\"proxy\" is not like 10.0.0.7 or 10.0.0.0/8"),
        (&["--config", "/no/such/file"], "the configuration file /no/such/file cannot be used"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--listen", "unix:"], "it names no file"),
    ] {
        let told = refusal(command(arguments));
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    for (id, secret, expected) in
        [("x", "", "may not be empty"), ("", "x", "may not be empty"), ("x/y", "x", "a slash")]
    {
        let mut command = command(&["--access-key-id", id]);
        command.env("DEVICE_SECRET_ACCESS_KEY", secret);
        let told = refusal(command);
        assert!(told.contains(expected), "{id:?}: {told}");
    }
}

#[test]
fn a_mistake_in_the_file_is_reported_without_values() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("device.toml");
    for (text, expected) in [
        ("region = \"us-east-1\"\nlissten = \"x\"\n", "line 2: unknown field `lissten`"),
        ("secret-access-key = hunter2\n", "line 1: "),
        ("\n\ndev = 1\n", "line 3: "),
    ] {
        fs::write(&file, text).unwrap();
        let told = refusal(command(&["--config", path(&file)]));
        assert!(told.contains(expected) && !told.contains("hunter2"), "{told}");
    }
}

#[cfg(unix)]
#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let mut serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]));
    let request = request("CreateUserPool", &json!({ "PoolName": "p" }));
    let (first_half, second_half) = request.split_at(request.len() - 5);
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    stream.write_all(first_half.as_bytes()).unwrap();
    // Connections are accepted in order, so once this is answered the half request was accepted.
    assert_eq!(serving.get("/health").0, 200);

    serving.signal("TERM");
    let mut log = serving.log().lines();
    assert!(log.any(|line| line.unwrap().contains("SIGTERM")));
    stream.write_all(second_half.as_bytes()).unwrap();
    let (status, pool) = answer(stream).unwrap();
    assert_eq!((status, &pool["UserPool"]["Name"]), (200, &json!("p")));
    assert!(log.any(|line| line.unwrap().contains("stopped")));
    assert_eq!(serving.process.wait().unwrap().code(), Some(0));
}

#[cfg(unix)]
#[test]
fn acknowledged_changes_survive_kill_9() {
    const WRITERS: usize = 4;
    const ENOUGH: usize = 60;

    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let start =
        || Serving::start(command(&["--listen", "127.0.0.1:0", "--data", path(&data), "--dev"]));

    let serving = start();
    let (status, created) = serving.call("CreateUserPool", &json!({ "PoolName": "survivor" }));
    assert_eq!(status, 200, "{created}");
    let pool = &created["UserPool"]["Id"];

    // The kill comes while all writers are writing, so it always interrupts some request.
    let acknowledged = Mutex::new(Vec::new());
    let address = serving.address.clone();
    let serving = Mutex::new(Some(serving));
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (acknowledged, serving, address) = (&acknowledged, &serving, &address);
            scope.spawn(move || {
                for n in 0.. {
                    let name = format!("user-{writer}-{n}");
                    let user = json!({ "UserPoolId": pool, "Username": name,
                        "MessageAction": "SUPPRESS" });
                    let Some((status, answer)) =
                        exchange(address, &request("AdminCreateUser", &user))
                    else {
                        return;
                    };
                    assert_eq!(status, 200, "{answer}");
                    let sub = answer["User"]["Attributes"][0].clone();
                    let mut acknowledged = acknowledged.lock().unwrap();
                    acknowledged.push((name, sub));
                    if acknowledged.len() == ENOUGH {
                        drop(acknowledged);
                        let (code, _) = serving.lock().unwrap().take().unwrap().end("KILL");
                        assert_eq!(code, None);
                    }
                }
            });
        }
    });

    let serving = start();
    let (status, described) = serving.call("DescribeUserPool", &json!({ "UserPoolId": pool }));
    assert_eq!((status, &described["UserPool"]["Name"]), (200, &json!("survivor")));
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= ENOUGH);
    for (name, sub) in acknowledged {
        let (status, user) =
            serving.call("AdminGetUser", &json!({ "UserPoolId": pool, "Username": name }));
        assert_eq!((status, &user["UserAttributes"][0]), (200, &sub), "{name}");
    }
}

#[test]
fn the_console_opens_by_a_link_as_often_as_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--data", path(&data)]));
    let url = format!("http://{}", serving.address);
    let ask = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
        command.args(["console", "--print", "--url", &url, "--data", path(&data)]);
        command.env_remove("DEVICE_ACCESS_KEY_ID").env_remove("AWS_ACCESS_KEY_ID");
        let Output { status, stdout, stderr } = command.output().unwrap();
        assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap()
    };
    // Both calls are most likely made within one second. The second must not count as a repetition
    // of the first.
    let links = [ask(), ask()];
    assert_ne!(links[0], links[1]);
    let start = format!("{url}/console/sign-in?link=");
    assert!(links.iter().all(|link| link.starts_with(&start)), "{links:?}");
}

#[test]
fn a_key_is_added_used_and_revoked_at_run_time() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--data", path(&data)]));
    let url = format!("http://{}", serving.address);
    let device = |arguments: &[&str], key: Option<(&str, &str)>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
        command.args(arguments).args(["--url", &url, "--data", path(&data)]);
        command.env_remove("DEVICE_ACCESS_KEY_ID").env_remove("AWS_ACCESS_KEY_ID");
        if let Some((id, secret)) = key {
            command.env("DEVICE_ACCESS_KEY_ID", id).env("DEVICE_SECRET_ACCESS_KEY", secret);
        }
        let Output { status, stdout, stderr } = command.output().unwrap();
        let (out, error) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        if status.success() { Ok(out) } else { Err(error) }
    };
    let added = device(&["key", "add", "ci", "--read-only", "--days", "90"], None).unwrap();
    let words: Vec<&str> = added.split_whitespace().collect();
    let key = Some((words[3], words[7]));
    let listed = device(&["key", "list"], None).unwrap();
    assert!(listed.contains("read-only  in 90 days  all"), "{listed}");
    assert!(!listed.contains(words[7]), "{listed}");
    device(&["console", "--print"], key).unwrap();
    let refused = device(&["key", "list"], key).unwrap_err();
    assert!(refused.contains("Only the server's own access key"), "{refused}");
    device(&["key", "revoke", "ci"], None).unwrap();
    assert!(!device(&["key", "list"], None).unwrap().contains("read-only"));
    assert!(device(&["console", "--print"], key).is_err());
}
