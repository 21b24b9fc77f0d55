//! A server process, and HTTP calls to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// `device serve` with these arguments and without settings from this process's environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
    command.arg("serve").args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEVICE_")
            || name == "RUST_LOG"
            || name == "CREDENTIALS_DIRECTORY"
        {
            command.env_remove(name);
        }
    }
    command
}

/// A server process, killed when dropped.
pub(crate) struct Serving {
    pub(crate) process: Child,
    // Kept open: the tests are not about a process whose stdout is closed.
    _stdout: BufReader<ChildStdout>,
    pub(crate) greeting: String,
    pub(crate) address: String,
}

impl Serving {
    pub(crate) fn start(command: Command) -> Self {
        Self::start_at(command, |line| {
            let endpoint = line.strip_prefix("listening on ")?;
            let address = endpoint.strip_prefix("http://").or(endpoint.strip_prefix("https://"));
            address.map(str::to_owned)
        })
    }

    /// Starts a server that is called at the address in one of its lines.
    pub(crate) fn start_at(mut command: Command, address: impl Fn(&str) -> Option<String>) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.ends_with("\nready\n") {
            if stdout.read_line(&mut greeting).unwrap() == 0 {
                let mut log = String::new();
                process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
                panic!("not ready: {greeting}{log}");
            }
        }
        let address = greeting.lines().find_map(address).unwrap();
        Self { process, _stdout: stdout, greeting, address }
    }

    fn http(&self, request: &str) -> (u16, Value) {
        exchange(&self.address, request).unwrap()
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.http(&format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.address
        ))
    }

    /// A call under `/dev/` without a body.
    pub(crate) fn post(&self, path: &str) -> (u16, Value) {
        self.http(&format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            self.address
        ))
    }

    #[track_caller]
    pub(crate) fn ok(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = self.call(operation, body);
        assert_eq!(status, 200, "{operation}: {answer}");
        answer
    }

    pub(crate) fn call(&self, operation: &str, body: &Value) -> (u16, Value) {
        self.http(&request(operation, body))
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
    }

    /// The rest of the log. May be taken once.
    #[cfg(unix)]
    pub(crate) fn log(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.process.stderr.take().unwrap())
    }

    /// Ends the process with a signal. Returns its exit code, if it has one, and its log.
    #[cfg(unix)]
    pub(crate) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        self.signal(signal);
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.process.wait().unwrap().code(), log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // An error means that the process has already ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn request(operation: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST / HTTP/1.1\r\nhost: pool.test\r\nconnection: close\r\ncontent-type: \
         application/x-amz-json-1.1\r\n\
         x-amz-target: AWSCognitoIdentityProviderService.{operation}\r\ncontent-length: \
         {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends a request and reads the whole answer. `None` if the server ended before that.
pub(crate) fn exchange(address: &str, request: &str) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    answer(stream)
}

pub(crate) fn answer(mut stream: TcpStream) -> Option<(u16, Value)> {
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    let (head, body) = response.split_once("\r\n\r\n")?;
    Some((head.get(9..12)?.parse().ok()?, serde_json::from_str(body).ok()?))
}
