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
        let (status, health) = serving.get("/health");
        assert_eq!((status, &health["status"]), (503, &json!("degraded")));
    }
    assert!(serving.process.try_wait().unwrap().is_none());
    assert!(fs::metadata(data.join("device-pool.sqlite3")).unwrap().len() <= 1024 * 1024);
}

/// While the disk is so full that a session cannot be revoked, it does not go on either.
#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_sessions_end_or_rest() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut serve = command(&["--listen", "127.0.0.1:0", "--data", path(&data), "--dev"]);
    // Nothing reads the log, and a full pipe would block the server.
    serve.env("RUST_LOG", "off");
    let serving = Serving::start(serve);
    let pool = serving.ok("CreateUserPool", &json!({ "PoolName": "p" }))["UserPool"]["Id"].clone();
    let client = json!({
        "UserPoolId": pool, "ClientName": "c", "EnableTokenRevocation": true,
        "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    });
    let client = serving.ok("CreateUserPoolClient", &client)["UserPoolClient"]["ClientId"].clone();
    let user = json!({ "UserPoolId": pool, "Username": "ana", "MessageAction": "SUPPRESS" });
    serving.ok("AdminCreateUser", &user);
    let password = "Correct-Horse-7";
    let set = json!({
        "UserPoolId": pool, "Username": "ana", "Password": password, "Permanent": true,
    });
    serving.ok("AdminSetUserPassword", &set);
    let sign_in = json!({
        "UserPoolId": pool, "ClientId": client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
        "AuthParameters": { "USERNAME": "ana", "PASSWORD": password },
    });
    let tokens = || {
        serving.ok("AdminInitiateAuth", &sign_in)["AuthenticationResult"]["RefreshToken"].clone()
    };
    let sessions: Vec<_> = (0..60).map(|_| tokens()).collect();
    let refresh = |token| {
        let refresh = json!({
            "ClientId": client, "AuthFlow": "REFRESH_TOKEN_AUTH",
            "AuthParameters": { "REFRESH_TOKEN": token },
        });
        serving.call("InitiateAuth", &refresh)
    };
    let revoke =
        |token| serving.call("RevokeToken", &json!({ "ClientId": client, "Token": token }));
    // Room for a few more pages, and no more than that.
    let log = fs::metadata(data.join("device-pool.sqlite3-wal")).unwrap().len();
    let database = fs::metadata(data.join("device-pool.sqlite3")).unwrap().len();
    let limit = |bytes| Rlimit { current: Some(bytes), maximum: None };
    let pid = Pid::from_child(&serving.process);
    prlimit(Some(pid), Resource::Fsize, limit(log.max(database) + 40_000)).unwrap();

    let (mut ended, mut rest) = (0, Vec::new());
    for token in &sessions {
        match revoke(token).0 {
            200 => ended += 1,
            status => {
                assert_eq!(status, 500);
                rest.push(token);
                // From the first revocation that fails, all fail.
                let (status, answer) = refresh(token);
                assert_eq!((status, &answer["__type"]), (500, &json!("InternalErrorException")));
            }
        }
    }
    assert!(!rest.is_empty(), "the disk never was full: {ended} ended");
    for token in &sessions[..ended] {
        assert_ne!(refresh(token).0, 200, "a session that was ended goes on");
    }

    prlimit(Some(pid), Resource::Fsize, limit(1 << 40)).unwrap();
    for token in rest {
        assert_eq!(refresh(token).0, 200);
        assert_eq!(revoke(token).0, 200);
        assert_eq!(refresh(token).0, 400);
    }
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
