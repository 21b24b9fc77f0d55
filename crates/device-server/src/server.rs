//! A listening process: connections in, maintenance now and then, and an orderly end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::app::app;
use crate::connections::{Connections, MAX_CONNECTIONS};
use crate::service::Service;

/// How often expired records and old keys are looked for.
const MAINTENANCE_INTERVAL: Duration = Duration::from_secs(60);

/// How long requests under way may take to finish once the server is asked to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// A bound socket that does not accept yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Server {
    /// Binds `addr`; port 0 lets the system choose one. Binding comes before the service is made,
    /// because a service must know its address to name itself in its tokens.
    ///
    /// # Errors
    /// When the address cannot be had.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let local_addr = listener.local_addr()?;
        Ok(Self { listener, local_addr })
    }

    /// The address that was bound, with its real port.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` is ready, then takes no more connections, and lets the requests
    /// under way finish for up to ten seconds, and then the messages to users for as long again.
    ///
    /// # Errors
    /// When the listening socket fails.
    pub async fn serve(
        self,
        service: Arc<Service>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let mut background = JoinSet::new();
        background.spawn(maintain(Arc::clone(&service)));

        let under_way = Connections::new(app(Arc::clone(&service)), MAX_CONNECTIONS)
            .accept(self.listener, shutdown)
            .await;
        if timeout(DRAIN, under_way.shutdown()).await.is_err() {
            tracing::warn!("requests were still under way when the time to finish them ran out");
        }
        service.finish_messages().await;
        Ok(())
    }
}

/// Maintains the service, for as long as the server runs.
async fn maintain(service: Arc<Service>) {
    let mut ticks = interval(MAINTENANCE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        service.maintain().await;
    }
}
