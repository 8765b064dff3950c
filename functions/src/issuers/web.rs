//! Fetches small documents from the web. Follows no redirects: a document is where the configuration or another document says.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};
use aws_smithy_types::byte_stream::ByteStream;
use shared::store::TrustStore;
use tokio::time::timeout;

/// The largest document in bytes. Key sets have a few thousand, with certificates a few ten thousand.
pub const MAX_SIZE: usize = 128 * 1024;

/// A client for `https`, and for `http` to servers on this machine.
#[derive(Debug)]
pub struct Web {
    connector: Connector,
    time_limit: Duration,
}

impl Web {
    /// Trusts these authorities. A fetch takes at most `time_limit`.
    #[must_use]
    pub fn new(trust: &TrustStore, time_limit: Duration) -> Self {
        Self { connector: shared::store::connector(trust), time_limit }
    }

    /// Fetches a document.
    ///
    /// # Errors
    /// A sentence for the log, if the response is not a complete 200 of at most [`MAX_SIZE`] bytes within the time limit.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let fetched = timeout(self.time_limit, Box::pin(self.fetch(url))).await;
        fetched.unwrap_or_else(|_| Err(format!("no complete response within {:?}", self.time_limit)))
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, String> {
        let mut request = HttpRequest::empty();
        request.set_uri(url).map_err(|error| error.to_string())?;
        request.headers_mut().insert("accept", "application/json");
        let response = self.connector.call(request).await.map_err(|error| chain(&error))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(format!("status {status} instead of 200"));
        }
        let mut body = ByteStream::new(response.into_body());
        let mut document = Vec::new();
        while let Some(bytes) = body.next().await {
            document.extend(bytes.map_err(|error| chain(&error))?);
            if document.len() > MAX_SIZE {
                return Err(format!("more than {MAX_SIZE} bytes"));
            }
        }
        Ok(document)
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes: Vec<_> = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    causes.join(": ")
}
