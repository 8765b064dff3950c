//! A certificate authority for one run, and a certificate for `localhost`.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio_rustls::rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer, version::TLS13};

use crate::{Problem, problem};

/// The certificate of the proxy, and the authority that its clients trust.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) ca_pem: String,
    pub(super) config: Arc<ServerConfig>,
}

impl Identity {
    pub(super) fn new() -> Result<Self, Problem> {
        let issuer = authority().map_err(|error| problem!("no certificate authority: {error}"))?;
        let ca_pem = issuer.pem();
        let config = server_config(&issuer)?;
        Ok(Self { ca_pem, config })
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "Authority of one benchmark run");
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

/// Only TLS 1.3, as DynamoDB; ring, as the functions.
fn server_config(issuer: &CertifiedIssuer<'_, KeyPair>) -> Result<Arc<ServerConfig>, Problem> {
    let cannot = |error: rcgen::Error| problem!("no certificate: {error}");
    let key = KeyPair::generate().map_err(cannot)?;
    let mut params = CertificateParams::new(["localhost".to_owned()]).map_err(cannot)?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    let certificate = params.signed_by(&key, issuer).map_err(cannot)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate.into()], key))
        .map_err(|error| problem!("no TLS: {error}"))?;
    Ok(Arc::new(config))
}
