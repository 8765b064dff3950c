//! Where an issuer publishes its keys (OpenID Connect Discovery 1.0).

use url::Url;

use super::Issuer;
use crate::domain::{
    json::Json,
    text::{Malformed, excerpt},
    web,
};

impl Issuer {
    /// The address of the discovery document.
    #[must_use]
    pub fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url.trim_end_matches('/'))
    }

    /// The address of the key set, from the discovery document.
    ///
    /// # Errors
    /// If the document is not that of this issuer, or the address is not safe to fetch.
    pub fn key_set_url(&self, document: &[u8]) -> Result<Url, Malformed> {
        let document = Json::parse(document)?;
        let text = |name: &str| {
            let value = document.get(name).and_then(Json::as_text);
            value.ok_or_else(|| Malformed(format!("the discovery document has no '{name}'")))
        };
        let issuer = text("issuer")?;
        if issuer != self.url {
            return Err(Malformed(format!("the discovery document is that of '{}'", excerpt(issuer))));
        }
        let url = web::address(text("jwks_uri")?)?;
        // An issuer on the web must not make the function call a server in its own environment.
        if url.scheme() != "https" && !is_on_this_machine(&self.url) {
            return Err(Malformed(format!("the key set's address '{}' must start with https://", excerpt(url.as_str()))));
        }
        Ok(url)
    }
}

/// Whether an issuer's address, which is a valid one, starts with `http`: only those of servers on this machine do.
fn is_on_this_machine(issuer: &str) -> bool {
    Url::parse(issuer).is_ok_and(|url| url.scheme() == "http")
}
