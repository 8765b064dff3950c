//! HTTP/1.1 on loopback, which the engine, the stand-ins and the proxies of this project share.

use std::{
    convert::Infallible,
    fmt, io,
    net::{Ipv4Addr, SocketAddr, TcpListener as StdListener},
    thread,
    time::Duration,
};

use hyper::{
    Request, Response,
    body::{Body, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    runtime,
    sync::oneshot,
    task,
    time::sleep,
};

/// A running server. Dropping it closes its port.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    endpoint: String,
    running: Running,
}

#[derive(Debug)]
enum Running {
    Thread { stop: Option<oneshot::Sender<()>>, thread: Option<thread::JoinHandle<()>> },
    Task(task::JoinHandle<Infallible>),
}

impl Server {
    /// Runs `serve` on a thread and a runtime of its own, so that it answers while its caller's runtime is busy. `serve` gets
    /// the listener, and a receiver that resolves when it has to stop. Connections that are still open then are closed.
    ///
    /// # Errors
    /// When the listener cannot be used, or no thread can be started.
    pub fn on_thread<F: Future<Output = ()>>(
        name: &str,
        listener: StdListener,
        serve: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (listener, address) = {
            let _entered = runtime.enter();
            listen(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(name.into()).spawn(move || runtime.block_on(serve(listener, stopped)))?;
        Ok(Self::new(address, Running::Thread { stop: Some(stop), thread: Some(thread) }))
    }

    /// Hands each connection to `serve`, on the caller's runtime. An open connection outlives the server.
    ///
    /// # Errors
    /// When the listener cannot be used.
    pub fn on_runtime<F: Future<Output = ()> + Send + 'static>(
        listener: StdListener,
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> io::Result<Self> {
        let (listener, address) = listen(listener)?;
        Ok(Self::new(address, Running::Task(tokio::spawn(accept(listener, serve)))))
    }

    fn new(address: SocketAddr, running: Running) -> Self {
        Self { address, endpoint: format!("http://{address}"), running }
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, such as `http://127.0.0.1:8000`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        match &mut self.running {
            Running::Thread { stop, thread } => {
                drop(stop.take());
                // A panic of the thread was printed when it happened.
                let _ = thread.take().map(thread::JoinHandle::join);
            }
            Running::Task(task) => task.abort(),
        }
    }
}

/// A free port of loopback.
///
/// # Errors
/// When there is none.
pub fn free_port() -> io::Result<StdListener> {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0))
}

/// A free port of a loopback address that nobody can guess, where the system has such addresses. A website that is open in a browser
/// on this machine can try all ports of `127.0.0.1`, but not those of sixteen million addresses.
///
/// # Errors
/// When there is none.
pub fn hidden_port() -> io::Result<StdListener> {
    // The end of a time-ordered UUID is random.
    let [.., a, b, c] = uuid::Uuid::now_v7().into_bytes();
    StdListener::bind((Ipv4Addr::new(127, a, b, c), 0)).or_else(|_| free_port())
}

/// The listener for the current runtime, and its address.
///
/// # Errors
/// When the listener cannot be used.
pub fn listen(listener: StdListener) -> io::Result<(TcpListener, SocketAddr)> {
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, address))
}

/// Accepts connections and hands each to `serve`, in a task of its own.
pub(crate) async fn accept<F: Future<Output = ()> + Send + 'static>(listener: TcpListener, serve: impl Fn(TcpStream) -> F) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Otherwise a response could wait until the previous one is acknowledged.
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve(stream));
            }
            // Usually no file descriptor is left, and other connections will be closed.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers the requests of one connection until either side closes it. An error closes it without a response.
pub async fn connection<B, F>(stream: impl AsyncRead + AsyncWrite + Unpin, respond: impl Fn(Request<Incoming>) -> F)
where
    B: Body<Error: std::error::Error + Send + Sync> + 'static,
    F: Future<Output = Result<Response<B>, NoResponse>>,
{
    // The client may have gone, or is meant to see a broken connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(respond)).await;
}

/// The connection closes without a response.
#[derive(Debug, Clone, Copy)]
pub struct NoResponse;

impl fmt::Display for NoResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no response")
    }
}

impl std::error::Error for NoResponse {}
