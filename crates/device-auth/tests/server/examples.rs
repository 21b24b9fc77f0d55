//! Runs the examples as a user would.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use device_auth::{FileStore, SessionStore as _};
use device_test::PASSWORD;
use tempfile::TempDir;
use ureq::http::{Method, Request, StatusCode};

use super::*;

/// The command that runs an example with that pool. Cargo builds the examples with the tests, into
/// the directory beside theirs.
fn example(name: &str, world: &World, kept: &Path) -> Command {
    let tests = std::env::current_exe().unwrap();
    let program = tests.ancestors().nth(2).unwrap().join("examples").join(name);
    assert!(program.exists(), "{} is not built: run the tests without `--test`", program.display());
    let mut command = Command::new(program);
    command
        .args([&world.pool, &world.client])
        .arg(kept)
        .env("AWS_ENDPOINT_URL", world.server.url());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Types these lines into a running terminal app.
fn type_into(terminal: &mut Child, lines: &[&str]) {
    let typed = lines.join("\n") + "\n";
    terminal.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
}

/// The output of a terminal app, which must exit with success.
fn shown(terminal: Child) -> String {
    let output = terminal.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_terminal_app_asks_remembers_and_lists() {
    let (world, directory) = (World::new(Devices::OptIn, Mfa::Totp), TempDir::new().unwrap());
    let typed = |lines: &[&str]| {
        let mut terminal =
            example("terminal", &world, &directory.path().join("kept.json")).spawn().unwrap();
        type_into(&mut terminal, lines);
        shown(terminal)
    };
    let shown = typed(&[USER, PASSWORD, "000000", &world.code(), "y", "quit"]);
    for text in
        ["authenticator app", "Remember this device?", "is remembered", "Terminal (this one)"]
    {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let shown = typed(&["sign out"]);
    assert!(shown.starts_with("Signed in as ada."), "{shown}");
    let shown = typed(&[USER, PASSWORD, "forget", "remember", "quit"]);
    assert!(!shown.contains("authenticator") && shown.contains("not known"), "{shown}");
    assert!(shown.contains("this device is not tracked"), "{shown}");
}

/// The access token of two processes has expired, in a pool whose refresh tokens are valid once.
#[test]
fn processes_that_share_a_session_stay_signed_in() {
    let (world, directory) = (super::shared::rotating(), TempDir::new().unwrap());
    let path = directory.path().join("kept.json");
    let start = || example("terminal", &world, &path).spawn().unwrap();
    let mut first = start();
    type_into(&mut first, &[USER, PASSWORD, "quit"]);
    shown(first);
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = FileStore::open(&path);
            let mut session = store.load_session(&world.client).await.unwrap().unwrap();
            session.expires_at = std::time::UNIX_EPOCH;
            store.save_session(&session).await.unwrap();
        });
        let (mut one, mut other) = (start(), start());
        type_into(&mut one, &["quit"]);
        type_into(&mut other, &["quit"]);
        for terminal in [one, other] {
            let shown = shown(terminal);
            assert!(shown.starts_with("Signed in as ada."), "{shown}");
        }
    }
}

/// The running web backend.
struct Backend {
    process: Child,
    url: String,
}

impl Backend {
    fn start(world: &World, directory: &Path) -> Self {
        let mut process = example("web", world, directory).arg("127.0.0.1:0").spawn().unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: url.trim().to_owned() }
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A browser at the web backend.
struct Browser {
    url: String,
    cookie: Option<String>,
}

impl Browser {
    fn request(&mut self, method: Method, path: &str, form: &str) -> (StatusCode, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let config = ureq::Agent::config_builder()
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .http_status_as_error(false);
        let agent = config.build().new_agent();
        let mut response = agent.run(request.body(form.to_owned()).unwrap()).unwrap();
        let cookie = response.headers()["set-cookie"].to_str().unwrap();
        self.cookie = cookie.split(';').next().map(str::to_owned);
        (response.status(), response.body_mut().read_to_string().unwrap())
    }

    /// Sends a form. Returns the page that follows.
    fn post(&mut self, path: &str, form: &str) -> String {
        assert_eq!(self.request(Method::POST, path, form).0, StatusCode::SEE_OTHER);
        self.request(Method::GET, "/", "").1
    }

    fn sign_in(&mut self) -> String {
        self.post("/sign-in", &format!("username={USER}&password={PASSWORD}"))
    }
}

#[test]
fn the_web_backend_keeps_the_devices_of_each_browser() {
    let world = World::new(Devices::OptIn, Mfa::Totp);
    let directory = TempDir::new().unwrap();
    let backend = Backend::start(&world, directory.path());
    let mut mine = Browser { url: backend.url.clone(), cookie: None };
    assert!(mine.request(Method::GET, "/", "").1.contains("Sign in"));
    assert!(mine.sign_in().contains("one-time-code"));
    assert!(mine.post("/code", "code=000000").contains("role=alert"));
    let page = mine.post("/code", &format!("code={}", world.code()));
    assert!(page.contains("<h1>ada</h1>") && page.contains("Remember this browser"), "{page}");
    let page = mine.post("/remember", "");
    assert!(page.contains("Browser (this one)") && !page.contains("Remember this"), "{page}");

    // Another browser is another device, and an unknown cookie is replaced.
    let mut other =
        Browser { url: backend.url.clone(), cookie: Some(format!("browser={:032x}", 1)) };
    assert!(other.sign_in().contains("one-time-code"));
    assert_ne!(other.cookie, mine.cookie);
    assert_ne!(other.cookie.as_deref(), Some("browser=00000000000000000000000000000001"));

    // After a restart of the backend the browser is still signed in, and still remembered after it
    // signs out.
    drop(backend);
    let backend = Backend::start(&world, directory.path());
    let mut mine = Browser { url: backend.url.clone(), cookie: mine.cookie };
    assert!(mine.request(Method::GET, "/", "").1.contains("<h1>ada</h1>"));
    assert!(mine.post("/sign-out", "").contains("Sign in"));
    let page = mine.sign_in();
    assert!(page.contains("Browser (this one)"), "no code was asked for: {page}");
    let key = page.split("value=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    mine.post("/forget", &format!("key={key}"));
    mine.post("/sign-out", "");
    assert!(mine.sign_in().contains("one-time-code"));
}
