//! `device health`, as a script or a container runs it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};

fn health(url: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
    command.args(["health", "--url", url]).env_remove("DEVICE_URL").output().unwrap()
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_exit_code_says_whether_the_server_serves() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_device"));
    // By name, as in `--listen localhost:9229`.
    command.args(["serve", "--listen", "localhost:0", "--in-memory", "--dev"]);
    let mut server = Killed(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let lines = BufReader::new(server.0.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let url = lines.find_map(|line| line.strip_prefix("listening on ").map(str::to_owned)).unwrap();
    assert_eq!(lines.next().unwrap(), "ready");
    let healthy = health(&url);
    assert_eq!((healthy.status.code(), &*healthy.stdout), (Some(0), &b"ok\n"[..]));

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = health(&format!("http://{nobody}"));
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("no server answers at") && told.contains("refused"), "{told}");
}
