//! A database for each test, on the server that `cargo xtask test` started.

use std::env;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variable that names the directory of the server's socket.
const SERVER: &str = "DEVICE_TEST_POSTGRES";

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// A database that is dropped with this value.
pub(crate) struct Database {
    host: String,
    name: String,
    url: String,
}

impl Database {
    pub(crate) fn new() -> Self {
        let host = env::var(SERVER).unwrap_or_else(|_| {
            panic!(
                "these tests need a PostgreSQL server: run `cargo xtask test`, or name the \
                 directory of a server's socket in {SERVER}"
            )
        });
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        psql(&host, "postgres", &format!("CREATE DATABASE {name}"));
        let url = format!("postgres://postgres@{}/{name}", host.replace('/', "%2F"));
        Self { host, name, url }
    }
}

impl Database {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Runs statements as an operator would; returns their output.
    pub(crate) fn run(&self, statements: &str) -> String {
        psql(&self.host, &self.name, statements)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        psql(&self.host, "postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// The output of a statement, without a frame.
fn psql(host: &str, database: &str, statement: &str) -> String {
    let arguments = ["-XqtA", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", host];
    let output =
        Command::new("psql").args(arguments).args(["-d", database, "-c", statement]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
