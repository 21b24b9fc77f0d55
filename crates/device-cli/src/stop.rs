//! How the process is asked to end.

use std::io;

/// Ready once the process is asked to stop; listens from the call on.
#[cfg(unix)]
pub(crate) fn asked() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("ctrl-C: stopping"),
        }
    })
}

/// Ready once the process is asked to stop.
#[cfg(not(unix))]
pub(crate) fn asked() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        tracing::info!("ctrl-C: stopping");
    })
}
