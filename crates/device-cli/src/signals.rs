//! Signals that stop the process, and signals that are ignored.

use std::io;

/// Completes when the process is asked to stop; listens from the call on.
///
/// From then on SIGHUP (a closed terminal, or an unsupported reload) and SIGXFSZ (a file at its
/// size limit) do not end the process. A write beyond the limit fails as on a full disk.
#[cfg(unix)]
pub(crate) fn stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use rustix::process::Signal;
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hangup = signal(SignalKind::hangup())?;
    // A handled signal does not end the process; the write fails, and that is logged.
    drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
    Ok(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => return tracing::info!("SIGTERM: stopping"),
                _ = interrupt.recv() => return tracing::info!("ctrl-C: stopping"),
                _ = hangup.recv() => tracing::info!("SIGHUP: ignored; settings are read at the \
                                                     start"),
            }
        }
    })
}

/// Completes when the process is asked to stop.
#[cfg(not(unix))]
pub(crate) fn stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        tracing::info!("ctrl-C: stopping");
    })
}
