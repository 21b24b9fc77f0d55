//! Signals that stop the process, that make it read settings again, and that are ignored.

use std::io;

/// The signals of this process, from the call of [`Signals::listen`] on.
#[cfg(unix)]
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Listens. From now on SIGHUP and SIGXFSZ (a file at its size limit) do not end the process. A
    /// write beyond the limit fails as on a full disk.
    pub(crate) fn listen() -> io::Result<Self> {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};

        // A handled signal does not end the process; the write fails, and that is logged.
        drop(signal(SignalKind::from_raw(Signal::XFSZ.as_raw()))?);
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Completes when the process is asked to stop. At each SIGHUP before that, `reload` runs off
    /// the workers.
    pub(crate) async fn stop(mut self, reload: impl Fn() + Clone + Send + 'static) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return tracing::info!("SIGTERM: stopping"),
                _ = self.interrupt.recv() => return tracing::info!("ctrl-C: stopping"),
                _ = self.hangup.recv() => {
                    // An error would be a panic, which the panic hook logs.
                    let _ = tokio::task::spawn_blocking(reload.clone()).await;
                }
            }
        }
    }
}

/// The signals of this process.
#[cfg(not(unix))]
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Completes when the process is asked to stop. Nothing asks for a reload.
    pub(crate) async fn stop(self, _: impl Fn() + Clone + Send + 'static) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        tracing::info!("ctrl-C: stopping");
    }
}
