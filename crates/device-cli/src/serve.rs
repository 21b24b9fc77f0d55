//! `device serve`: settings, storage and credentials in, a server until it is told to stop.

mod credentials;
mod error;
mod log;
mod settings;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::ArgMatches;
use device_server::{
    AccessKey, Administrators, DEFAULT_MAX_IN_FLIGHT, Environment, PoolConfig, Server, Service,
    Setup, Storage,
};
use tokio::runtime;

use credentials::{Credentials, Kept};
pub(crate) use error::ServeError;
pub(crate) use settings::Options;
use settings::{Administration, Settings};

use crate::stop;

/// The account that ARNs name. There are no accounts here, and clients only ask for twelve digits.
const ACCOUNT_ID: &str = "000000000000";

/// How long a thread that is still writing may hold up the end of the process.
const LAST_WRITES: Duration = Duration::from_secs(5);

/// Serves until SIGTERM or ctrl-C.
pub(crate) fn run(options: Options, matches: &ArgMatches) -> Result<(), ServeError> {
    let settings = Settings::resolve(options, matches)?;
    log::start(settings.log_format)?;
    let runtime =
        runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Runtime)?;
    let result = runtime.block_on(serve(settings));
    runtime.shutdown_timeout(LAST_WRITES);
    result
}

async fn serve(settings: Settings) -> Result<(), ServeError> {
    // From here on a signal asks for an orderly end, however early it comes.
    let stop = stop::asked().map_err(ServeError::Runtime)?;
    let server = Server::bind(settings.listen)
        .await
        .map_err(|source| ServeError::Listen { addr: settings.listen, source })?;
    let endpoint = format!("http://{}", reachable(server.local_addr()));
    let store = settings.storage.open()?;

    let directory = match &settings.storage {
        Storage::Directory(directory) => Some(directory.as_path()),
        _ => None,
    };
    let mut greeting = format!("device {}\n", env!("CARGO_PKG_VERSION"));
    greeting.push_str(&line("data", &directory.map_or("in memory".into(), Path::to_string_lossy)));
    greeting.push_str(&line("region", &settings.region));
    let administrators = match settings.administration {
        Administration::Anyone => {
            tracing::warn!("--dev: anyone who reaches this server may administrate it");
            greeting.push_str(&line("admin", "anyone, signed or not (--dev)"));
            greeting.push_str(&line(
                "codes",
                "GET /dev/messages/<pool id>/<username or address> has the last one",
            ));
            Administrators::Anyone
        }
        Administration::Given(credentials) => {
            greeting.push_str(&line(
                "admin",
                &format!("access key {} (as given)", credentials.access_key_id),
            ));
            signing(credentials)
        }
        Administration::Kept => {
            let (credentials, kept) = Credentials::of(directory)?;
            greeting.push_str(&introduce(&credentials, &kept));
            signing(credentials)
        }
    };
    let mut environment = Environment::system();
    if let Some(hooks) = settings.hooks {
        environment.hooks = Arc::new(hooks);
    }
    let service = Service::new(Setup {
        store,
        pool: PoolConfig {
            region: settings.region,
            account_id: ACCOUNT_ID.to_owned(),
            public_base_url: settings.public_url.unwrap_or_else(|| endpoint.clone()),
        },
        administrators,
        origins: settings.origins,
        trusted_proxies: settings.trusted_proxies,
        transports: settings.transports,
        environment,
        max_in_flight: DEFAULT_MAX_IN_FLIGHT,
    });
    // A closed stdout is no reason not to serve.
    let _ = writeln!(io::stdout().lock(), "{greeting}listening on {endpoint}\nready");
    server.serve(service, stop).await.map_err(ServeError::Runtime)?;
    tracing::info!("stopped");
    Ok(())
}

fn signing(credentials: Credentials) -> Administrators {
    Administrators::Signing(AccessKey::new(
        credentials.access_key_id,
        credentials.secret_access_key,
    ))
}

fn line(name: &str, value: &str) -> String {
    format!("  {name:<8}{value}\n")
}

/// What a person needs to know of the credentials. The secret is shown when it is new, and never
/// again.
fn introduce(credentials: &Credentials, kept: &Kept) -> String {
    let new = |comment: &str| {
        line("admin", &format!("access key id      {}", credentials.access_key_id))
            + &line("", &format!("secret access key  {}", credentials.secret_access_key))
            + &line("", comment)
    };
    match kept {
        Kept::Before(path) => line(
            "admin",
            &format!("access key {} (from {})", credentials.access_key_id, path.display()),
        ),
        Kept::Now(path) => new(&format!("new; printed this once, and kept in {}", path.display())),
        Kept::Nowhere => new("new, and gone with this process"),
    }
}

/// `addr` as a client on this machine can reach it: "any address" is one to listen on, not one to
/// call.
fn reachable(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}
