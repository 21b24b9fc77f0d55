//! Arbitrary configuration files of the server.
//!
//! Each gives settings, or an error that never contains the secret access key.
#![no_main]

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args as _, Command, FromArgMatches as _};
use libfuzzer_sys::fuzz_target;
use serve::settings::{Options, Settings};

// The modules of `device serve` that read its settings; the crate is a binary.
#[allow(dead_code)]
#[path = "../../crates/device-cli/src/serve"]
mod serve {
    pub(crate) mod credentials;
    pub(crate) mod dev;
    pub(crate) mod error;
    pub(crate) mod listen;
    pub(crate) mod log;
    pub(crate) mod master_key;
    pub(crate) mod modes;
    pub(crate) mod network;
    pub(crate) mod secrets;
    pub(crate) mod settings;
    pub(crate) mod templates;

    pub(crate) use error::ServeError;
}

/// A file that only this process uses, and only its owner can read.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("device-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("device.toml");
    fs::write(&file, "").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    file
});

/// Whether a file names a host, for which the server would make a DNS lookup.
fn names_a_host(settings: &toml::Table) -> bool {
    let names = |value: &toml::Value| {
        let text = value.as_str().unwrap_or_default();
        text.parse::<SocketAddr>().is_err() && text.contains(':')
    };
    ["listen", "admin-listen", "metrics-listen"].iter().any(|option| match settings.get(*option) {
        Some(toml::Value::Array(list)) => list.iter().any(names),
        Some(value) => names(value),
        None => false,
    })
}

fuzz_target!(|data: &[u8]| {
    let file: Option<toml::Table> =
        std::str::from_utf8(data).ok().and_then(|text| toml::from_str(text).ok());
    if file.as_ref().is_some_and(names_a_host) {
        return;
    }
    fs::write(&*FILE, data).unwrap();
    let command = Options::augment_args(Command::new("serve"));
    let matches =
        command.get_matches_from(["serve".as_ref(), "--config".as_ref(), FILE.as_os_str()]);
    let options = Options::from_arg_matches(&matches).unwrap();
    let Err(error) = Settings::resolve(options, &matches) else { return };
    let said = error.to_string();
    let secret = file.as_ref().and_then(|file| file.get("secret-access-key")?.as_str());
    // a short secret may occur in any message by chance
    if let Some(secret) = secret.filter(|secret| secret.len() >= 12) {
        assert!(!said.contains(secret), "{said}");
    }
});
