//! A listening server: connections, maintenance and a clean shutdown.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval};

use crate::app::{app_for, figures};
use crate::audience::Audience;
use crate::connections::{Connections, Places};
use crate::listener::Listener;
use crate::service::Service;
use crate::setup_error::SetupError;
use crate::tls::Tls;

/// The time between two rounds of maintenance.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(60);

/// The time between two looks at the files of a certificate.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(10);

/// A server that does not accept connections yet.
#[derive(Debug)]
pub struct Server {
    main: Vec<Listener>,
    admin: Vec<Listener>,
    metrics: Vec<Listener>,
    pages: Router,
}

impl Server {
    /// Binds `addr`; for port 0 the system chooses one.
    ///
    /// Bind before you build the service, which needs its own address for its tokens.
    ///
    /// # Errors
    /// [`SetupError::Listen`].
    pub async fn bind(addr: SocketAddr) -> Result<Self, SetupError> {
        Listener::tcp(addr).await.map(Self::new)
    }

    /// A server that listens on `listener`.
    #[must_use]
    pub fn new(listener: Listener) -> Self {
        Self { main: vec![listener], admin: Vec::new(), metrics: Vec::new(), pages: Router::new() }
    }

    /// Listens on `listener` as well.
    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.main.push(listener);
        self
    }

    /// Serves administrators on `listener`, and from then on only there: their operations, pages,
    /// access keys, figures, and the calls of dev mode. Everything else is served there as well.
    #[must_use]
    pub fn admin_listener(mut self, listener: Listener) -> Self {
        self.admin.push(listener);
        self
    }

    /// Serves figures and health on `listener`, to everyone who reaches it.
    #[must_use]
    pub fn metrics_listener(mut self, listener: Listener) -> Self {
        self.metrics.push(listener);
        self
    }

    /// Serves `pages` beside the API; see [`app_with_pages`](crate::app_with_pages).
    #[must_use]
    pub fn pages(mut self, pages: Router) -> Self {
        self.pages = pages;
        self
    }

    /// The bound address of the first listener, with its real port; `None` for a file.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.main.first().and_then(Listener::local_addr)
    }

    /// Where clients reach the first listener, such as `http://127.0.0.1:9229`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.main.first().map(Listener::endpoint).unwrap_or_default()
    }

    /// Serves until `shutdown` completes.
    ///
    /// Then it accepts no more connections, and waits up to ten seconds for running requests and up
    /// to ten for messages to users.
    pub async fn serve(
        self,
        service: Arc<Service>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) {
        let Self { main, admin, metrics, pages } = self;
        let mut background = JoinSet::new();
        background.spawn(maintain(Arc::clone(&service)));
        let mut certificates: Vec<Tls> = Vec::new();
        for tls in main.iter().chain(&admin).chain(&metrics).filter_map(|it| it.tls.as_ref()) {
            if !certificates.iter().any(|known| known.is(tls)) {
                certificates.push(tls.clone());
            }
        }
        if !certificates.is_empty() {
            background.spawn(renew(certificates));
        }

        let audience = if admin.is_empty() { Audience::Everyone } else { Audience::Users };
        let mut entrances: Vec<(Vec<Listener>, Router)> =
            vec![(main, { app_for(audience, Arc::clone(&service), pages.clone()) })];
        if !admin.is_empty() {
            entrances.push((admin, app_for(Audience::Everyone, Arc::clone(&service), pages)));
        }
        entrances.push((metrics, figures(Arc::clone(&service))));

        // Dropped when the server stops.
        let (running, stopped) = watch::channel(());
        let mut accepting = JoinSet::new();
        for (listeners, app) in entrances {
            // Places of their own: callers of one entrance must not shut another.
            let places = Places::of(&service.limits);
            for listener in listeners {
                let connections = Connections::new(
                    app.clone(),
                    Arc::clone(&places),
                    service.trusted_proxies.clone(),
                    Arc::clone(&service.metrics),
                );
                accepting.spawn(connections.serve(listener, stopped.clone()));
            }
        }
        drop(stopped);
        shutdown.await;
        drop(running);
        while accepting.join_next().await.is_some() {}
        service.write_counts().await;
        service.finish_messages().await;
    }
}

/// Maintains the service while the server runs.
async fn maintain(service: Arc<Service>) {
    let mut ticks = interval(MAINTENANCE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        service.maintain().await;
    }
}

/// Uses the new files when certificates are renewed.
async fn renew(certificates: Vec<Tls>) {
    let mut ticks = interval(CERTIFICATE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        for tls in certificates.clone() {
            // An error would be a panic, which the panic hook logs.
            let _ = spawn_blocking(move || tls.reload_if_changed()).await;
        }
    }
}
