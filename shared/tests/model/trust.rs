//! TLS trust for DynamoDB.

use std::{fs, path::PathBuf};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use sha2::{Digest, Sha256};
use shared::store::TrustStore;

fn amazon() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/store/amazon.pem")
}

fn problem(text: &str) -> String {
    text.parse::<TrustStore>().expect_err("this is none").to_string()
}

/// SHA-256 of each certificate, as <https://www.amazontrust.com/repository/> publishes them.
const PUBLISHED: [&str; 5] = [
    "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
];

#[test]
fn the_embedded_roots_are_the_five_that_amazon_publishes() {
    let pem = fs::read(amazon()).expect("the file is there");
    let fingerprints: Vec<String> = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| Sha256::digest(certificate.expect("well-formed")).iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    assert_eq!(fingerprints, PUBLISHED);
}

#[test]
fn a_trust_store_is_amazon_native_a_file_or_a_list_of_them() {
    let file = amazon().display().to_string();
    for text in ["amazon", "native", &file, "amazon,native", &format!("amazon, {file}")] {
        text.parse::<TrustStore>().unwrap_or_else(|error| panic!("{text}: {error}"));
    }
}

#[test]
fn an_unusable_certificate_file_is_rejected_with_its_name() {
    let folder = std::env::temp_dir().join(format!("trust-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("it can be written");
        path.display().to_string()
    };
    let empty = file("empty.pem", "");
    let cut = file("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA");
    let other = file("other.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    for path in [&empty, &cut, &other, "/nowhere/ca.pem", "Amazon", ""] {
        assert!(problem(path).starts_with(&format!("'{path}': ")), "{}", problem(path));
        assert!(problem(&format!("amazon,{path}")).starts_with(&format!("'{path}': ")));
    }
    fs::remove_dir_all(folder).expect("it can be removed");
}
