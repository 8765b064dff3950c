//! The service on one machine, without AWS: an embedded DynamoDB [`engine`] with a [`client`], the [`table`] of
//! `template.yaml`, its [`stream`], stand-ins for the services that the functions send to, [`ses`] and [`events`], and one for
//! the [`issuer`] of the callers' tokens. [`iam`] decides what functions may call. Programs share their error, a [`mod@problem`],
//! and the form of a [`recording`].
//!
//! `make run` (the example `run` of this package), the tests and the benchmarks use it.

pub mod client;
pub mod engine;
pub mod events;
pub mod iam;
pub mod issuer;
pub mod problem;
pub mod recording;
pub mod server;
pub mod ses;
mod stand_in;
pub mod stream;
pub mod table;

pub use problem::Problem;
