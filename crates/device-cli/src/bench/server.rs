//! The server that is measured: another one, or one that the bench starts and stops.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use device_wire::Sensitive;
use rand::RngExt as _;
use reqwest::Url;

use super::machine::Process;
use super::{BenchError, Options};
use crate::signed_call;

/// An endpoint, and what is known of the process behind it.
pub(crate) struct Server {
    pub(crate) endpoint: Url,
    pub(crate) region: String,
    /// Id and secret of the key that signs administrators' operations.
    pub(crate) access_key: (String, Sensitive<String>),
    pub(crate) process: Process,
    /// Ends with this value.
    _started: Option<Started>,
}

/// A server of the bench. It ends when this is dropped.
struct Started(Child);

impl Server {
    /// The server that the options name; without one, a new one.
    pub(crate) fn of(options: &Options) -> Result<Self, BenchError> {
        match &options.endpoint {
            Some(endpoint) => Ok(Self::at(endpoint, options)),
            None => Self::start(options),
        }
    }

    fn at(endpoint: &Url, options: &Options) -> Self {
        let data = options.data.as_deref().unwrap_or_else(|| Path::new("device-data"));
        // Dev mode accepts any key, and any other server refuses this one with its reason.
        let access_key = match signed_call::server_key(data) {
            Some(key) => {
                (key.access_key_id().to_owned(), key.secret_access_key().to_owned().into())
            }
            None => ("bench".to_owned(), "bench".to_owned().into()),
        };
        Self {
            endpoint: endpoint.clone(),
            region: options.region.clone(),
            access_key,
            process: Process(options.pid),
            _started: None,
        }
    }

    fn start(options: &Options) -> Result<Self, BenchError> {
        let secret = Sensitive::from(format!("{:032x}", rand::rng().random::<u128>()));
        let mut log = tempfile::tempfile().map_err(BenchError::start)?;
        let mut command = Command::new(std::env::current_exe().map_err(BenchError::start)?);
        // Without the settings of a server in production, which may send messages.
        for (name, _) in std::env::vars_os() {
            let name_text = name.to_string_lossy();
            let is_setting = name_text.starts_with("DEVICE_") || name == "CREDENTIALS_DIRECTORY";
            // A database has one master key.
            if is_setting && !name_text.starts_with("DEVICE_MASTER_KEY") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--region", &options.region])
            // All clients have one address.
            .args(["--max-connections", "16384", "--max-connections-per-address", "16384"])
            .env("DEVICE_ACCESS_KEY_ID", "bench")
            .env("DEVICE_SECRET_ACCESS_KEY", secret.as_str())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.try_clone().map_err(BenchError::start)?);
        match (&options.data, &options.store) {
            (Some(data), _) => command.arg("--data").arg(data),
            (None, Some(store)) => command.env("DEVICE_STORE", store),
            (None, None) => command.arg("--in-memory"),
        };
        let mut started = Started(command.spawn().map_err(BenchError::start)?);
        let endpoint = started.endpoint().ok_or_else(|| BenchError::Server(read(&mut log)))?;
        Ok(Self {
            endpoint,
            region: options.region.clone(),
            access_key: ("bench".to_owned(), secret),
            process: Process(Some(started.0.id())),
            _started: Some(started),
        })
    }
}

impl Started {
    /// Where it listens, once it does; `None` if it ended before.
    fn endpoint(&mut self) -> Option<Url> {
        let mut endpoint = None;
        for line in BufReader::new(self.0.stdout.take()?).lines() {
            let line = line.ok()?;
            if let Some(address) = line.strip_prefix("listening on ") {
                endpoint = Some(address.parse().ok()?);
            } else if line == "ready" {
                break;
            }
        }
        endpoint
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id().cast_signed()) {
            // It finishes what it does; a server that is gone is no reason to fail.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        #[cfg(not(unix))]
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the server said of its end.
fn read(log: &mut File) -> String {
    let mut text = String::new();
    let read = log.seek(SeekFrom::Start(0)).and_then(|_| log.read_to_string(&mut text));
    match read {
        Ok(_) => text.trim().trim_start_matches("device: ").to_owned(),
        Err(error) => format!("its log cannot be read: {error}"),
    }
}
