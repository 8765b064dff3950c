//! Responses of the issuer, including those that no well-behaved server gives.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    http::{
        HeaderValue, Response, StatusCode,
        header::{CONTENT_TYPE, LOCATION},
    },
};
use hyper::body::Frame;

/// A body without an end.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unfinished {
    /// Spaces, as fast as the client reads them.
    Endless,
    /// Nothing.
    Stalled,
}

impl hyper::body::Body for Unfinished {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match *self {
            Self::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b' '; 4096]))))),
            Self::Stalled => Poll::Pending,
        }
    }
}

pub(super) fn json(body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn status(status: u16) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

pub(super) fn redirect(url: &str) -> Response<Body> {
    let mut response = status(302);
    if let Ok(url) = HeaderValue::try_from(url) {
        response.headers_mut().insert(LOCATION, url);
    }
    response
}
