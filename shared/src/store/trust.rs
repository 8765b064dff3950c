//! TLS trust: the certificate authorities that are accepted for DynamoDB.
//!
//! One of five roots certifies all AWS endpoints; they are compiled in. The system's store contains about 150, and reading them costs
//! more than the TLS handshake: see docs/adr/0013.

use std::{error::Error, fmt, fs, str::FromStr};

use aws_smithy_http_client::tls;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The roots of Amazon Trust Services: Amazon Root CA 1 to 4, and Starfield Services Root Certificate Authority - G2.
const AMAZON: &str = include_str!("amazon.pem");

/// The trusted authorities: `amazon`, `native` or the path of a PEM file; or several, separated by commas.
///
/// `native` is the system's store. `SSL_CERT_FILE` and `SSL_CERT_DIR` override it.
pub struct TrustStore(tls::TrustStore);

impl TrustStore {
    pub(super) fn as_tls(&self) -> &tls::TrustStore {
        &self.0
    }
}

impl Default for TrustStore {
    fn default() -> Self {
        Self(tls::TrustStore::empty().with_pem_certificate(AMAZON))
    }
}

impl FromStr for TrustStore {
    type Err = Box<dyn Error>;

    /// # Errors
    /// When a file cannot be read, or holds no certificates or one that is none: the TLS stack would panic on it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut store = tls::TrustStore::empty();
        for source in text.split(',').map(str::trim) {
            store = match source {
                "amazon" => store.with_pem_certificate(AMAZON),
                "native" => store.with_native_roots(true),
                path => store.with_pem_certificate(read(path).map_err(|error| format!("'{path}': {error}"))?),
            };
        }
        Ok(Self(store))
    }
}

fn read(path: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let pem = fs::read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err("there is no certificate in it".into());
    }
    certificates.into_iter().try_for_each(|certificate| RootCertStore::empty().add(certificate))?;
    Ok(pem)
}

impl fmt::Debug for TrustStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrustStore")
    }
}
