//! The service in this process, for tests: the real handlers and the real SDK over a real engine.
//!
//! Every [`TestApp`] has a table of its own and a clock that moves only when a test advances it. Every response is
//! checked against `openapi.yaml`, and every call of a function is decided on by its policies in `template.yaml`.

mod app;
mod call;
mod clients;
mod endpoints;
pub mod faults;
pub mod identity;
pub mod logged;
pub mod openapi;
pub mod people;
pub mod random;
mod rows;
pub mod tokens;
pub mod workers;

pub use app::{ACCOUNT, OTHER_ACCOUNT, SecondApp, TestApp, root_file};
pub use call::{Call, Response};
pub use endpoints::Endpoints;
pub use identity::run_as;
pub use people::People;
pub use workers::Workers;

/// A private RSA key in PKCS#8 that is public, for the RS256 tokens of tests.
pub const RSA_TEST_KEY: &[u8] = include_bytes!("keys/public-test-key-rsa.der");
