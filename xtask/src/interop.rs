//! Unmodified clients of other makers against our server, and our client against other servers.
//!
//! The clients' tests find the server by `DEVICE_ENDPOINT` and sign with the usual `AWS_*`
//! variables. The server writes its messages to users to the file `DEVICE_MESSAGE_FILE`.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::command::{cargo, program, run, target, works};
use crate::{Result, setup};

/// How long the server may take to listen, and to stop. It is long, since it only ends a hang.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between checks.
const PAUSE: Duration = Duration::from_millis(20);

/// The variable with the path of the messages to users.
const MESSAGE_FILE: &str = "DEVICE_MESSAGE_FILE";

/// The administrators' keys, so that the tests cover signatures too.
const REGION: &str = "eu-west-1";
const ACCESS_KEY: (&str, &str) = ("AKIAINTEROP", "a secret of nobody");

/// Runs the Python clients' tests.
pub(crate) fn python(root: &Path) -> Result<()> {
    let python = setup::python(root, "python")?;
    let mut tests =
        program(root, python, &["-B", "-m", "pytest", "-p", "no:cacheprovider", "interop/python"]);
    tests.env("DEVICE_BINARY", target(root).join("debug/device"));
    against_server(root, tests)
}

/// Runs the JavaScript clients' tests.
pub(crate) fn node(root: &Path) -> Result<()> {
    let packages = setup::node(root, "node")?;
    let mut tests = program(&root.join("interop/node"), "node", &["--test"]);
    tests.env("NODE_PATH", packages);
    against_server(root, tests)
}

/// Drives the console and an app in a browser; leaves screenshots in the target folder.
pub(crate) fn browser(root: &Path) -> Result<()> {
    let packages = setup::node(root, "browser")?;
    // One file after the other: each has a browser of its own.
    let flags = ["--test", "--test-concurrency=1"];
    let mut tests = program(&root.join("interop/browser"), "node", &flags);
    tests
        .env("NODE_PATH", packages)
        .env("DEVICE_CHROMIUM", setup::chromium(root)?)
        .env("DEVICE_SCREENSHOTS", screenshots(root))
        .env("DEVICE_BINARY", target(root).join("debug/device"));
    against_server(root, tests)
}

/// As [`browser`], and renews the picture in the README.
pub(crate) fn screenshot(root: &Path) -> Result<()> {
    browser(root)?;
    fs::copy(screenshots(root).join("readme.png"), root.join("docs/console.png"))?;
    Ok(())
}

fn screenshots(root: &Path) -> PathBuf {
    target(root).join("screenshots")
}

/// Runs the client against servers of other makers. interop/servers/README.md says what is expected
/// of each.
pub(crate) fn servers(root: &Path) -> Result<()> {
    run(&mut cargo(root, &["build", "--package", "device-interop"]))?;
    let python = setup::python(root, "servers")?;
    for (name, module) in [("ministack", "ministack.app"), ("moto", "moto.server")] {
        // Bound and released, since neither server reports a port that it chose.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port().to_string();
        let log = target(root).join(format!("interop-{name}.log"));
        let output = File::create(&log)?;
        let start =
            format!("import sys; from {module} import main; sys.argv[0] = '{name}'; main()");
        let mut command = program(&target(root), &python, &["-c", &start]);
        if name == "moto" {
            command.args(["-H", "127.0.0.1", "-p", &port]);
        }
        let process = command
            .env("GATEWAY_PORT", &port)
            .env("SERVICES", "cognito-idp")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let mut server = Server {
            process,
            endpoint: format!("http://127.0.0.1:{port}"),
            log,
            messages: PathBuf::new(),
        };
        server.wait_until_it_listens(&format!("127.0.0.1:{port}"))?;
        let client = target(root).join("debug/device-interop");
        run(&mut program(root, client, &[name, &server.endpoint]))
            .map_err(|error| format!("{error} (the log of {name} is {})", server.log.display()))?;
    }
    Ok(())
}

/// Runs `tests` against a server that is started for them.
fn against_server(root: &Path, mut tests: Command) -> Result<()> {
    run(&mut cargo(root, &["build", "--package", "device-cli"]))?;
    let server = Server::start(root)?;
    let outcome = run(server.introduce_to(&mut tests));
    let log = server.log.clone();
    let stopped = server.stop();
    outcome
        .and(stopped)
        .map_err(|error| format!("{error} (the server's log is {})", log.display()).into())
}

/// A server on a free port, killed when it is dropped.
struct Server {
    process: Child,
    endpoint: String,
    log: PathBuf,
    messages: PathBuf,
}

impl Server {
    /// Starts `device serve` and waits until it reports its address.
    fn start(root: &Path) -> Result<Self> {
        let log = target(root).join("interop.log");
        let output = File::create(&log)?;
        // Recreated, without the messages of an earlier run.
        let messages = target(root).join("interop-messages.jsonl");
        File::create(&messages)?;
        let binary = target(root).join("debug/device");
        let serve = ["serve", "--in-memory", "--listen", "127.0.0.1:0", "--region", REGION];
        let mut command = program(root, binary, &serve);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DEVICE_"))
        {
            command.env_remove(name);
        }
        let process = command
            .env(MESSAGE_FILE, &messages)
            .env("DEVICE_ACCESS_KEY_ID", ACCESS_KEY.0)
            .env("DEVICE_SECRET_ACCESS_KEY", ACCESS_KEY.1)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let mut server = Self { process, endpoint: String::new(), log, messages };
        let started = Instant::now();
        loop {
            let exited = server.process.try_wait()?;
            let said = fs::read_to_string(&server.log)?;
            if let Some(status) = exited {
                return Err(format!("the server ended at once, {status}:\n{said}").into());
            }
            if let Some(endpoint) = endpoint(&said) {
                server.endpoint = endpoint.to_owned();
                return Ok(server);
            }
            if started.elapsed() > PATIENCE {
                return Err(format!("the server does not say where it listens:\n{said}").into());
            }
            sleep(PAUSE);
        }
    }

    fn wait_until_it_listens(&mut self, address: &str) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect(address).is_err() {
            if self.process.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                let said = fs::read_to_string(&self.log)?;
                return Err(format!("the server does not listen:\n{said}").into());
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    /// Tells a client's process the server's address and the keys to sign with.
    fn introduce_to<'a>(&self, client: &'a mut Command) -> &'a mut Command {
        client
            .env("DEVICE_ENDPOINT", &self.endpoint)
            .env(MESSAGE_FILE, &self.messages)
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY.0)
            .env("AWS_SECRET_ACCESS_KEY", ACCESS_KEY.1)
            // The settings of the person who runs the tests must not take effect.
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env_remove("AWS_PROFILE")
            .env_remove("AWS_SESSION_TOKEN")
    }

    /// Stops the server as an operator would, and expects a clean exit.
    fn stop(mut self) -> Result<()> {
        if !works(Command::new("kill").args(["-TERM", &self.process.id().to_string()])) {
            return Err("the server was gone before it was asked to stop".into());
        }
        let status = self.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the server stopped badly: {status}").into())
        }
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            sleep(PAUSE);
        }
        Err("the server does not stop when asked".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that the server has already ended, as intended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first local address in the server's output, once its line is complete.
fn endpoint(said: &str) -> Option<&str> {
    const SCHEME: &str = "http://127.0.0.1:";
    let address = said.get(said.find(SCHEME)?..)?;
    let port = address.get(SCHEME.len()..)?;
    let digits = port.find(|letter: char| !letter.is_ascii_digit())?;
    address.get(..SCHEME.len() + digits).filter(|_| digits > 0)
}

#[cfg(test)]
mod tests {
    use super::endpoint;

    #[test]
    fn the_endpoint_may_be_on_any_line() {
        for said in [
            "listening on http://127.0.0.1:40123\n",
            "admin key AKIA\n{\"message\":\"listening\",\"address\":\"http://127.0.0.1:40123\"}\n",
            "http://127.0.0.1:40123/ is ready, see http://127.0.0.1:1/docs\n",
        ] {
            assert_eq!(endpoint(said), Some("http://127.0.0.1:40123"), "{said}");
        }
    }

    #[test]
    fn half_a_line_is_not_an_endpoint() {
        for said in [
            "",
            "starting\n",
            "listening on http://127.0.0.1:",
            "listening on http://127.0.0.1:401",
        ] {
            assert_eq!(endpoint(said), None, "{said}");
        }
    }
}
