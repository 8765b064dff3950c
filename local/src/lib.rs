//! The service on one machine, without AWS: an embedded DynamoDB [`engine`], the [`table`] that `template.yaml` describes and
//! a [`client`] for either, its [`stream`], and stand-ins for the services that get what the functions send: [`ses`] and
//! [`events`]. Programs share their error, a [`problem`], and the form of a [`recording`].
//!
//! `make run` (the example `run` of this package) and the tests stand on the same.

pub mod client;
pub mod engine;
pub mod events;
pub mod problem;
pub mod recording;
pub mod server;
pub mod ses;
mod stand_in;
pub mod stream;
pub mod table;

pub use problem::Problem;
