//! An HTTP server on a thread and a runtime of its own. So it answers whatever its caller's runtime is busy with, and a process
//! can hold as many as it likes.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    thread::{self, JoinHandle},
};

use tokio::{runtime, sync::oneshot};

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    endpoint: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Runs `serve` with the listener, and with what resolves when the server is to stop. What `serve` leaves running then ends
    /// with the runtime.
    pub(crate) fn start<F: Future<Output = ()>>(
        name: &str,
        listener: TcpListener,
        serve: impl FnOnce(tokio::net::TcpListener, oneshot::Receiver<()>) -> F + Send + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(name.into()).spawn(move || runtime.block_on(serve(listener, stopped)))?;
        Ok(Self { endpoint, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there was printed when it happened, and a drop has nobody to tell.
            let _ = thread.join();
        }
    }
}

/// A port of loopback that nobody has.
pub(crate) fn free_port() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
}
