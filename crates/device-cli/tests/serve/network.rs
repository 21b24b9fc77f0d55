//! Where the server listens, TLS, what supervisors pass on and are told, and SIGHUP.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::{Serving, command};
use crate::{path, refusal, write_private};

const LOOPBACK: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// Writes a new certificate for `localhost` and its key; returns both files.
fn write_certificate(directory: &Path) -> (PathBuf, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    write_private(&certificate, &made.cert.pem());
    write_private(&key, &made.signing_key.serialize_pem());
    (certificate, key)
}

/// A key in a file, with which a server needs no data directory.
fn write_config(directory: &Path, more: &str) -> PathBuf {
    let config = directory.join("device.toml");
    let text = format!(
        "in-memory = true\naccess-key-id = \"OWN\"\n\
         secret-access-key = \"0123456789abcdef\"\n{more}"
    );
    write_private(&config, &text);
    config
}

#[test]
fn secrets_are_not_sent_unencrypted_to_other_machines() {
    let directory = tempfile::tempdir().unwrap();
    let config = write_config(directory.path(), "");
    let with = |arguments: &[&str]| {
        let mut command = command(arguments);
        command.arg("--config").arg(&config);
        command
    };
    for option in ["--listen", "--admin-listen", "--metrics-listen"] {
        let told = refusal(with(&[option, "0.0.0.0:0"]));
        for part in ["listening on 0.0.0.0:0 is refused", "--tls-cert", "--behind-proxy"] {
            assert!(told.contains(part), "{option}: {told}");
        }
    }
    let behind = Serving::start(with(&["--listen", "0.0.0.0:0", "--behind-proxy"]));
    assert!(behind.address.starts_with("127.0.0.1:"), "{}", behind.greeting);

    let (certificate, key) = write_certificate(directory.path());
    let tls = ["--tls-cert", path(&certificate), "--tls-key", path(&key)];
    let told = refusal(with(&tls[..2]));
    assert!(told.contains("tls-cert and tls-key go together"), "{told}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let told = refusal(with(&[&LOOPBACK[..], &tls].concat()));
    assert!(told.contains("key.pem has mode 644"), "{told}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let serving = Serving::start(with(&[&["--listen", "0.0.0.0:0"][..], &tls].concat()));
    assert!(serving.greeting.contains("listening on https://127.0.0.1:"), "{}", serving.greeting);
}

#[test]
fn a_socket_file_has_its_mode_and_ends_with_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("device.sock");
    let listen = format!("unix:{}", socket.display());
    let told = refusal(command(&["--listen", &listen, "--in-memory", "--dev"]));
    assert!(told.contains("give --public-url"), "{told}");

    let arguments = ["--listen", &listen, "--listen", "127.0.0.1:0", "--in-memory", "--dev"];
    let mut command = command(&arguments);
    command.args(["--public-url", "https://auth.example.com", "--socket-mode", "600"]);
    let serving = Serving::start(command);
    assert!(serving.greeting.contains(&format!("listening on {listen}\n")));
    assert_eq!(serving.get("/livez").0, 200, "on its other address");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&socket).unwrap();
    let request = "GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(serving.end("TERM").0, Some(0));
    assert!(!socket.exists());

    let mode = ["--listen", &listen, "--socket-mode", "999", "--in-memory", "--dev"];
    assert!(refusal(crate::process::command(&mode)).contains("socket-mode \"999\""));
    fs::write(&socket, "").unwrap();
    let mut taken = crate::process::command(&["--listen", &listen, "--in-memory", "--dev"]);
    taken.args(["--public-url", "https://auth.example.com"]);
    let told = refusal(taken);
    assert!(told.contains("there is a file that is no socket. Remove it"), "{told}");
}

#[test]
fn sockets_of_a_supervisor_are_used() {
    let [main, metrics] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [main_at, metrics_at] = [&main, &metrics].map(|it| it.local_addr().unwrap().to_string());
    let serve = command(&["--in-memory", "--dev"]);
    // The shell moves the sockets to the descriptors 3 and 4, and its process id is the server's.
    let script = "exec 3<&0 4>&1 1>&2 </dev/null; export LISTEN_PID=$$; exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).arg(serve.get_program()).args(serve.get_args());
    for (name, value) in serve.get_envs().filter_map(|(name, value)| value.map(|it| (name, it))) {
        shell.env(name, value);
    }
    shell.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", "main:metrics");
    shell.stdin(Stdio::from(OwnedFd::from(main))).stdout(Stdio::from(OwnedFd::from(metrics)));
    let mut process = shell.stderr(Stdio::piped()).spawn().unwrap();
    let stderr = std::io::BufReader::new(process.stderr.take().unwrap());
    let mut greeting = Vec::new();
    for line in stderr.lines().map(Result::unwrap) {
        let is_ready = line == "ready";
        greeting.push(line);
        if is_ready {
            break;
        }
    }
    assert!(greeting.contains(&format!("listening on http://{main_at}")), "{greeting:?}");
    assert!(greeting.contains(&format!("  metrics http://{metrics_at}/metrics")), "{greeting:?}");
    let get = |address: &str, path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(get(&main_at, "/livez").starts_with("HTTP/1.1 200"));
    assert!(get(&metrics_at, "/metrics").contains("device_sign_ins_total"));
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_supervisor_is_told_the_state_and_shown_signs_of_life() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("notify");
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    let mut command = command(&[&LOOPBACK[..], &["--in-memory", "--dev"]].concat());
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "100000");
    let serving = Serving::start(command);
    let expect = |expected: &str| {
        let mut bytes = [0; 256];
        loop {
            let length = supervisor.recv(&mut bytes).unwrap();
            let told = std::str::from_utf8(&bytes[..length]).unwrap();
            if told.lines().any(|line| line == expected) {
                return told.to_owned();
            }
        }
    };
    expect("READY=1");
    expect("WATCHDOG=1");
    expect("WATCHDOG=1");
    serving.signal("HUP");
    assert!(expect("RELOADING=1").contains("MONOTONIC_USEC="));
    expect("READY=1");
    serving.signal("TERM");
    expect("STOPPING=1");
}

#[test]
fn a_hangup_reads_certificate_key_and_log_level_again() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = write_certificate(directory.path());
    let config = write_config(directory.path(), "log-level = \"warn\"\n");
    let mut command = command(&LOOPBACK);
    command.arg("--config").arg(&config).args(["--metrics-listen", "127.0.0.1:0"]);
    command.args(["--tls-cert", path(&certificate), "--tls-key", path(&key)]);
    let greeted = command;
    let mut serving = start_tls(greeted);
    let mut log = serving.log().lines().map(Result::unwrap);
    let mut until = |part: &str| {
        let mut seen = Vec::new();
        loop {
            let line = log.next().unwrap_or_else(|| panic!("no {part} in {seen:?}"));
            let is_it = line.contains(part);
            seen.push(line);
            if is_it {
                return seen;
            }
        }
    };

    // Of lower levels nothing is logged, until the level is changed.
    write_config(directory.path(), "log-level = \"info\"\n");
    write_certificate(directory.path());
    serving.signal("HUP");
    until("the log level is set");
    serving.signal("HUP");
    let seen = until("TLS: the certificate was read again");
    assert!(seen.iter().all(|line| !line.contains("replaced")), "the key is the same: {seen:?}");

    // Each mistake is named, and what was in use stays.
    fs::write(&certificate, "half").unwrap();
    write_config(directory.path(), "log-level = \"info\"\nlissten = 1\n");
    serving.signal("HUP");
    until("TLS: the earlier certificate stays in use");
    let seen = until("access key and log level stay as they are");
    assert!(seen.last().unwrap().contains("unknown field `lissten`"), "{seen:?}");

    let text = fs::read_to_string(&config).unwrap().replace("0123456789abcdef", "fedcba9876543210");
    write_private(&config, &text.replace("lissten = 1\n", ""));
    serving.signal("HUP");
    let seen = until("the server's own access key was replaced");
    assert!(seen.iter().all(|line| !line.contains("fedcba")), "{seen:?}");
    assert!(serving.process.try_wait().unwrap().is_none());
}

/// Starts a server that listens with TLS; calls go to its listener for figures.
fn start_tls(command: Command) -> Serving {
    Serving::start_at(command, |line| {
        line.strip_prefix("  metrics http://")?.strip_suffix("/metrics").map(str::to_owned)
    })
}

#[test]
fn a_closed_stderr_ends_no_server() {
    let mut serving = Serving::start(command(&[&LOOPBACK[..], &["--in-memory", "--dev"]].concat()));
    // Every write of a log line fails with EPIPE from now on.
    drop(serving.log());
    for _ in 0..3 {
        assert_eq!(serving.get("/livez").0, 200);
    }
    assert!(serving.process.try_wait().unwrap().is_none());
}
