//! What a supervisor such as systemd passes on and is told: sockets, readiness, signs of life.

#[cfg(unix)]
pub(crate) use unix::{inherited, ready, reloading, stopping, watched};

#[cfg(not(unix))]
pub(crate) use elsewhere::{inherited, ready, reloading, stopping, watched};

#[cfg(unix)]
mod unix {
    use std::env;
    use std::io;

    use device_server::Listener;
    use listenfd::ListenFd;
    use sd_notify::NotifyState;
    use tokio::task::spawn_blocking;
    use tokio::time::{MissedTickBehavior, interval};

    use crate::serve::ServeError;
    use crate::serve::network::Use;

    /// The listeners that are open already (`LISTEN_FDS`). Their names (`FileDescriptorName=`) say
    /// what they are for: `admin`, `metrics`, and any other name for the main one.
    ///
    /// Needs a runtime.
    pub(crate) fn inherited() -> Result<Vec<(Use, Listener)>, ServeError> {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut sockets = ListenFd::from_env();
        let mut listeners = Vec::new();
        for index in 0..sockets.len() {
            let used = match names.next() {
                Some("admin") => Use::Admin,
                Some("metrics") => Use::Metrics,
                _ => Use::Main,
            };
            let listener = take(&mut sockets, index).map_err(|error| {
                ServeError::Settings(format!(
                    "the socket {index} that was passed on (LISTEN_FDS) cannot be used: {error}. \
                     It must listen, on TCP or on a file"
                ))
            })?;
            listeners.extend(listener.map(|listener| (used, listener)));
        }
        Ok(listeners)
    }

    fn take(sockets: &mut ListenFd, index: usize) -> io::Result<Option<Listener>> {
        if let Ok(Some(listener)) = sockets.take_tcp_listener(index) {
            return Listener::inherited(listener).map(Some);
        }
        sockets.take_unix_listener(index)?.map(Listener::inherited_file).transpose()
    }

    fn tell(states: &[NotifyState<'_>]) {
        if let Err(error) = sd_notify::notify(states) {
            tracing::warn!(%error, "the supervisor cannot be told the server's state");
        }
    }

    /// Says that connections are accepted.
    pub(crate) fn ready() {
        tell(&[NotifyState::Ready]);
    }

    /// Says that settings are read again, until [`ready`] is said.
    pub(crate) fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// Says that the server ends.
    pub(crate) fn stopping() {
        tell(&[NotifyState::Stopping]);
    }

    /// Shows signs of life while a supervisor wants some (`WATCHDOG_USEC`). There are none if the
    /// process has no thread left for a call.
    pub(crate) async fn watched() {
        let Some(limit) = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero()) else {
            return;
        };
        let mut ticks = interval(limit / 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if spawn_blocking(|| ()).await.is_ok() {
                tell(&[NotifyState::Watchdog]);
            }
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use device_server::Listener;

    use crate::serve::ServeError;
    use crate::serve::network::Use;

    pub(crate) fn inherited() -> Result<Vec<(Use, Listener)>, ServeError> {
        Ok(Vec::new())
    }

    pub(crate) fn ready() {}

    pub(crate) fn reloading() {}

    pub(crate) fn stopping() {}

    pub(crate) async fn watched() {}
}
