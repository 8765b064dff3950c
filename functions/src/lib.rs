//! One Lambda function per endpoint of the Invitations API, in folders by caller.
//!
//! A binary in `src/bin` starts [`http::edge::run`], which parses the event and calls the endpoint's `handle`. That does five
//! things in one order: authorize, parse, decide, store, reply. [`http::edge`] turns the result into a response.

pub mod account;
pub mod app;
pub mod delivery;
mod guard;
pub mod http;
pub mod invitee;
pub mod issuers;
pub mod operator;
pub mod texts;
