//! What the stand-ins for AWS services share: they read a request as a whole and decide on one [`Reply`], of which some are
//! failures that a web framework does not offer.

use std::{
    future::pending,
    io,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::{HeaderName, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::sleep};

use crate::server::Server;

/// AWS takes no larger request.
const LARGEST: usize = 40 * 1024 * 1024;

/// The header that names an error in AWS's REST protocols.
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// What becomes of a request.
pub(crate) enum Reply {
    /// This status and this JSON, and the code of an error.
    Json(u16, Value, Option<&'static str>),
    /// The connection is closed without a reply.
    Cut,
    /// The connection stays open without a reply.
    Hang,
}

impl Reply {
    pub(crate) fn error(status: u16, code: &'static str, message: &str) -> Self {
        Self::Json(status, json!({ "__type": code, "message": message }), Some(code))
    }
}

/// Serves `listener` until the server is dropped.
pub(crate) fn start(
    name: &str,
    listener: TcpListener,
    reply: impl Fn(&Parts, &Bytes) -> Reply + Send + Sync + 'static,
) -> io::Result<Server> {
    let reply = Arc::new(reply);
    Server::start(name, listener, |listener, stopped| async move {
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((connection, _)) => drop(tokio::spawn(serve(connection, Arc::clone(&reply)))),
                    // Out of file descriptors, mostly: others will be closed.
                    Err(_) => sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::select! {
            () = accept => {}
            _ = stopped => {}
        }
    })
}

async fn serve(connection: TcpStream, reply: Arc<impl Fn(&Parts, &Bytes) -> Reply + Send + Sync + 'static>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let reply = Arc::clone(&reply);
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(Body::new(body), LARGEST).await.map_err(|_| Cut)?;
            match reply(&parts, &body) {
                Reply::Json(status, body, code) => Ok(response(status, &body, code)),
                // An error of the service makes hyper close the connection.
                Reply::Cut => Err(Cut),
                Reply::Hang => pending().await,
            }
        }
    });
    // The client may have gone, or is meant to believe that we have.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
}

fn response(status: u16, body: &Value, code: Option<&'static str>) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, axum::http::HeaderValue::from_static("application/json"));
    if let Some(code) = code {
        response.headers_mut().insert(ERROR_TYPE, axum::http::HeaderValue::from_static(code));
    }
    response
}

/// Why a connection is closed: there is to be no answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for Cut {}

/// Locks what a stand-in remembers. A test's closure that panicked while it was locked has spoilt none of it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
