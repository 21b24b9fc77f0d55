//! A listening server: connections, maintenance and a clean shutdown.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::app_with_pages;
use crate::connections::Connections;
use crate::service::Service;
use crate::setup_error::SetupError;

/// The time between two rounds of maintenance.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(60);

/// How long running requests may take after the server is asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A bound socket that does not accept connections yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
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
        let failed = |source| SetupError::Listen { addr, source };
        let listener = TcpListener::bind(addr).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, local_addr, pages: Router::new() })
    }

    /// Serves `pages` beside the API; see [`app_with_pages`](crate::app_with_pages).
    #[must_use]
    pub fn pages(mut self, pages: Router) -> Self {
        self.pages = pages;
        self
    }

    /// The bound address, with its real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
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
        let mut background = JoinSet::new();
        background.spawn(maintain(Arc::clone(&service)));

        let app = app_with_pages(Arc::clone(&service), self.pages);
        let connections = Connections::new(app, &service.limits, service.trusted_proxies.clone());
        let under_way = connections.accept(self.listener, shutdown).await;
        if timeout(DRAIN, under_way.shutdown()).await.is_err() {
            tracing::warn!("the time to finish ran out with requests still under way");
        }
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
