//! Events that must not end the process: a hangup, a file at its size limit, no descriptors left.
#![cfg(unix)]

use std::fs;
use std::io::BufRead;
use std::net::TcpStream;
use std::process::Command;

use serde_json::json;

use crate::path;
use crate::process::{Serving, command};

/// `device serve` with these arguments, under a resource limit that the shell sets.
fn limited(limit: &str, arguments: &[&str]) -> Command {
    let serve = command(arguments);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limit}; exec \"$0\" \"$@\"")).arg(serve.get_program());
    shell.args(serve.get_args()).stdin(std::process::Stdio::null());
    for (name, value) in serve.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Lowers the limit to less than every file of the server has.
#[cfg(target_os = "linux")]
fn leave_no_room(serving: &Serving) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let limit = Rlimit { current: Some(1), maximum: Some(1) };
    prlimit(Some(Pid::from_child(&serving.process)), Resource::Fsize, limit).unwrap();
}

#[test]
fn a_hangup_does_not_end_the_server() {
    let mut serving = Serving::start(command(&["--listen", "127.0.0.1:0", "--in-memory", "--dev"]));
    serving.signal("HUP");
    let mut log = serving.log().lines();
    assert!(log.any(|line| {
        line.unwrap().contains("SIGHUP: reading certificate, access key and log level again")
    }));
    assert_eq!(serving.get("/health").0, 200);
}

#[test]
fn a_file_at_its_size_limit_does_not_end_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let arguments = ["--listen", "127.0.0.1:0", "--data", path(&data), "--dev"];
    // The unit is 512 bytes in POSIX, and 1024 in some shells.
    let mut serving = Serving::start(limited("ulimit -f 1024", &arguments));
    let created = serving.ok("CreateUserPool", &json!({ "PoolName": "p" }));
    let pool = &created["UserPool"]["Id"];
    let full = (0..10_000).find_map(|n| {
        let user = json!({ "UserPoolId": pool, "Username": format!("user-{n}") });
        let (status, answer) = serving.call("AdminCreateUser", &user);
        (status != 200).then_some((status, answer))
    });
    let (status, answer) = full.expect("the limit is reached");
    assert_eq!((status, &answer["__type"]), (500, &json!("InternalErrorException")));
    // Existing data can still be read.
    serving.ok("DescribeUserPool", &json!({ "UserPoolId": pool }));
    #[cfg(target_os = "linux")]
    {
        // The health check writes less than a user is, and might still find room.
        leave_no_room(&serving);
        assert_eq!(serving.get("/health").0, 503);
    }
    assert!(serving.process.try_wait().unwrap().is_none());
    assert!(fs::metadata(data.join("device-pool.sqlite3")).unwrap().len() <= 1024 * 1024);
}

#[test]
fn idle_connections_make_room_if_descriptors_run_out() {
    let arguments = ["--listen", "127.0.0.1:0", "--in-memory", "--dev"];
    let mut serving = Serving::start(limited("ulimit -n 48", &arguments));
    let idle: Vec<TcpStream> =
        (0..100).map(|_| TcpStream::connect(&serving.address).unwrap()).collect();
    let mut log = serving.log().lines();
    assert!(log.any(|line| line.unwrap().contains("connections cannot be accepted")));
    assert_eq!(serving.get("/health").0, 200);
    drop(idle);
}
