//! A service that listens on a free loopback port, on its own thread.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use device_server::{Server, Service};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// A bound port that does not serve yet.
pub(crate) struct Listener {
    runtime: Runtime,
    server: Server,
}

impl Listener {
    pub(crate) fn bind() -> Self {
        // Tests may start a server from async code, and one runtime does not start within another.
        let bind = || {
            let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
            let runtime = runtime.unwrap();
            let server = runtime.block_on(Server::bind(([127, 0, 0, 1], 0).into())).unwrap();
            Self { runtime, server }
        };
        thread::scope(|scope| scope.spawn(bind).join()).unwrap()
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.local_addr().unwrap()
    }

    pub(crate) fn serve(self, service: Arc<Service>) -> Running {
        let (stop, stopped) = oneshot::channel();
        let addr = self.addr();
        let Self { runtime, server } = self;
        let thread = thread::spawn(move || {
            let shutdown = async {
                let _ = stopped.await;
            };
            runtime.block_on(server.serve(service, shutdown));
        });
        Running { addr, stop: Some(stop), thread: Some(thread) }
    }
}

/// A server that stops when this is dropped.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
