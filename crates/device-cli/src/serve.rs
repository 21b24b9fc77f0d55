//! `device serve`: reads settings, opens the store, and serves until it is told to stop.

mod audit_file;
mod check;
pub(crate) mod credentials;
mod dev;
mod error;
mod listen;
mod log;
pub(crate) mod master_key;
mod modes;
mod network;
mod reload;
mod secrets;
mod settings;
mod supervisor;
mod templates;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use device_server::{
    AccessKey, Administrators, PoolConfig, Seed, SeedVerifiers, Service, Storage, Store,
};
use tokio::runtime;

pub(crate) use check::check;
use credentials::{Credentials, Kept};
pub(crate) use error::ServeError;
use log::LogLevel;
use network::{Open, Use};
use reload::Reload;
pub(crate) use secrets::{given_secrets, is_secret};
use settings::{Administration, Settings};
pub(crate) use settings::{DEFAULT_DATA, Options};

use crate::descriptors;
use crate::signals::Signals;

/// The account id in ARNs. This server has no accounts; clients only expect twelve digits.
const ACCOUNT_ID: &str = "000000000000";

/// How long a thread that is still writing may delay the end of the process.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or ctrl-C.
pub(crate) fn run(options: Options, matches: &ArgMatches) -> Result<(), ServeError> {
    let settings = Settings::resolve(options, matches)?;
    let level = log::start(settings.log_format, &settings.log_level)?;
    descriptors::raise_limit();
    let runtime =
        runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Runtime)?;
    let result = runtime.block_on(serve(settings, level, matches.clone()));
    runtime.shutdown_timeout(LAST_WRITES);
    result
}

async fn serve(settings: Settings, level: LogLevel, matches: ArgMatches) -> Result<(), ServeError> {
    // From here on a signal causes a clean shutdown, however early it arrives.
    let signals = Signals::listen().map_err(ServeError::Runtime)?;
    let directory = match &settings.storage {
        Storage::Directory(directory) => Some(directory.as_path()),
        _ => None,
    };
    if let Some(directory) = directory {
        modes::check_data(directory)?;
    }
    // Before the store is opened: a mistake leaves no new data directory.
    let seed = (!settings.seed.is_empty()).then(|| Seed::read(&settings.seed)).transpose()?;
    let Open { server, tls, endpoints } = settings.network.open(supervisor::inherited()?).await?;
    let endpoint_of = |wanted| {
        endpoints.iter().find(|(used, _)| *used == wanted).map(|(_, endpoint)| endpoint.clone())
    };
    let endpoint = endpoint_of(Use::Main).unwrap_or_default();
    let public_base_url = match settings.public_url {
        Some(url) => url,
        None if endpoint.starts_with("http") => endpoint.clone(),
        None => {
            return Err(ServeError::Settings(
                "tokens name the URL at which clients reach the server, and they do not reach a \
                 socket file: give --public-url"
                    .to_owned(),
            ));
        }
    };
    let is_developers = directory.is_some_and(dev::is_developers);
    let sealed = settings.master_key.clone().map(|key| settings.storage.open_sealed(key));
    let sealed = sealed.transpose()?;
    let store = match &sealed {
        Some(sealed) => Arc::clone(sealed) as Arc<dyn Store>,
        None => settings.storage.open()?,
    };
    let store = match settings.audit_file {
        Some(path) => audit_file::observed(store, path)?,
        None => store,
    };
    if let Some(directory) = directory {
        let is_dev = matches!(settings.administration, Administration::Anyone(_));
        let marked = match (is_dev, is_developers) {
            (true, true) => dev::mark(directory),
            (true, false) => Ok(()),
            (false, _) => dev::unmark(directory),
        };
        marked
            .map_err(|error| ServeError::Settings(format!("{}: {error}", directory.display())))?;
    }

    let mut greeting = format!("device {}\n", env!("CARGO_PKG_VERSION"));
    let data = match &settings.storage {
        Storage::Directory(directory) => directory.to_string_lossy(),
        Storage::Postgres(_) => "in PostgreSQL".into(),
        _ => "in memory".into(),
    };
    greeting.push_str(&line("data", &data));
    if let Some(key) = &settings.master_key {
        greeting.push_str(&line("key", &format!("secrets encrypted (key of {})", key.place())));
    }
    greeting.push_str(&line("region", &settings.region));
    let administrators = match settings.administration {
        Administration::Anyone(mode) => {
            tracing::warn!("--dev: anyone who reaches this server may administrate it");
            greeting.push_str(&line("admin", "anyone, signed or not (--dev)"));
            greeting.push_str(&line(
                "codes",
                "GET /dev/messages/<pool id>/<username or address> has the last one",
            ));
            greeting.push_str(&line("control", "under /dev/: clock, reset, expire, messages"));
            Administrators::Anyone(mode)
        }
        Administration::Given(key) => {
            greeting.push_str(&line("admin", &format!("access key {} (as given)", key.id())));
            Administrators::Signing(key)
        }
        Administration::Kept => {
            let (credentials, kept) = Credentials::of(directory)?;
            greeting.push_str(&introduce(&credentials, &kept, io::stdout().is_terminal())?);
            let key = AccessKey::new(credentials.access_key_id, credentials.secret_access_key)?;
            Administrators::Signing(key)
        }
    };
    for warning in settings.warnings {
        tracing::warn!("{warning}");
    }
    let config = PoolConfig {
        region: settings.region,
        account_id: ACCOUNT_ID.to_owned(),
        public_base_url,
        retention: settings.retention,
    };
    let mut service = Service::builder(store, config)
        .administrators(administrators)
        .origins(settings.origins)
        .trusted_proxies(settings.trusted_proxies)
        .transports(settings.transports)
        .device_messages(settings.device_messages)
        .limits(settings.limits);
    if let Some(directory) = directory {
        service = service.data_directory(directory);
    }
    if let Some(sealed) = sealed {
        service = service.sealed(sealed);
    }
    if let Some(hooks) = settings.hooks {
        service = service.hooks(hooks);
    }
    if settings.allow_unrun_triggers {
        service = service.allow_unrun_triggers();
    }
    let service = service.build();
    if let Some(seed) = seed {
        let verifiers = match settings.storage {
            Storage::InMemory => SeedVerifiers::OnFirstRead,
            _ => SeedVerifiers::AtOnce,
        };
        service.plant(&seed, verifiers).await?;
    }
    let server = if settings.console {
        let admin = endpoint_of(Use::Admin).unwrap_or_else(|| endpoint.clone());
        greeting.push_str(&line("console", &format!("{admin}/console")));
        server.pages(device_console::routes(Arc::clone(&service)))
    } else {
        server
    };
    for (used, endpoint) in &endpoints {
        match used {
            Use::Main => {}
            Use::Admin => greeting.push_str(&line("admins", endpoint)),
            Use::Metrics => greeting.push_str(&line("metrics", &format!("{endpoint}/metrics"))),
        }
    }
    for (_, endpoint) in endpoints.iter().filter(|(used, _)| *used == Use::Main) {
        greeting.push_str(&format!("listening on {endpoint}\n"));
    }
    // A closed stdout does not stop the server.
    let _ = writeln!(io::stdout().lock(), "{greeting}ready");
    supervisor::ready();
    let watched = tokio::spawn(supervisor::watched());
    let reload = Arc::new(Reload {
        matches,
        level,
        tls,
        service: Arc::clone(&service),
        directory: directory.map(Path::to_owned),
    });
    let stop = async move {
        signals.stop(move || reload.run()).await;
        supervisor::stopping();
    };
    server.serve(service, stop).await;
    watched.abort();
    tracing::info!("stopped");
    Ok(())
}

fn line(name: &str, value: &str) -> String {
    format!("  {name:<8}{value}\n")
}

/// The text about the credentials. A new secret is shown once, and only on a terminal: pipes and
/// files, such as a container's log, would keep it.
fn introduce(
    credentials: &Credentials,
    kept: &Kept,
    is_terminal: bool,
) -> Result<String, ServeError> {
    let id = &credentials.access_key_id;
    let shown = |comment: &str| {
        line("admin", &format!("access key id      {id}"))
            + &line("", &format!("secret access key  {}", credentials.secret_access_key))
            + &line("", comment)
    };
    match (kept, is_terminal) {
        (Kept::Before(path), _) => {
            Ok(line("admin", &format!("access key {id} (from {})", path.display())))
        }
        (Kept::Now(path), true) => {
            Ok(shown(&format!("new; shown this once, and kept in {}", path.display())))
        }
        (Kept::Now(path), false) => Ok(line(
            "admin",
            &format!("access key {id} (new; the secret is in {})", path.display()),
        )),
        (Kept::Nowhere, true) => Ok(shown("new, and gone with this process")),
        (Kept::Nowhere, false) => Err(ServeError::Settings(
            "with --in-memory a new secret access key is shown on a terminal only, and stdout is \
             none: give --access-key-id and DEVICE_SECRET_ACCESS_KEY, or --dev"
                .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_shown_on_a_terminal_only() {
        let credentials = || Credentials {
            access_key_id: "ID".to_owned(),
            secret_access_key: "s3cret-0123456789".to_owned(),
        };
        let told = |kept: &Kept, is_terminal| introduce(&credentials(), kept, is_terminal);
        let path = || "/data/credentials.toml".into();
        assert!(told(&Kept::Now(path()), true).unwrap().contains("s3cret"));
        assert!(told(&Kept::Nowhere, true).unwrap().contains("s3cret"));
        for (kept, is_terminal) in [
            (Kept::Now(path()), false),
            (Kept::Before(path()), true),
            (Kept::Before(path()), false),
        ] {
            let text = told(&kept, is_terminal).unwrap();
            assert!(!text.contains("s3cret") && text.contains("/data/credentials.toml"), "{text}");
        }
        let refused = told(&Kept::Nowhere, false).unwrap_err().to_string();
        assert!(!refused.contains("s3cret") && refused.contains("--access-key-id"), "{refused}");
    }
}
