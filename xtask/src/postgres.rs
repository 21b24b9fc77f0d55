//! A PostgreSQL server for the tests, removed with its data afterwards.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::command::{program, run};
use crate::setup::{self, by_root};

/// The user that Debian's package creates.
const USER: &str = "postgres";

/// A running server, stopped when dropped.
///
/// It listens only on a socket, in a directory that only its user can enter, so it needs no
/// password.
pub(crate) struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
    root: PathBuf,
}

impl Postgres {
    pub(crate) fn start(root: &Path) -> Result<Self> {
        let programs = setup::postgres(root)?;
        // Not in the target folder: PostgreSQL refuses to run as root, and its user may lack access
        // there. A socket's path must also be short.
        let directory = env::temp_dir().join(format!("device-postgres-{}", std::process::id()));
        fs::create_dir(&directory)?;
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
        let server = Self { programs, directory, root: root.to_owned() };
        if by_root(root)? {
            let owner = format!("{USER}:");
            run(program(root, "chown", &[&owner]).arg(&server.directory))?;
        }
        let cluster = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync"];
        server.run("initdb", &[&cluster[..], &["--locale=C"]].concat())?;
        // Without disk syncs a crash of the server loses nothing; only a crash of the machine
        // would.
        let options = format!(
            "-c unix_socket_directories={} -c listen_addresses= -c fsync=off",
            server.directory.display()
        );
        server.run("pg_ctl", &["--wait", "--silent", "--options", &options, "start"])?;
        server.write_restart()?;
        Ok(server)
    }

    /// The variables that tell the tests where the server is.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 2] {
        [
            ("DEVICE_TEST_POSTGRES", self.directory.clone()),
            ("DEVICE_TEST_POSTGRES_RESTART", self.directory.join("restart")),
        ]
    }

    pub(crate) fn stop(&self) -> Result<()> {
        self.run("pg_ctl", &["--wait", "--silent", "--mode", "immediate", "stop"])?;
        Ok(fs::remove_dir_all(&self.directory)?)
    }

    /// A program that crashes the server and starts it again.
    fn write_restart(&self) -> Result<()> {
        let command = self.command("pg_ctl", &["--wait", "--silent", "--mode", "immediate"])?;
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        let path = self.directory.join("restart");
        // The server must not keep a pipe open that the caller reads to its end.
        fs::write(&path, format!("#!/bin/sh\nexec {} restart >/dev/null 2>&1\n", line.join(" ")))?;
        Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Result<()> {
        run(&mut self.command(name, arguments)?)
    }

    /// Runs one of PostgreSQL's programs on this server's data, as a user that it accepts.
    fn command(&self, name: &str, arguments: &[&str]) -> Result<Command> {
        let data = self.directory.join("data");
        let mut command = if by_root(&self.root)? {
            let mut command = program(&self.root, "runuser", &["-u", USER, "--"]);
            command.arg(self.programs.join(name));
            command
        } else {
            program(&self.root, self.programs.join(name), &[])
        };
        command.arg("--pgdata").arg(data);
        if name == "pg_ctl" {
            command.arg("--log").arg(self.directory.join("log"));
        }
        command.args(arguments);
        Ok(command)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // After a failed step. If the server was stopped, the directory is gone.
        if self.directory.exists() {
            let _ = self.stop();
        }
    }
}
