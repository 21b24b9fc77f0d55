//! Connecting to the first of several hosts that accepts writes.

use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::CONNECT_TIMEOUT;

/// How long a host is waited for before the next one is tried as well.
const HEAD_START: Duration = Duration::from_millis(250);

type Connected = (Client, JoinHandle<()>);

/// The hosts of an address, in its order.
///
/// The library limits the time until a socket is open, and not that until the server answers. A
/// host that accepts connections and says nothing would keep it from the others for ever.
pub(super) struct Hosts {
    /// The settings for each host.
    each: Vec<Config>,
    tls: MakeRustlsConnect,
}

impl Hosts {
    pub(super) fn new(all: &Config, tls: MakeRustlsConnect) -> Self {
        let (hosts, addresses) = (all.get_hosts().len(), all.get_hostaddrs().len());
        let ports = all.get_ports().len();
        let each = if (addresses == 0 || addresses == hosts) && (ports < 2 || ports == hosts) {
            (0..hosts).map(|at| of_host(all, at)).collect()
        } else {
            // The library says what is wrong with these numbers.
            vec![all.clone()]
        };
        Self { each, tls }
    }

    async fn first(&self) -> Result<Connected, Error> {
        let mut hosts = self.each.iter();
        let mut attempts = FuturesUnordered::new();
        let mut refusal = None;
        loop {
            let next = hosts.next();
            let wait = if next.is_some() { HEAD_START } else { CONNECT_TIMEOUT };
            attempts.extend(next.map(|host| connect(host, self.tls.clone())));
            match timeout(wait, attempts.next()).await {
                Ok(Some(Ok(connected))) => return Ok(connected),
                Ok(Some(Err(error))) => refusal = Some(error),
                // If none has said anything, the caller's patience is the limit.
                Ok(None) | Err(_) => {
                    if let (None, Some(error)) = (next, refusal.take()) {
                        return Err(error);
                    }
                }
            }
        }
    }
}

impl Connect for Hosts {
    fn connect(
        &self,
        _: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<Connected, Error>> + Send + '_>> {
        Box::pin(self.first())
    }
}

async fn connect(host: &Config, tls: MakeRustlsConnect) -> Result<Connected, Error> {
    let (client, connection) = host.connect(tls).await?;
    // What ends a connection is also the error of the statement that it ends.
    Ok((client, tokio::spawn(async { drop(connection.await) })))
}

/// The settings for one of the hosts alone.
fn of_host(all: &Config, at: usize) -> Config {
    let mut one = Config::new();
    match all.get_hosts().get(at) {
        Some(Host::Tcp(name)) => one.host(name),
        #[cfg(unix)]
        Some(Host::Unix(path)) => one.host_path(path),
        None => &mut one,
    };
    if let Some(address) = all.get_hostaddrs().get(at) {
        one.hostaddr(*address);
    }
    if let Some(port) = all.get_ports().get(at).or(all.get_ports().first()) {
        one.port(*port);
    }
    if let Some(user) = all.get_user() {
        one.user(user);
    }
    if let Some(password) = all.get_password() {
        one.password(password);
    }
    if let Some(name) = all.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = all.get_options() {
        one.options(options);
    }
    if let Some(name) = all.get_application_name() {
        one.application_name(name);
    }
    if let Some(time) = all.get_connect_timeout() {
        one.connect_timeout(*time);
    }
    if let Some(time) = all.get_tcp_user_timeout() {
        one.tcp_user_timeout(*time);
    }
    if let Some(time) = all.get_keepalives_interval() {
        one.keepalives_interval(time);
    }
    if let Some(times) = all.get_keepalives_retries() {
        one.keepalives_retries(times);
    }
    one.keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .ssl_mode(all.get_ssl_mode())
        .ssl_negotiation(all.get_ssl_negotiation())
        .channel_binding(all.get_channel_binding())
        .target_session_attrs(all.get_target_session_attrs());
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A setting that is not copied would be lost with several hosts.
    #[test]
    fn each_host_has_all_settings() {
        let settings = "hostaddr=127.0.0.1,127.0.0.2&connect_timeout=7&tcp_user_timeout=8\
             &keepalives=0&keepalives_idle=9&keepalives_interval=10&keepalives_retries=11\
             &options=-c%20geqo%3Doff&application_name=mine&sslmode=require\
             &sslnegotiation=direct&channel_binding=require&target_session_attrs=read-write";
        let url = |host: &str, settings: &str| -> Config {
            format!("postgres://ana:tiger@{host}/device?{settings}").parse().unwrap()
        };
        let all = url("one:1,two:2", settings);
        let second = url("two:2", &settings.replacen("127.0.0.1,", "", 1));
        assert!(of_host(&all, 1) == second, "{:?} is not {second:?}", of_host(&all, 1));
    }
}
